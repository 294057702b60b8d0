import { expect, it } from "@effect/vitest"
import { Effect, type Layer, Schema } from "effect"
import { Pipeline, Runner, snapshot, Step, Uniflow } from "../src/index.ts"
import { decisions, ending, layer, run } from "./memory.ts"

const make = (ran: Array<string> = []) => {
  const load = Step.make("load", { version: "1", params: { size: Schema.Int }, run: ({ params }) => (ran.push("load"), params.size) })
  const train = Step.make("train", {
    version: "1",
    inputs: { data: load },
    run: ({ inputs, metrics, random }) => {
      ran.push("train")
      metrics.log({ loss: random.next() })
      return inputs.data * 2
    }
  })
  const other = Step.make("other", { version: "1", run: () => (ran.push("other"), "o") })
  const evaluate = Step.make("evaluate", { version: "1", inputs: { model: train, other }, run: ({ inputs }) => (ran.push("evaluate"), inputs.model + 1) })
  return Pipeline.make("p", { steps: [evaluate] })
}
const params = { size: 2 }
const part = (pipeline: ReturnType<typeof make>, options: Parameters<Runner.RunnerService["runPart"]>[2]) =>
  Effect.flatMap(Runner.Runner, (runner) => runner.runPart(pipeline, params, options))

it.effect("until runs a step and those it stands on; the run can be gone on with as a whole, and ends like one that was never parted", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const first = yield* part(make(ran), { runId: "a", until: "train" })
    expect(ran).toEqual(["load", "train"])
    expect(first.status).toBe("interrupted")
    expect(first.outputs.train).toBe(4)
    expect(first.outputs.evaluate).toBeUndefined()
    expect(Object.keys(first.decisions)).toEqual(["load", "train"])
    expect((yield* snapshot("a")).run).toMatchObject({ status: "interrupted", error: null, failedStep: null, holder: null })
    const whole = yield* run(make(ran), params, { runId: "a" })
    expect(ran.toSorted()).toEqual(["evaluate", "load", "other", "train"])
    expect(whole).toMatchObject({ status: "completed", decisions: { load: { decision: "restored" }, train: { decision: "restored" }, evaluate: { decision: "executed" } } })
    yield* run(make(), params, { runId: "b" })
    expect(yield* ending("a")).toEqual(yield* ending("b"))
  }).pipe(Effect.provide(layer)))

it.effect("until the last step is the whole run, and completes it", () =>
  Effect.gen(function*() {
    const all = yield* part(make(), { runId: "a", until: "evaluate" })
    expect(all.status).toBe("completed")
    expect((yield* snapshot("a")).run.status).toBe("completed")
    const again = yield* part(make(), { runId: "a", until: "load" })
    expect(again.status).toBe("completed")
    expect(again.decisions.evaluate?.decision).toBe("restored")
  }).pipe(Effect.provide(layer)))

it.effect("a part of a completed run that is executed afresh leaves the run incomplete until it is gone on with", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "a" })
    const ran: Array<string> = []
    const again = yield* part(make(ran), { runId: "a", until: "train", from: "train" })
    expect(ran).toEqual(["train"])
    expect(again.status).toBe("interrupted")
    const whole = yield* run(make(ran), params, { runId: "a" })
    // The same bytes again: what stands after it is restored.
    expect(ran).toEqual(["train"])
    expect(whole.decisions.evaluate.decision).toBe("restored")
    expect((yield* snapshot("a")).run.status).toBe("completed")
  }).pipe(Effect.provide(layer)))

it.effect("only executes that step, on what the run has saved, and refuses what it would have to execute before", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const refused = yield* Effect.flip(part(make(ran), { runId: "a", only: "train" }))
    expect(refused).toMatchObject({ _tag: "InvalidInput", message: expect.stringMatching(/"train" stands on "load".*no output that answers.*until: "train"/) })
    expect(ran).toEqual([])
    expect((yield* Effect.flip(snapshot("a")))._tag).toBe("RunNotFound")
    yield* part(make(ran), { runId: "a", until: "load" })
    expect(decisions(yield* part(make(ran), { runId: "a", only: "train" }))).toEqual(["load restored", "train executed"])
    expect(ran).toEqual(["load", "train"])
    yield* part(make(ran), { runId: "a", only: "train" })
    yield* part(make(ran), { runId: "a", only: "train", rerun: ["train"] })
    expect(ran).toEqual(["load", "train", "train"])
    expect(yield* Effect.flip(part(make(ran), { runId: "a", only: "evaluate" }))).toMatchObject({ message: expect.stringMatching(/stands on "other"/) })
  }).pipe(Effect.provide(layer)))

it.effect("from executes a step and what stands after it, and nothing else", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "a" })
    const ran: Array<string> = []
    const again = yield* run(make(ran), params, { runId: "a", from: "train" })
    expect(ran.toSorted()).toEqual(["evaluate", "train"])
    expect(again.decisions.evaluate.reasons).toEqual([{ component: "rerun", note: "asked for" }])
    const { steps } = yield* Effect.flatMap(Runner.Runner, (runner) => runner.plan(make(), params, { runId: "a", from: "train" }))
    expect(steps.map(({ action, step }) => `${step.name} ${action}`).toSorted()).toEqual(["evaluate execute", "load restore", "other restore", "train execute"])
  }).pipe(Effect.provide(layer)))

it.effect("names of steps that are not there, and two parts at once, are refused before anything is made", () =>
  Effect.gen(function*() {
    for (const options of [{ until: "trian" }, { only: "trian" }, { until: "load", from: "trian" }, { until: "load", only: "load" }, {}]) {
      expect(yield* Effect.flip(part(make(), { runId: "a", ...options } as never))).toMatchObject({ _tag: "InvalidInput" })
    }
    expect((yield* Effect.flip(snapshot("a")))._tag).toBe("RunNotFound")
  }).pipe(Effect.provide(layer)))

it("the Promise face gives the same, and its handle follows the part", async () => {
  const uniflow = Uniflow.make(layer as Layer.Layer<Uniflow.Services>)
  const handle = uniflow.startPart(make(), { runId: "a", params, until: "train" })
  const seen: Array<string> = []
  for await (const event of handle.events) seen.push(event._tag)
  expect((await handle.result).outputs.train).toBe(4)
  expect(seen.at(-1)).toBe("RunEnded")
  expect(await uniflow.runPart(make(), { runId: "a", params, only: "train" })).toMatchObject({ status: "interrupted", decisions: { train: { decision: "restored" } } })
  expect((await uniflow.resume(make(), "a")).outputs.evaluate).toBe(5)
  await uniflow.close()
})
