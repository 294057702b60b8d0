import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { MemoryRunStore, Pipeline, ProcessIdentity, type RunEvent, Runner, RunStore, Step, Uniflow, watch } from "../src/index.ts"
import { begin, failure, layer, makeGate, processThatSees, run, stores } from "./memory.ts"

const brief = (event: RunEvent): string =>
  event._tag === "Decided"
    ? `${event.step} ${event.status === "failed" ? "failed" : event.decision}`
    : event._tag === "RunEnded"
    ? `ended ${event.status}`
    : "step" in event
    ? `${event.step} ${event._tag === "StepStarted" ? "started" : event._tag}`
    : event._tag

/** Follows a run to its end; gives what it was told. */
const follow = (runId: string) => Effect.map(Stream.runCollect(watch(runId)), (events) => [...events])

const counting = (gate?: ReturnType<typeof makeGate>, broken = false) => {
  const first = Step.make("first", { version: "1", run: () => 1 })
  const second = Step.make("second", {
    version: "1",
    inputs: { first },
    run: async ({ log, metrics, progress }) => {
      metrics.log({ loss: 2 })
      progress(1, 3, "warming up")
      log.warn("careful")
      await gate?.wait()
      metrics.log({ loss: 1 })
      if (broken) throw new Error("no")
      return 2
    }
  })
  return Pipeline.make("counting", { steps: [second] })
}

it.effect("a watcher of another process is told what happens within a second, in order, and the end", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const running = yield* begin(counting(gate), {}, { runId: "r" })
    yield* gate.arrived
    const told: Array<RunEvent> = []
    const watcher = yield* Effect.forkChild(Stream.runForEach(watch("r"), (event) => Effect.sync(() => told.push(event))), { startImmediately: true })
    yield* TestClock.adjust("1 second")
    expect(told.map(brief)).toEqual(["RunStarted", "first started", "first executed", "second started", "second Progress", "second Log", "second Metric"])
    expect(told.at(-1)).toMatchObject({ _tag: "Metric", key: "loss", value: 2, count: 1 })
    expect(told.at(-3)).toMatchObject({ done: 1, total: 3, message: "warming up" })
    gate.open()
    yield* Fiber.join(running)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(watcher)
    expect(told.slice(7).map(brief)).toEqual(["second Metric", "second executed", "ended completed"])
    expect(told.at(-3)).toMatchObject({ value: 1, count: 2 })
  }).pipe(Effect.provide(layer)))

it.effect("a watcher that comes late is told what was before", () =>
  Effect.gen(function*() {
    yield* failure(counting(undefined, true), {}, { runId: "r" })
    const failed = yield* follow("r")
    expect(failed.map(brief)).toEqual(["RunStarted", "first started", "first executed", "second started", "second Log", "second Metric", "second failed", "ended failed"])
    expect(failed.at(-1)).toMatchObject({ failedStep: "second", error: { cause: { message: "no" } } })
    yield* run(counting(), {}, { runId: "r" })
    const told = (yield* follow("r")).map(brief)
    expect(told.slice(-3)).toEqual(["second Metric", "second executed", "ended completed"])
    expect(told).toContain("first restored")
    expect(told.indexOf("first restored")).toBeLessThan(told.indexOf("second executed"))
  }).pipe(Effect.provide(layer)))

it.effect("watching a run that is not there says so", () =>
  Effect.gen(function*() {
    expect(yield* Effect.flip(follow("r"))).toMatchObject({ _tag: "RunNotFound" })
  }).pipe(Effect.provide(layer)))

it.effect("the events end when the run's process is found dead", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const running = yield* begin(counting(gate), {}, { runId: "r" })
    yield* gate.arrived
    const watcher = yield* Effect.forkChild(Effect.provideService(follow("r"), ProcessIdentity, processThatSees("dead")), { startImmediately: true })
    yield* TestClock.adjust("5 seconds")
    expect((yield* Fiber.join(watcher)).map(brief).at(-1)).toBe("ended crashed")
    gate.open()
    yield* Fiber.join(running)
  }).pipe(Effect.provide(layer)))

it("a handle's events are those of its run, through the store, and end with it", async () => {
  const shared = await Effect.runPromise(MemoryRunStore.make)
  const open = () => Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(stores, Layer.succeed(RunStore, shared)))))
  const [one, two] = [open(), open()]
  const gate = makeGate()
  const handle = one.start(counting(gate), { runId: "r" })
  const collect = async (events: AsyncIterable<RunEvent>) => {
    const told: Array<string> = []
    for await (const event of events) {
      told.push(brief(event))
      if (event._tag === "StepStarted" && event.step === "second") gate.open()
    }
    return told
  }
  const [own, others] = await Promise.all([collect(handle.events), Effect.runPromise(gate.arrived).then(() => collect(two.watch("r")))])
  for (const told of [own, others]) {
    expect(told[0]).toBe("RunStarted")
    expect(told.slice(-2)).toEqual(["second executed", "ended completed"])
  }
  await one.close()
  await two.close()
})

it("a run that cannot be begun has no events, and its result says why", async () => {
  const uniflow = Uniflow.make(layer)
  await uniflow.run(counting(), { runId: "r" })
  const handle = uniflow.start(counting(), { runId: "r", seed: 9 })
  const told: Array<RunEvent> = []
  for await (const event of handle.events) told.push(event)
  expect(told).toEqual([])
  await expect(handle.result).rejects.toMatchObject({ _tag: "RunParamsChanged" })
  await uniflow.close()
})

it("whoever follows the events alone is not troubled by an unhandled rejection", async () => {
  const uniflow = Uniflow.make(layer)
  const told: Array<string> = []
  for await (const event of uniflow.start(counting(undefined, true), { runId: "r" }).events) told.push(brief(event))
  expect(told.at(-1)).toBe("ended failed")
  await uniflow.close()
})
