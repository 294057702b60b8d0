import { Cause, Effect, Exit, Layer, Schema } from "effect"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { InvalidInput, Metrics, Pipeline, Runner, RunStore, Step, type StepContext, StepFailed } from "../src/index.ts"
import { ending, layer } from "./memory.ts"

// Random graphs that are run whole and in parts, from a step on, with steps executed again, forked with other params and
// seeds, while steps throw and other runs are deleted. In whatever order that is done, the run ends as one that was left
// alone, and a step that must happen once happens once in each run.

const KINDS = ["draws", "cached", "cached and draws", "maps", "maps cached", "collects", "once", "maps once", "maybe", "measures", "trains", "trains each"] as const

interface Node {
  readonly kind: typeof KINDS[number]
  /** What it reads, as positions among the steps before it. */
  readonly reads: ReadonlyArray<number>
}

type Deed =
  | { readonly deed: "run" | "delete the others" }
  | { readonly deed: "until" | "only" | "from" | "rerun" | "fork from"; readonly at: number }
  | { readonly deed: "fork"; readonly more: number; readonly seed: number | undefined }

interface Scenario {
  readonly nodes: ReadonlyArray<Node>
  /** Each with the place at which a step throws meanwhile. */
  readonly deeds: ReadonlyArray<readonly [Deed, throwsAt: number | undefined]>
}

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ deed: fc.constantFrom("run" as const, "delete the others" as const) }),
  fc.record({ deed: fc.constantFrom("until" as const, "only" as const, "from" as const, "rerun" as const, "fork from" as const), at: fc.nat(6) }),
  fc.record({ deed: fc.constant("fork" as const), more: fc.nat(1), seed: fc.option(fc.nat(1), { nil: undefined }) })
)
const scenario: fc.Arbitrary<Scenario> = fc.record({
  nodes: fc.array(fc.record({ kind: fc.constantFrom(...KINDS), reads: fc.array(fc.nat(7), { maxLength: 3 }) }), { minLength: 1, maxLength: 5 }),
  deeds: fc.array(fc.tuple(deed, fc.option(fc.nat(20), { nil: undefined })), { minLength: 1, maxLength: 6 })
})

/** What the steps do beside their work: they may throw where they `come`, and say that something happened which must happen once. */
interface Watch {
  readonly come: () => void
  readonly happen: (what: string) => void
}

const pipelineOf = (nodes: ReadonlyArray<Node>, { come, happen }: Watch) => {
  const steps: Array<Step.Step<string, unknown>> = []
  const total = (inputs: object): number => JSON.stringify(inputs).length
  const params = { epochs: Schema.Int }
  const train = async ({ artifacts, checkpoint, metrics, params, random }: StepContext<object, { readonly epochs: number }>) => {
    let { epoch, sum } = (await checkpoint.latest<{ epoch: number; sum: number }>("model")) ?? { epoch: 0, sum: 0 }
    for (; epoch < params.epochs; epoch++) {
      metrics.log({ sum: sum += random.int(0, 99) })
      await artifacts.put(`epoch ${epoch}`, String(sum))
      come()
      await checkpoint.save("model", { epoch: epoch + 1, sum })
      come()
    }
    return sum
  }
  nodes.forEach(({ kind, reads }, at) => {
    const name = `${kind} ${at}`
    const inputs = Object.fromEntries(at === 0 ? [] : reads.map((read) => [`i${read % at}`, steps[read % at]!] as const))
    const options = { version: "1", inputs }
    const each = () => ({ version: "1", over: Step.make(`list ${at}`, { ...options, run: ({ inputs }) => (come(), ["a", "b", "a", String(total(inputs) % 3)]) }) })
    steps.push((() => {
      switch (kind) {
        case "draws":
          return Step.make(name, { ...options, run: ({ inputs, random }) => (come(), [random.int(0, 99), total(inputs)]) })
        case "cached":
          return Step.make(name, { ...options, cache: true, run: ({ inputs, metrics }) => (come(), metrics.log({ size: total(inputs) }), total(inputs)) })
        case "cached and draws":
          return Step.make(name, {
            ...options,
            cache: true,
            run: async ({ artifacts, inputs, random }) => {
              await artifacts.put("size", String(total(inputs)))
              come()
              return random.int(0, 99) + total(inputs)
            }
          })
        case "maps":
        case "maps cached":
          return Step.map(name, { ...each(), cache: kind === "maps cached", run: ({ item, metrics, random }) => (come(), metrics.log({ one: 1 }), `${item}${random.int(0, 99)}`) })
        case "collects":
          return Step.map(name, { ...each(), onItemError: "collect", run: ({ item }) => item === "b" ? Promise.reject(new Error("not b")) : Promise.resolve(item) })
        case "once":
          return Step.make(name, { ...options, once: true, run: ({ inputs, runId, step }) => (happen(`${runId} ${step}`), total(inputs)) })
        case "maps once":
          return Step.map(name, { ...each(), once: true, run: ({ item, runId, step }) => (happen(`${runId} ${step}`), item) })
        case "maybe":
          return Step.make(name, { ...options, when: ({ inputs }) => total(inputs) % 2 === 0, run: () => (come(), 7) })
        case "measures":
          return Step.make(name, { ...options, params, run: ({ params }) => (come(), Metrics.create({ odd: params.epochs % 2 })) })
        case "trains":
          return Step.make(name, { ...options, params, checkpointsIgnore: ["epochs"], run: train })
        case "trains each":
          return Step.map(name, { ...each(), params, checkpointsIgnore: ["epochs"], run: train })
      }
    })() as Step.Step<string, unknown>)
  })
  // So that every graph has the param.
  return Pipeline.make("random", { steps: [...steps, Step.make("last", { version: "1", params, run: ({ params }) => params.epochs })] })
}

