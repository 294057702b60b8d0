import { Effect, Exit, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, RunStore, type RunStoreService, Step, type StepContext, StoreError } from "../src/index.ts"
import { begin, ending } from "./memory.ts"

// Random graphs, and for each of them a list of accidents, one per attempt: a step throws, the run is interrupted, or
// the process dies right before or after any of its commits. What it ends with must be what it would have been.

interface Node {
  readonly kind: "plain" | "draws" | "trains" | "maps" | "trains each" | "in stages" | "maybe" | "measures" | "uses param"
  /** What it reads, as positions among the steps before it. */
  readonly reads: ReadonlyArray<number>
}

type Accident =
  | { readonly kind: "throws"; readonly atPoint: number }
  | { readonly kind: "interrupted"; readonly atPoint: number }
  | { readonly kind: "dies"; readonly atCommit: number; readonly committed: boolean }

interface Scenario {
  readonly nodes: ReadonlyArray<Node>
  readonly accidents: ReadonlyArray<Accident>
  readonly seed: number
}

const node: fc.Arbitrary<Node> = fc.record({
  kind: fc.constantFrom("plain", "draws", "trains", "trains", "maps", "trains each", "in stages", "maybe", "measures", "uses param"),
  reads: fc.array(fc.nat(7), { maxLength: 3 })
})
const accident: fc.Arbitrary<Accident> = fc.oneof(
  fc.record({ kind: fc.constant("throws" as const), atPoint: fc.nat(40) }),
  fc.record({ kind: fc.constant("interrupted" as const), atPoint: fc.nat(40) }),
  fc.record({ kind: fc.constant("dies" as const), atCommit: fc.nat(20), committed: fc.boolean() })
)
const scenario: fc.Arbitrary<Scenario> = fc.record({
  nodes: fc.array(node, { minLength: 1, maxLength: 6 }),
  accidents: fc.array(accident, { minLength: 1, maxLength: 4 }),
  seed: fc.nat(3)
})

/** What befalls an attempt, and how far it has come; a step passes a point whenever it does something. */
class Fate {
  points = 0
  commits = 0
  dead = false
  readonly accident: Accident | undefined
  interrupt: () => void = () => {}

  constructor(accident: Accident | undefined) {
    this.accident = accident
  }

  point(): void {
    const { accident } = this
    if (accident === undefined || accident.kind === "dies" || this.points++ !== accident.atPoint) return
    if (accident.kind === "throws") throw new Error("an accident")
    this.interrupt()
  }

  /** A dead process writes nothing more. */
  readonly commit = (commit: Effect.Effect<void, StoreError>): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      const { accident } = this
      const dies = accident?.kind === "dies" && this.commits++ === accident.atCommit
      const gone = Effect.fail(new StoreError({ reason: "LeaseLost", what: "the process is dead" }))
      if (this.dead) return gone
      if (!dies) return commit
      this.dead = true
      return accident.committed ? Effect.andThen(commit, gone) : gone
    })
}

/** What was recorded complete must never be executed again. */
class Ledger {
  readonly complete = new Set<string>()
  readonly repeated: Array<string> = []

  begins(address: string): void {
    if (this.complete.has(address)) this.repeated.push(address)
  }
}

