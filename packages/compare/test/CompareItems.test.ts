import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, Step } from "@uniflow/core"
import { expect, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { compareItems } from "../src/index.ts"

const stores = Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)
const layer = Runner.layer.pipe(Layer.provideMerge(stores))

const questions = Step.make("questions", { version: "1", params: { count: Schema.Number }, run: ({ params }) => ["one", "two", "three", "two", "four"].slice(0, params.count) })
const judge = Step.map("judge", {
  version: "1",
  over: questions,
  params: { prompt: Schema.String },
  onItemError: "collect",
  run: ({ item, metrics, params }) => {
    if (item === "three" && params.prompt === "b") throw new Error("no answer")
    metrics.log({ cost: params.prompt.length + (params.prompt === "b" && item === "one" ? 1 : 0) })
    const output = `${params.prompt === "b" && item === "four" ? "B" : "A"}:${item}`
    return { output, scores: { exact: item === "two" ? params.prompt === "b" : true }, durationMs: performance.now() }
  }
})
const twice = Step.map("twice", { version: "1", over: judge, params: { prompt: Schema.String }, run: ({ item, params }) => (item.ok ? `${item.value.output}${params.prompt}` : "none") })
const pipeline = Pipeline.make("evaluation", { steps: [twice], goals: { cost: "minimize" } })

it.live("items of runs are paired by what they were made of; scores, metrics, errors and outputs say what became of them", () =>
  Effect.gen(function*() {
    const runner = yield* Runner.Runner
    yield* runner.run(pipeline, { prompt: "a", count: 4 }, { runId: "a" })
    yield* runner.run(pipeline, { prompt: "b", count: 5 }, { runId: "b" })
    const found = yield* compareItems(["a", "b"], "judge")
    const inputs = yield* found.inputs
    expect(found.items.map(({ changes, flipped, key }) => [inputs.get(key), key.includes("#"), changes[1], flipped])).toEqual([
      ["one", false, "worse", true], ["three", false, "worse", true], ["two", false, "improved", true], ["two", true, "improved", true], ["four", false, "added", false]
    ])
    expect(found.counts[1]).toEqual({ improved: 2, worse: 2, changed: 0, same: 0, added: 1, missing: 0 })
    expect(found.items[0]!.values[1]!.scores).toEqual([{ name: "cost", value: 2, goal: "minimize" }, { name: "exact", value: true, goal: "maximize" }])
    expect(found.items[1]!.values[1]).toMatchObject({ status: "failed", error: { message: "no answer" } })
    expect(found.unread).toBe(0)
  }).pipe(Effect.provide(layer)))

it.live("a case whose times alone are others is the same", () =>
  Effect.gen(function*() {
    const runner = yield* Runner.Runner
    yield* runner.run(pipeline, { prompt: "a", count: 2 }, { runId: "a" })
    yield* runner.run(pipeline, { prompt: "a", count: 2 }, { runId: "again" })
    const { counts, items } = yield* compareItems(["a", "again"], "judge")
    expect(counts[1]).toMatchObject({ same: 2, changed: 0 })
    expect(items[0]!.values[0]!.output!.digest).not.toBe(items[0]!.values[1]!.output!.digest)
  }).pipe(Effect.provide(layer)))

it.live("what a map made is what the next goes over; no map has no items", () =>
  Effect.gen(function*() {
    const runner = yield* Runner.Runner
    yield* runner.run(pipeline, { prompt: "b", count: 3 }, { runId: "b" })
    const found = yield* compareItems(["b", "b"], "twice")
    const inputs = [...(yield* found.inputs).values()]
    expect(inputs).toMatchObject([{ ok: true, value: { output: "A:one" } }, { ok: true, value: { output: "A:two" } }, { ok: false, error: { message: "no answer" } }])
    expect(found.items.map(({ key }) => key).toSorted()).toEqual([...(yield* found.inputs).keys()].toSorted())
    expect((yield* compareItems(["b", "b"], "questions")).items).toEqual([])
    expect(yield* Effect.flip(compareItems(["b", "gone"], "judge"))).toMatchObject({ _tag: "RunNotFound", runId: "gone" })
  }).pipe(Effect.provide(layer)))