const play = ({ deeds, nodes }: Scenario): Promise<void> => {
  let [places, throwsAt, epochs, seed, runId]: [number, number | undefined, number, number, string] = [0, undefined, 1, 0, "r0"]
  const happened: Array<string> = []
  const pipeline = pipelineOf(nodes, {
    come: () => {
      if (places++ === throwsAt) throw new Error("thrown")
    },
    happen: (what) => void happened.push(what)
  })
  const done = Effect.fnUntraced(function*(deed: Deed, at: number) {
    const runner = yield* Runner.Runner
    const store = yield* RunStore
    const options = { runId, seed }
    const step = "at" in deed ? pipeline.steps[deed.at % pipeline.steps.length]!.name : ""
    switch (deed.deed) {
      case "run":
        return yield* runner.run(pipeline, { epochs }, options)
      case "until":
        return yield* runner.runPart(pipeline, { epochs }, { ...options, until: step })
      case "only":
        return yield* runner.runPart(pipeline, { epochs }, { ...options, only: step })
      case "from":
        return yield* runner.run(pipeline, { epochs }, { ...options, from: step })
      case "rerun":
        return yield* runner.run(pipeline, { epochs }, { ...options, rerun: [step] })
      case "delete the others":
        for (const { id } of yield* store.runs({ limit: 1000 })) if (id !== runId) yield* store.remove(id)
        return yield* store.collectBlobs({ refreshedBeforeMs: Infinity, dryRun: false })
      case "fork":
      case "fork from": {
        if ((yield* store.run(runId)) === undefined) return undefined
        const parent = runId
        runId = `r${at + 1}`
        if ("at" in deed) return yield* runner.fork(pipeline, parent, { runId, from: step })
        epochs += deed.more
        seed = deed.seed ?? seed
        return yield* runner.fork(pipeline, parent, { runId, seed, params: { epochs } })
      }
    }
  })
  return Effect.gen(function*() {
    for (const [at, [deed, throwing]] of deeds.entries()) {
      places = 0
      throwsAt = throwing
      const exit = yield* Effect.exit(done(deed, at))
      // A once step is refused to be executed again, and `only` where its inputs are missing.
      if (Exit.isFailure(exit)) expect([StepFailed, InvalidInput].some((one) => Cause.squash(exit.cause) instanceof one), Cause.pretty(exit.cause)).toBe(true)
    }
    throwsAt = undefined
    const result = yield* (yield* Runner.Runner).run(pipeline, { epochs }, { runId, seed })
    expect(new Set(happened).size).toBe(happened.length)
    const alone = Effect.gen(function*() {
      const whole = yield* (yield* Runner.Runner).run(pipelineOf(nodes, { come: () => {}, happen: () => {} }), { epochs }, { runId: "alone", seed })
      expect(result.outputs).toEqual(whole.outputs)
      expect(result.metrics).toEqual(whole.metrics)
      return yield* ending("alone")
    })
    expect(yield* ending(runId)).toEqual(yield* Effect.provide(alone, Layer.fresh(layer)))
  }).pipe(Effect.provide(Layer.fresh(layer)), Effect.runPromise)
}

it("in whatever order a run is run in parts, executed again, forked and torn, it ends as one that was left alone", async () => {
  await fc.assert(fc.asyncProperty(scenario, play), { numRuns: 200 })
}, 60_000)
