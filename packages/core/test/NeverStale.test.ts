import { Cause, Effect, Exit, Layer } from "effect"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { Pipeline, Runner, type RunResult, RunStore, Step, StepFailed, StrictMismatch } from "../src/index.ts"
import { ending, layer } from "./memory.ts"

// Random graphs whose steps change, between runs that are resumed in any mode, forked, cached and torn. Each output tells
// which version of its step made it, so that a stale one would be seen: what ends in any mode but `trust` is what a run of
// its own would have given.

const KINDS = ["plain", "draws", "cached", "cached and draws", "maps", "maps cached", "collects", "maybe", "trains"] as const

interface Node {
  readonly kind: typeof KINDS[number]
  /** What it reads, as positions among the steps before it. */
  readonly reads: ReadonlyArray<number>
}

type Deed =
  | { readonly deed: "change"; readonly at: number; readonly version: number }
  | { readonly deed: "auto" | "strict" | "trust" | "fork"; readonly run: number; readonly throwsAt: number | undefined }

interface Scenario {
  readonly nodes: ReadonlyArray<Node>
  readonly deeds: ReadonlyArray<Deed>
}

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ deed: fc.constant("change" as const), at: fc.nat(9), version: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      deed: fc.constantFrom("auto" as const, "auto" as const, "strict" as const, "trust" as const, "trust" as const, "fork" as const),
      run: fc.nat(2),
      throwsAt: fc.option(fc.nat(12), { nil: undefined })
    })
  }
)
const scenario: fc.Arbitrary<Scenario> = fc.record({
  nodes: fc.array(fc.record({ kind: fc.constantFrom(...KINDS), reads: fc.array(fc.nat(7), { maxLength: 2 }) }), { minLength: 1, maxLength: 5 }),
  deeds: fc.array(deed, { minLength: 2, maxLength: 9 })
})

/** The pipeline with the steps' present versions; a step may throw where it `comes`. */
const pipelineOf = (nodes: ReadonlyArray<Node>, versions: ReadonlyMap<number, number>, come: () => void) => {
  const steps: Array<Step.Step<string, unknown>> = []
  const told = (inputs: object): string => JSON.stringify(inputs).replace(/[^0-9a-z]/g, "").slice(-24)
  nodes.forEach(({ kind, reads }, at) => {
    const is = versions.get(at) ?? 0
    const version = String(is)
    const name = `${kind} ${at}`
    const inputs: Step.StepInputs = Object.fromEntries(at === 0 ? [] : reads.map((read) => [`i${read % at}`, steps[read % at]!] as const))
    const options = { version, inputs }
    // What a map goes over changes with one of its versions, its own code with each.
    const over = () => Step.make(`list ${at}`, { version: String(is === 2), inputs, run: ({ inputs }) => (come(), is === 2 ? ["a", "c", "a"] : ["a", "b", "a", told(inputs)]) })
    steps.push((() => {
      switch (kind) {
        case "plain":
          return Step.make(name, { ...options, run: ({ inputs }) => (come(), version + told(inputs)) })
        case "draws":
          return Step.make(name, { ...options, run: ({ inputs, random }) => (come(), `${version}${random.int(0, 99)}${told(inputs)}`) })
        case "cached":
          return Step.make(name, { ...options, cache: true, run: ({ inputs, metrics }) => (come(), metrics.log({ is }), version + told(inputs)) })
        case "cached and draws":
          return Step.make(name, { ...options, cache: true, run: ({ inputs, random }) => (come(), `${version}${random.int(0, 99)}${told(inputs)}`) })
        case "maps":
        case "maps cached":
          return Step.map(name, { version, cache: kind === "maps cached", over: over(), run: ({ item, random }) => (come(), `${item}${version}${random.int(0, 99)}`) })
        case "collects":
          return Step.map(name, { version, onItemError: "collect", over: over(), run: ({ item }) => item === "b" ? Promise.reject(new Error("not b")) : Promise.resolve(item + version) })
        case "maybe":
          return Step.make(name, { ...options, when: () => is === 1, run: () => (come(), version) })
        case "trains":
          return Step.make(name, {
            ...options,
            run: async ({ artifacts, checkpoint, metrics, random }) => {
              let { epoch, sum } = (await checkpoint.latest<{ epoch: number; sum: number }>("model")) ?? { epoch: 0, sum: is * 1000 }
              for (; epoch < 2; epoch++) {
                metrics.log({ sum: sum += random.int(0, 99) })
                await artifacts.put(`epoch ${epoch}`, String(sum))
                come()
                await checkpoint.save("model", { epoch: epoch + 1, sum })
              }
              return sum
            }
          })
      }
    })() as Step.Step<string, unknown>)
  })
  return Pipeline.make("random", { steps })
}
type P = ReturnType<typeof pipelineOf>

/** All that a run ends with but manual checkpoints, which stay for the versions that saved them. */
const shown = ({ artifacts, curves, steps }: Effect.Success<ReturnType<typeof ending>>) => ({ artifacts, curves, steps })

const play = ({ deeds, nodes }: Scenario): Promise<void> => {
  const versions = new Map<number, number>()
  let [places, throwsAt]: [number, number | undefined] = [0, undefined]
  const present = (): P =>
    pipelineOf(nodes, versions, () => {
      if (places++ === throwsAt) throw new Error("thrown")
    })
  const isNotStale = Effect.fnUntraced(function*(result: RunResult<P>) {
    throwsAt = undefined
    const alone = Effect.gen(function*() {
      const whole = yield* (yield* Runner.Runner).run(present(), {}, { runId: "alone" })
      expect(JSON.stringify(result.outputs)).toBe(JSON.stringify(whole.outputs))
      expect(result.metrics).toEqual(whole.metrics)
      return shown(yield* ending("alone"))
    })
    expect(shown(yield* ending(result.id))).toEqual(yield* Effect.provide(alone, Layer.fresh(layer)))
  })
  return Effect.gen(function*() {
    const runner = yield* Runner.Runner
    const store = yield* RunStore
    for (const deed of deeds) {
      if (deed.deed === "change") {
        versions.set(deed.at % nodes.length, deed.version)
        continue
      }
      const runId = `r${deed.run}`
      if (deed.deed === "fork" && (yield* store.run(runId)) === undefined) continue
      places = 0
      throwsAt = deed.throwsAt
      const exit: Exit.Exit<RunResult<P>, unknown> = yield* Effect.exit(
        deed.deed === "fork" ? runner.fork(present(), runId) : runner.run(present(), {}, { runId, mode: deed.deed })
      )
      if (Exit.isFailure(exit)) expect([StepFailed, StrictMismatch].some((one) => Cause.squash(exit.cause) instanceof one), Cause.pretty(exit.cause)).toBe(true)
      else if (deed.deed !== "trust") yield* isNotStale(exit.value)
    }
    throwsAt = undefined
    for (const runId of ["r0", "r1", "new"]) yield* isNotStale(yield* runner.run(present(), {}, { runId }))
  }).pipe(Effect.provide(Layer.fresh(layer)), Effect.runPromise)
}

it("however steps change and runs are resumed, trusted, forked and torn between, no result is a stale one", async () => {
  await fc.assert(fc.asyncProperty(scenario, play), { numRuns: 150 })
}, 60_000)
