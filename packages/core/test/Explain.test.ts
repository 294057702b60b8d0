import { expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Explanation, Pipeline, Step } from "../src/index.ts"
import { failure, layer, run } from "./memory.ts"

const make = (options: { readonly version?: string; readonly offset?: number; readonly broken?: boolean } = {}) => {
  const load = Step.make("load", { version: options.version ?? "1", cache: true, params: { path: Schema.String }, run: ({ params }) => params.path.length + (options.offset ?? 0) })
  const list = Step.make("list", { version: "1", inputs: { load }, run: ({ inputs }) => [inputs.load, 100] })
  const each = Step.map("each", { version: "1", over: list, run: ({ item }) => item })
  const maybe = Step.make("maybe", { version: "1", inputs: { load }, when: () => false, run: () => 1 })
  const train = Step.make("train", {
    version: "1",
    inputs: { each },
    run: ({ inputs }) => {
      if (options.broken === true) throw new Error("out of memory\nsecond line")
      return inputs.each.length
    }
  })
  return Pipeline.make("p", { steps: [train, maybe] })
}

it.effect("every decision is stored with its reasons: what changed, from what, to what, and the source run", () =>
  Effect.gen(function*() {
    const params = { path: "data" }
    yield* failure(make({ broken: true }), params, { runId: "r" })
    const explained = yield* Explanation.explain("r")
    expect(byName(explained)).toEqual({
      load: { name: "load", decision: "executed", reasons: [{ component: "first" }], attempt: 1, durationMs: 0 },
      list: { name: "list", decision: "executed", reasons: [{ component: "first" }], attempt: 1, durationMs: 0 },
      maybe: { name: "maybe", decision: "skipped", reasons: [{ component: "when", note: "said no" }, { component: "first" }], attempt: 1, durationMs: 0 },
      each: { name: "each", decision: "executed", reasons: [{ component: "first" }, { component: "items", note: "2 executed" }], attempt: 1, durationMs: 0 },
      train: { name: "train", decision: "executed", reasons: [{ component: "first" }], attempt: 1, durationMs: 0 }
    })
    expect(JSON.parse(JSON.stringify(explained))).toEqual({ runId: "r", steps: explained.steps })
    const changed = yield* run(make({ version: "2", offset: 1 }), params, { runId: "r" })
    expect(byName(changed.explain())).toEqual(byName(yield* Explanation.explain("r")))
    const text = String(changed.explain())
    expect(text).toMatch(/^Run r\n/)
    expect(text).toMatch(/load +executed +code: 1 -> 2/)
    expect(text).toMatch(/list +executed +input load: [0-9a-f]{12} -> [0-9a-f]{12}/)
    expect(text).toMatch(/each +executed +input over: [0-9a-f]{12} -> [0-9a-f]{12}\n +items: 1 executed, 1 restored\n/)
    expect(text).toMatch(/train +executed +failed: out of memory\n/)
    const other = yield* run(make(), params, { runId: "s" })
    expect(other.decisions.load.reasons).toEqual([{ component: "cache", sourceRun: "r" }])
    expect(String(other.explain())).toMatch(/load +cached +cache \(from run r\)/)
    const items = yield* Explanation.explain("r", { step: "each" })
    expect(items.steps.map(({ name }) => name.replace(/\[.*\]/, "[…]"))).toEqual(["each[…]", "each[…]", "each"])
    expect((yield* Explanation.explain("r", { items: true })).steps.length).toBe(5 + 2)
  }).pipe(Effect.provide(layer)))

const byName = ({ steps }: Explanation.Explanation) => Object.fromEntries(steps.map((step) => [step.name, step]))

it.effect("control characters in stored text are escaped", () =>
  Effect.gen(function*() {
    const step = Step.make("step\u001b", { version: "1\u0007", run: () => 1 })
    yield* run(Pipeline.make("p", { steps: [step] }), {}, { runId: "r" })
    const after = Step.make("step\u001b", { version: "\u202e2", run: () => 1 })
    const text = String((yield* run(Pipeline.make("p", { steps: [after] }), {}, { runId: "r" })).explain())
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/)
    expect(text).toContain("1\\u0007 -> \\u202e2")
  }).pipe(Effect.provide(layer)))

it.effect("a run that is not there is not explained", () =>
  Effect.gen(function*() {
    expect(yield* Effect.flip(Explanation.explain("r"))).toMatchObject({ _tag: "RunNotFound" })
  }).pipe(Effect.provide(layer)))