const pipelineOf = ({ nodes }: Scenario, fate: () => Fate, ledger: Ledger) => {
  const steps: Array<Step.Step<string, unknown>> = []
  const total = (inputs: object): number => JSON.stringify(inputs).length
  const enter = ({ step }: Pick<StepContext, "step">): void => {
    ledger.begins(step)
    fate().point()
  }
  nodes.forEach(({ kind, reads }, at) => {
    const name = `${kind} ${at}`
    const inputs = Object.fromEntries(at === 0 ? [] : reads.map((read) => [`i${read % at}`, steps[read % at]!] as const))
    const options = { version: "1", inputs }
    steps.push((() => {
      switch (kind) {
        case "plain":
          return Step.make(name, { ...options, run: (context) => (enter(context), total(context.inputs)) })
        case "draws":
          return Step.make(name, {
            ...options,
            run: async (context) => {
              enter(context)
              const first = context.random.next()
              await Promise.resolve()
              fate().point()
              return [first, context.random.int(0, 99), total(context.inputs)]
            }
          })
        case "uses param":
          return Step.make(name, { ...options, params: { lr: Schema.Number }, run: (context) => (enter(context), context.params.lr * total(context.inputs)) })
        case "measures":
          return Step.make(name, { ...options, run: (context) => (enter(context), { scores: Metrics.create({ size: total(context.inputs) }), note: null }) })
        case "maybe":
          return Step.make(name, { ...options, when: ({ inputs }) => total(inputs) % 2 === 0, run: (context) => (enter(context), undefined) })
        case "maps": {
          const list = Step.make(`list ${at}`, { ...options, run: (context) => (enter(context), ["a", "b", "a", String(total(context.inputs))]) })
          return Step.map(name, {
            version: "1",
            over: list,
            run: (context) =>
              Effect.gen(function*() {
                enter(context)
                context.metrics.log({ item: context.item.length })
                yield* Effect.sleep("300 millis")
                fate().point()
                return `${context.item}${context.random.int(0, 9)}`
              })
          })
        }
        // Each item by itself, some of them at a time, and some with another try.
        case "trains each": {
          const list = Step.make(`list ${at}`, { ...options, run: (context) => (enter(context), ["a", "b", "a", String(total(context.inputs))]) })
          return Step.map(name, {
            version: "1",
            over: list,
            retry: at % 2,
            ...(at % 3 === 0 ? { concurrency: 2 } : {}),
            run: (context) =>
              Effect.gen(function*() {
                const { artifacts, checkpoint, metrics, random } = context
                enter(context)
                let { epoch, sum } = (yield* Effect.promise(() => checkpoint.latest<{ epoch: number; sum: number }>("model"))) ?? { epoch: 0, sum: 0 }
                for (; epoch < 3; epoch++) {
                  sum += random.int(0, 99)
                  if (epoch !== 1) metrics.log({ sum })
                  yield* Effect.sleep("250 millis")
                  fate().point()
                  if (epoch === 0) yield* Effect.promise(() => artifacts.put(`epoch ${epoch}`, `${sum}`))
                  yield* Effect.promise(() => checkpoint.save("model", { epoch: epoch + 1, sum }))
                  fate().point()
                }
                return sum
              })
          })
        }
        // Two checkpoints, which may be of different executions; the first with points, with an artifact, with both or with none.
        case "in stages":
          return Step.make(name, {
            ...options,
            run: (context) =>
              Effect.gen(function*() {
                const { artifacts, checkpoint, metrics, random } = context
                enter(context)
                let data = yield* Effect.promise(() => checkpoint.latest<number>("data"))
                let { stage, sum } = (yield* Effect.promise(() => checkpoint.latest<{ stage: number; sum: number }>("state"))) ?? { stage: 0, sum: 0 }
                if (data === undefined) {
                  const drawn = random.int(0, 99)
                  if (at % 2 === 0) metrics.log({ data: drawn })
                  if (at % 3 === 0) yield* Effect.promise(() => artifacts.put("data", `${drawn}`))
                  fate().point()
                  yield* Effect.promise(() => checkpoint.save("data", drawn))
                  fate().point()
                  data = drawn
                }
                while (stage < 4) {
                  sum += random.int(0, 99)
                  if (++stage % 2 === 0) metrics.log({ data, sum })
                  yield* Effect.sleep("200 millis")
                  yield* Effect.promise(() => checkpoint.save("state", { stage, sum }))
                  fate().point()
                }
                return sum + data
              })
          })
        case "trains":
          return Step.make(name, {
            ...options,
            retry: at % 2,
            run: (context) =>
              Effect.gen(function*() {
                const { artifacts, checkpoint, metrics, random } = context
                enter(context)
                let { epoch, sum } = (yield* Effect.promise(() => checkpoint.latest<{ epoch: number; sum: number }>("model"))) ?? { epoch: 0, sum: 0 }
                for (; epoch < 5; epoch++) {
                  sum += random.next()
                  metrics.log({ sum })
                  fate().point()
                  yield* Effect.sleep("250 millis")
                  if (epoch % 2 === 0) {
                    yield* Effect.promise(() => artifacts.put(`epoch ${epoch}`, `${sum}`))
                    fate().point()
                    yield* Effect.promise(() => checkpoint.save("model", { epoch: epoch + 1, sum }))
                  }
                  fate().point()
                  if (epoch === 3) metrics.log({ late: epoch }, { index: epoch * 10 })
                }
                return sum
              })
          })
      }
    })() as Step.Step<string, unknown>)
  })
  return Pipeline.make("random", { steps })
}

const layerOf = (fate: () => Fate, ledger: Ledger) => {
  const store = Effect.map(MemoryRunStore.make, (inner): RunStoreService => ({
    ...inner,
    commit: (writer, changes) => {
      const commit = Effect.tap(inner.commit(writer, changes), () =>
        Effect.sync(() => {
          for (const change of changes) if (change._tag === "StepRecorded" && change.record.status === "completed") ledger.complete.add(change.record.address)
        }))
      return writer.runId === "torn" ? fate().commit(commit) : inner.commit(writer, changes)
    }
  }))
  return Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(Layer.effect(RunStore, store), MemoryArtifactStore.layer, JsonCodec.layer)))
}

const play = (scenario: Scenario) => {
  let fate = new Fate(undefined)
  const ledger = new Ledger()
  const pipeline = (of: Ledger) => pipelineOf(scenario, () => fate, of)
  const { accidents, nodes, seed } = scenario
  const params = nodes.some(({ kind }) => kind === "uses param") ? { lr: 0.5 } : {}
  const attempt = Effect.fnUntraced(function*(runId: string, of: Ledger) {
    const fiber = yield* begin(pipeline(of), params as never, { runId, seed })
    fate.interrupt = () => fiber.interruptUnsafe()
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
    return yield* Fiber.await(fiber)
  })
  return Effect.gen(function*() {
    for (const accident of accidents) {
      fate = new Fate(accident)
      yield* attempt("torn", ledger)
    }
    fate = new Fate(undefined)
    const last = yield* attempt("torn", ledger)
    if (Exit.isFailure(last)) throw new Error(String(last.cause))
    const whole = yield* attempt("whole", new Ledger())
    if (Exit.isFailure(whole)) throw new Error(String(whole.cause))
    expect(ledger.repeated).toEqual([])
    expect(yield* ending("torn")).toEqual(yield* ending("whole"))
    expect(JSON.stringify(last.value.outputs)).toBe(JSON.stringify(whole.value.outputs))
    expect(last.value.metrics).toEqual(whole.value.metrics)
  }).pipe(Effect.provide(layerOf(() => fate, ledger)), Effect.provide(TestClock.layer()), Effect.scoped, Effect.runPromise)
}

it("wherever and however often a run is torn, it ends as one that was left alone, and repeats nothing that was complete", async () => {
  await fc.assert(fc.asyncProperty(scenario, play), { numRuns: 200 })
}, 60_000)
