import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, Step } from "@uniflow/core"
import { expect, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { compareRuns } from "../src/index.ts"

const stores = Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)
const layer = Runner.layer.pipe(Layer.provideMerge(stores))

const load = Step.make("load", { version: "1", cache: true, run: () => [1, 2, 3] })
const train = Step.make("train", {
  version: "1",
  inputs: { rows: load },
  params: { rate: Schema.Number },
  run: ({ inputs, metrics, params }) => {
    for (let epoch = 1; epoch <= 3; epoch++) metrics.log({ loss: params.rate / epoch }, { index: epoch })
    if (params.rate > 1) throw new Error("the rate is too high")
    return inputs.rows.map((row) => row * params.rate)
  }
})
const square = Step.map("square", { version: "1", over: train, run: ({ item }) => item * item })
const evaluate = Step.make("evaluate", { version: "1", inputs: { squares: square }, run: ({ inputs }) => Metrics.create({ total: inputs.squares.length }) })
const pipeline = Pipeline.make("sweep", { steps: [evaluate], goals: { loss: "minimize" } })

it.live("runs of a store are compared as they were run", () =>
  Effect.gen(function*() {
    const runner = yield* Runner.Runner
    yield* runner.run(pipeline, { rate: 0.5 }, { runId: "slow" })
    yield* runner.run(pipeline, { rate: 1 }, { runId: "fast", tags: { author: "mia" } })
    yield* Effect.flip(runner.run(pipeline, { rate: 2 }, { runId: "broken" }))

    const comparison = yield* compareRuns(["slow", "fast", "broken"])
    expect(comparison.runs.map(({ id, status }) => [id, status])).toEqual([["slow", "completed"], ["fast", "completed"], ["broken", "failed"]])
    expect(comparison.runs[2]?.error).toMatchObject({ step: "train" })
    expect(comparison.params).toEqual([{ name: "rate", values: [0.5, 1, 2], differs: true }])
    expect(comparison.metrics.map(({ name, values }) => [name, ...values.map((value) => value?.last)])).toEqual([
      ["loss", 0.5 / 3, 1 / 3, 2 / 3],
      ["total", 3, 3, undefined]
    ])
    expect(comparison.metrics[0]?.values[1]).toMatchObject({ min: 1 / 3, max: 1, count: 3, change: { better: "worse" } })
    expect(comparison.steps.map((one) => [one.step, ...one.values.map((value) => value?.decision)])).toEqual([
      ["load", "executed", "cached", "cached"],
      ["train", "executed", "executed", "executed"],
      ["square", "executed", "executed", undefined],
      ["evaluate", "executed", "executed", undefined]
    ])
    expect(comparison.steps.find((one) => one.step === "square")?.values[0]?.items).toMatchObject({ total: 3, executed: 3 })
    expect(comparison.artifacts.map(({ against, name }) => [name, ...against])).toEqual([
      ["load", "same", "same", "same"],
      ["train", "same", "differs", "missing"],
      ["square", "same", "differs", "missing"],
      ["evaluate", "same", "same", "missing"]
    ])
    expect(comparison.code.steps.every(({ values }) => values[0]?.kind === "explicit")).toBe(true)
  }).pipe(Effect.provide(layer)))

it.live("a run that is not there, or none to compare with, is an error that says so", () =>
  Effect.gen(function*() {
    const runner = yield* Runner.Runner
    yield* runner.run(pipeline, { rate: 0.5 }, { runId: "slow" })
    expect(yield* Effect.flip(compareRuns(["slow", "gone"]))).toMatchObject({ _tag: "RunNotFound", runId: "gone" })
    const alone = yield* Effect.flip(compareRuns(["slow"]))
    expect(alone).toMatchObject({ _tag: "InvalidInput" })
    expect(alone.message).toContain("at least two run ids")
    expect(yield* Effect.flip(compareRuns([]))).toMatchObject({ _tag: "InvalidInput" })
  }).pipe(Effect.provide(layer)))
