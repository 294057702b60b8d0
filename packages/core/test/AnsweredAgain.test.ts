import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Explanation, Pipeline, RunStore, snapshot, Step, watch } from "../src/index.ts"
import { decisions, layer, run } from "./memory.ts"

const load = Step.make("load", { version: "1", run: () => [1, 2] })
const double = Step.map("double", { over: load, version: "1", run: ({ item }) => item * 2 })
const maybe = Step.make("maybe", { version: "1", inputs: { load }, when: () => false, run: () => 1 })
const sum = (version = "1") => Step.make("sum", { version, inputs: { double }, run: ({ inputs }) => inputs.double.length })
const pipeline = (version?: string) => Pipeline.make("p", { steps: [sum(version), maybe] })
const all = ["load restored", "double restored", "sum restored", "maybe restored"]

it.effect("asked for again, a completed run records its attempt alone, and every reader sees each step restored", () =>
  Effect.gen(function*() {
    yield* run(pipeline(), {}, { runId: "r" })
    const store = yield* RunStore
    const before = yield* store.steps("r")
    for (const attempt of [2, 3]) {
      const again = yield* run(pipeline(), {}, { runId: "r" })
      expect(decisions(again).toSorted()).toEqual(all.toSorted())
      expect(yield* store.steps("r")).toEqual(before)
      const { attempts, steps } = yield* snapshot("r")
      expect(attempts.map(({ status }) => status)).toEqual(Array.from({ length: attempt }, () => "completed"))
      const own = steps.filter(({ address, step }) => address === step)
      expect(own.map(({ record }) => [record.decision, record.attempt, record.reasons, record.durationMs])).toEqual(own.map(() => ["restored", attempt, [{ component: "match" }], 0]))
      expect(own.map(({ outcome }) => outcome.attempt)).toEqual(own.map(() => 1))
      expect(own.find(({ step }) => step === "maybe")?.record.status).toBe("skipped")
      expect((yield* Explanation.explain("r")).steps).toEqual(expect.arrayContaining([...again.explain().steps]))
      const told = yield* Stream.runCollect(watch("r"))
      expect([...told].flatMap((event) => (event._tag === "Decided" && event.attempt === attempt ? [`${event.step} ${event.decision}`] : [])).toSorted()).toEqual(all.toSorted())
    }
  }).pipe(Effect.provide(layer)))

it.effect("what does not stand as it did is recorded: another generation, or a step that is gone", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    yield* run(pipeline("1"), {}, { runId: "r" })
    yield* run(pipeline("2"), {}, { runId: "r" })
    const before = (yield* store.steps("r")).length
    expect(decisions(yield* run(pipeline("1"), {}, { runId: "r" })).toSorted()).toEqual(all.toSorted())
    expect((yield* store.steps("r")).length).toBe(before + 4)
    expect((yield* snapshot("r")).steps.find(({ step }) => step === "sum")?.outcome.generation).toBe(1)
    const fewer = Pipeline.make("p", { steps: [maybe] })
    yield* run(fewer, {}, { runId: "r" })
    expect((yield* snapshot("r")).steps.find(({ step }) => step === "sum")?.record.attempt).toBe(3)
  }).pipe(Effect.provide(layer)))
