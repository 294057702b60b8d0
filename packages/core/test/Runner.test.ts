import { expect, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, RunStore, snapshot, Step } from "../src/index.ts"

const stores = Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)
const layer = Runner.layer.pipe(Layer.provideMerge(stores))

const make = (log: Array<string>, fail: { at?: string }) => {
  const step = <A>(name: string, value: A): A => {
    log.push(name)
    if (fail.at === name) throw new Error(`${name} broke`)
    return value
  }
  const load = Step.make("load", { version: "1", params: { path: Schema.String }, run: async ({ params }) => step("load", [params.path.length, 2, 3]) })
  const train = Step.make("train", {
    version: "1",
    inputs: { rows: load },
    params: { lr: Schema.Number },
    run: ({ inputs, params, metrics }) =>
      Effect.sync(() => {
        for (let i = 0; i < 3; i++) metrics.log({ loss: 1 / (i + 1) })
        return step("train", { weights: inputs.rows.map((x) => x * params.lr) })
      })
  })
  const evaluate = Step.make("evaluate", {
    version: "1",
    inputs: { model: train, rows: load },
    run: ({ inputs }) => step("evaluate", Metrics.create({ accuracy: inputs.model.weights[0]! / inputs.rows.length }))
  })
  return Pipeline.make("digits", { steps: [evaluate] })
}

it.live("a run gives outputs, metrics and decisions; asked for again it is restored", () =>
  Effect.gen(function*() {
    const log: Array<string> = []
    const runner = yield* Runner.Runner
    const run = yield* runner.run(make(log, {}), { path: "abc", lr: 0.5 }, { runId: "run_1" })
    expect(run.outputs.evaluate.accuracy).toBe(0.5)
    expect(run.metrics["accuracy"]).toBe(0.5)
    expect(run.metrics["train.loss"]).toBe(1 / 3)
    expect(run.decisions.load.decision).toBe("executed")
    expect(log).toEqual(["load", "train", "evaluate"])
    const again = yield* runner.run(make(log, {}), { path: "abc", lr: 0.5 }, { runId: "run_1" })
    expect(log).toEqual(["load", "train", "evaluate"])
    expect(Object.values(again.decisions).map((d) => d.decision)).toEqual(["restored", "restored", "restored"])
    expect(again.outputs.evaluate.accuracy).toBe(0.5)
    expect(again.metrics["train.loss"]).toBe(1 / 3)
    const seen = yield* snapshot("run_1")
    expect(seen.attempts.map((a) => a.status)).toEqual(["completed", "completed"])
    console.log(String(again.explain()))
  }).pipe(Effect.provide(layer)))

it.live("a failed run resumes at the step that failed", () =>
  Effect.gen(function*() {
    const log: Array<string> = []
    const fail: { at?: string } = { at: "evaluate" }
    const runner = yield* Runner.Runner
    const error = yield* Effect.flip(runner.run(make(log, fail), { path: "abc", lr: 0.5 }, { runId: "run_1" }))
    expect(error._tag).toBe("StepFailed")
    expect(error.message).toContain("evaluate broke")
    delete fail.at
    const run = yield* runner.run(make(log, fail), { path: "abc", lr: 0.5 }, { runId: "run_1" })
    expect(log).toEqual(["load", "train", "evaluate", "evaluate"])
    expect(run.decisions.train.decision).toBe("restored")
    expect(run.decisions.evaluate.reasons[0]?.component).toBe("failed")
    const other = yield* Effect.flip(runner.run(make(log, fail), { path: "abc", lr: 0.7 }, { runId: "run_1" }))
    expect(other._tag).toBe("RunParamsChanged")
    expect(other.message).toContain("lr was 0.5, is 0.7")
    const store = yield* RunStore
    expect((yield* store.run("run_1"))?.status).toBe("completed")
  }).pipe(Effect.provide(layer)))
