import { Layer } from "effect"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, Step, Uniflow } from "../src/index.ts"

interface Plan {
  /** What each step reads: positions of steps before it. */
  readonly reads: ReadonlyArray<ReadonlyArray<number>>
  readonly kinds: ReadonlyArray<"plain" | "random" | "loop" | "map" | "skipped">
  /** Where an attempt fails: a step, and for a loop the round after whose checkpoint. */
  readonly failures: ReadonlyArray<{ readonly step: number; readonly round: number }>
}

const ROUNDS = 4

type Numbers = ReadonlyArray<number>
type Node = Step.Step<string, Numbers | undefined, never, never, never, { readonly [name: string]: Numbers | undefined }>

const sum = (inputs: { readonly [name: string]: Numbers | undefined }): number =>
  Object.values(inputs).flatMap((numbers) => numbers ?? []).reduce((total, n) => total + n, 1)

/** The pipeline of a plan; `breaks` says whether an execution fails now. */
const pipelineOf = ({ reads, kinds }: Plan, breaks: (step: number, round: number) => boolean) => {
  const steps: Array<Node> = []
  const fail = (step: number, round: number): void => {
    if (breaks(step, round)) throw new Error(`step ${step} broke in round ${round}`)
  }
  kinds.forEach((kind, i) => {
    const inputs = Object.fromEntries(reads[i]!.map((from) => [`n${from}`, steps[from]!]))
    const common = { version: "1", inputs }
    if (kind === "map") {
      const over: Node = Step.make(`over${i}`, { ...common, run: ({ inputs }) => [sum(inputs) % 7, 1, 1, 5] })
      const each: Step.Step<string, Numbers, never, never, never, { readonly [name: string]: Numbers | undefined }> = Step.map(`s${i}`, {
        version: "1",
        over: over as Step.Step<string, Numbers, never, never, never, { readonly [name: string]: Numbers | undefined }>,
        run: ({ item, metrics, random }) => {
          metrics.log({ item: item + random.next() })
          fail(i, item)
          return item * 2
        }
      })
      steps.push(each)
    } else if (kind === "loop") {
      steps.push(Step.make(`s${i}`, {
        ...common,
        run: async ({ inputs, checkpoint, metrics, random }) => {
          let state = (await checkpoint.latest<{ round: number; total: number }>("state")) ?? { round: 0, total: sum(inputs) }
          while (state.round < ROUNDS) {
            metrics.log({ before: state.total })
            state = { round: state.round + 1, total: state.total + random.int(1, 9) }
            metrics.log({ after: state.total }, { index: state.round })
            await checkpoint.save("state", state)
            fail(i, state.round)
          }
          return [state.total]
        }
      }))
    } else {
      steps.push(Step.make(`s${i}`, {
        ...common,
        when: () => kind !== "skipped",
        run: ({ inputs, metrics, random }) => {
          const value = sum(inputs) + (kind === "random" ? random.next() : 0)
          metrics.log({ value })
          fail(i, 0)
          return [value]
        }
      }))
    }
  })
  return Pipeline.make("graph", { steps })
}

const plan: fc.Arbitrary<Plan> = fc.integer({ min: 1, max: 7 }).chain((size) =>
  fc.record({
    reads: fc.tuple(...Array.from({ length: size }, (_, i) => i === 0 ? fc.constant<Array<number>>([]) : fc.uniqueArray(fc.nat({ max: i - 1 }), { maxLength: 3 }))),
    kinds: fc.array(fc.constantFrom("plain" as const, "random" as const, "loop" as const, "map" as const, "skipped" as const), { minLength: size, maxLength: size }),
    failures: fc.array(fc.record({ step: fc.nat({ max: size - 1 }), round: fc.nat({ max: ROUNDS }) }), { maxLength: 5 })
  }))

const open = () => Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))

/** What must be alike: outputs, every point, artifacts, checkpoints; not times, attempts and decisions. */
const recordOf = async (uniflow: Uniflow.Uniflow, id: string): Promise<unknown> => {
  const { run, steps, series, checkpoints } = await uniflow.runs.snapshot(id)
  const points = await Promise.all(series.map(async ({ address, key }) => [
    address,
    key,
    (await uniflow.runs.metric(id, `${address}.${key}`, { buckets: 1000 })).map(({ fromIndex, count, last, max, min }) => [fromIndex, count, last, max, min])
  ]))
  return {
    status: run.status,
    steps: steps.map(({ address, outcome }) => [address, outcome.status, outcome.output?.digest, outcome.fingerprint, outcome.seed]).toSorted(),
    points: points.toSorted(),
    checkpoints: checkpoints.map(({ address, name, version, seq, output, position }) => [address, name, version, seq, output.digest, JSON.stringify(position)]).toSorted()
  }
}

it("a run that failed anywhere, however often, ends like one that never did", async () => {
  await fc.assert(fc.asyncProperty(plan, async (given) => {
    const uniflow = open()
    const whole = await uniflow.run(pipelineOf(given, () => false), { runId: "whole" })
    const left = [...given.failures]
    const breaks = (step: number, round: number): boolean => {
      const at = left.findIndex((failure) => failure.step === step && failure.round === round)
      if (at >= 0) left.splice(at, 1)
      return at >= 0
    }
    const pipeline = pipelineOf(given, breaks)
    for (let attempt = 0; attempt <= given.failures.length; attempt++) {
      const ended = await uniflow.run(pipeline, { runId: "cut" }).then((run) => run.outputs, (error: unknown) => error)
      if (!(ended instanceof Error)) break
      expect(ended).toMatchObject({ _tag: "StepFailed" })
    }
    const cut = await uniflow.run(pipeline, { runId: "cut" })
    expect({ ...cut.outputs }).toEqual({ ...whole.outputs })
    expect(await recordOf(uniflow, "cut")).toEqual(await recordOf(uniflow, "whole"))
    await uniflow.close()
  }), { numRuns: 60 })
})
