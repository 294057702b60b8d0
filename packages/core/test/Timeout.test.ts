import { expect, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Pipeline, snapshot, Step } from "../src/index.ts"
import { begin, failure, layer, makeGate, run } from "./memory.ts"

const alone = <A, E, N>(step: Step.Step<"step", A, never, E, never, N>) => Pipeline.make("p", { steps: [step as Step.Step<"step", A, never, E, never, { readonly step: A }>] })

it.effect("a timeout aborts the signal, and a step that heeds it fails at once", () =>
  Effect.gen(function*() {
    let aborted = 0
    const step = Step.make("step", {
      version: "1",
      timeout: "2 seconds",
      run: ({ signal }) =>
        new Promise<void>((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted++
            reject(new Error("stopped"))
          })
        })
    })
    const fiber = yield* begin(alone(step), {}, { runId: "r" })
    yield* TestClock.adjust("1999 millis")
    expect(aborted).toBe(0)
    yield* TestClock.adjust("1 millis")
    expect(aborted).toBe(1)
    const error = yield* Effect.flip(Fiber.join(fiber))
    expect(error).toMatchObject({ _tag: "StepTimedOut", step: "step", timeoutMs: 2000 })
    expect((yield* snapshot("r")).run).toMatchObject({ status: "failed", failedStep: "step", error: { tag: "StepTimedOut" } })
    expect((yield* snapshot("r")).steps[0]?.record).toMatchObject({ status: "failed", durationMs: 2000 })
  }).pipe(Effect.provide(layer)))

it.effect("a step that ignores its signal fails after a grace period, and its late result is ignored", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const step = Step.make("step", { version: "1", timeout: 1000, run: () => gate.wait().then(() => "late") })
    const fiber = yield* begin(alone(step), {}, { runId: "r" })
    yield* gate.arrived
    yield* TestClock.adjust("1 second")
    expect((yield* snapshot("r")).run.status).toBe("running")
    yield* TestClock.adjust("5 seconds")
    expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "StepTimedOut" })
    const before = yield* snapshot("r")
    gate.open()
    yield* TestClock.adjust("1 second")
    expect(yield* snapshot("r")).toEqual(before)
  }).pipe(Effect.provide(layer)))

it.effect("a step written as an Effect is interrupted, and cleans up", () =>
  Effect.gen(function*() {
    const events: Array<string> = []
    const step = Step.make("step", {
      version: "1",
      timeout: "1 second",
      run: ({ signal }) => Effect.onInterrupt(Effect.never, () => Effect.sync(() => events.push(`cleaned up, signal ${signal.aborted}`)))
    })
    const fiber = yield* begin(alone(step), {}, { runId: "r" })
    yield* TestClock.adjust("1 second")
    expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "StepTimedOut" })
    expect(events.length).toBe(1)
  }).pipe(Effect.provide(layer)))

it.effect("a synchronous loop cannot be pre-empted: it is reported", () => {
  let now = 0
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    monotonicTimeMillisUnsafe: () => now,
    monotonicTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    sleep: (_: Duration.Duration) => Effect.never
  } as never
  const step = Step.make("step", { version: "1", timeout: 1000, run: () => (now += 3000) })
  return Effect.gen(function*() {
    const error = yield* failure(alone(step), {}, { runId: "r" })
    expect(error._tag).toBe("StepTimedOut")
    expect(error.message).toContain("It did not let go of the thread, so it could only be noticed after 3000 ms")
  }).pipe(Effect.provideService(Clock.Clock, clock), Effect.provide(layer))
})

it.effect("an Effect that cannot be interrupted fails after a grace period, too, and its late result is ignored", () =>
  Effect.gen(function*() {
    let ended = false
    const step = Step.make("step", {
      version: "1",
      timeout: "1 second",
      run: () => Effect.uninterruptible(Effect.as(Effect.tap(Effect.sleep("1 hour"), () => Effect.sync(() => (ended = true))), "late"))
    })
    const fiber = yield* begin(alone(step), {}, { runId: "r" })
    yield* TestClock.adjust("5999 millis")
    expect((yield* snapshot("r")).run.status).toBe("running")
    yield* TestClock.adjust("1 millis")
    expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "StepTimedOut" })
    const before = yield* snapshot("r")
    yield* TestClock.adjust("2 hours")
    expect(ended).toBe(true)
    expect(yield* snapshot("r")).toEqual(before)
  }).pipe(Effect.provide(layer)))

it.effect("a step with a timeout is interrupted with its run, and cleans up before the run ends", () =>
  Effect.gen(function*() {
    let cleaned = false
    const gate = makeGate()
    const step = Step.make("step", {
      version: "1",
      timeout: "1 hour",
      run: () => Effect.onInterrupt(Effect.promise(() => gate.wait()), () => Effect.tap(Effect.sleep("1 second"), () => Effect.sync(() => (cleaned = true))))
    })
    const fiber = yield* begin(alone(step), {}, { runId: "r" })
    yield* gate.arrived
    fiber.interruptUnsafe()
    yield* TestClock.adjust("1 second")
    yield* Fiber.await(fiber)
    expect(cleaned).toBe(true)
    expect((yield* snapshot("r")).run.status).toBe("interrupted")
  }).pipe(Effect.provide(layer)))

it.effect("a clock that is set while a step runs neither times it out nor makes its duration negative", () =>
  Effect.gen(function*() {
    const machine = yield* Clock.Clock
    let offset = 0
    const set: Clock.Clock = {
      currentTimeMillisUnsafe: () => machine.currentTimeMillisUnsafe() + offset,
      currentTimeMillis: Effect.sync(() => machine.currentTimeMillisUnsafe() + offset),
      currentTimeNanosUnsafe: () => machine.currentTimeNanosUnsafe(),
      currentTimeNanos: machine.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => machine.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: machine.monotonicTimeNanos,
      sleep: (duration) => machine.sleep(duration)
    }
    for (const hours of [1, -1]) {
      const step = Step.make("step", { version: "1", timeout: "1 minute", run: () => (offset += hours * 3_600_000) })
      yield* Effect.provideService(run(alone(step), {}, { runId: hours > 0 ? "forth" : "back" }), Clock.Clock, set)
      expect((yield* snapshot(hours > 0 ? "forth" : "back")).steps[0]?.record.durationMs).toBeGreaterThanOrEqual(0)
    }
  }).pipe(Effect.provide(layer)))

it.effect("each try has the whole time, and its own signal", () =>
  Effect.gen(function*() {
    const signals: Array<AbortSignal> = []
    const step = Step.make("step", {
      version: "1",
      timeout: "1 second",
      retry: { times: 1, delay: 0 },
      run: ({ signal }) => {
        signals.push(signal)
        return signals.length === 1 ? new Promise<number>((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))) : 7
      }
    })
    const fiber = yield* begin(alone(step), {}, { runId: "r" })
    yield* TestClock.adjust("2 seconds")
    expect((yield* Fiber.join(fiber)).outputs.step).toBe(7)
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false])
    expect((yield* snapshot("r")).steps[0]?.record.retries).toBe(1)
  }).pipe(Effect.provide(layer)))

/** A step that fails so many times, noting when it was tried. */
const flaky = (failures: number, tried: Array<number>, retry: number | Step.Retry) =>
  Step.make("step", {
    version: "1",
    retry,
    run: () =>
      Effect.gen(function*() {
        tried.push(yield* Clock.currentTimeMillis)
        return tried.length <= failures ? yield* Effect.fail(new Error(`try ${tried.length}`)) : tried.length
      })
  })

it.effect("retries wait twice as long each time, up to the longest wait", () =>
  Effect.gen(function*() {
    const tried: Array<number> = []
    const fiber = yield* begin(alone(flaky(5, tried, { times: 5, delay: "1 second", maxDelay: "5 seconds" })), {}, { runId: "r" })
    for (let second = 0; second < 20; second++) yield* TestClock.adjust("1 second")
    expect((yield* Fiber.join(fiber)).outputs.step).toBe(6)
    expect(tried).toEqual([0, 1000, 3000, 7000, 12_000, 17_000])
    expect((yield* snapshot("r")).steps[0]?.record).toMatchObject({ status: "completed", retries: 5, generation: 1 })
  }).pipe(Effect.provide(layer)))

it.effect("a number of retries is enough to say; the last error is the step's", () =>
  Effect.gen(function*() {
    const tried: Array<number> = []
    const fiber = yield* begin(alone(flaky(9, tried, 2)), {}, { runId: "r" })
    yield* TestClock.adjust("99 millis")
    expect(tried.length).toBe(1)
    yield* TestClock.adjust("1 second")
    const error = yield* Effect.flip(Fiber.join(fiber))
    expect(error.message).toContain("try 3")
    expect((yield* snapshot("r")).steps[0]?.record).toMatchObject({ status: "failed", retries: 2 })
  }).pipe(Effect.provide(layer)))

it.effect("`while` says which errors are worth a retry; where it throws, that is the step's error", () =>
  Effect.gen(function*() {
    const tried: Array<number> = []
    const error = yield* failure(alone(flaky(9, tried, { times: 9, delay: 0, while: (error) => error instanceof Error && error.message < "try 3" })), {}, { runId: "r" })
    expect(tried.length).toBe(3)
    expect(error.message).toContain("try 3")
    const thrown = yield* failure(alone(flaky(9, [], { times: 9, delay: 0, while: () => { throw new Error("no idea") } })), {}, { runId: "s" })
    expect(thrown).toMatchObject({ _tag: "StepFailed", step: "step", cause: { message: "no idea" } })
  }).pipe(Effect.provide(layer)))

it.effect("what a retry cannot change is not tried again", () =>
  Effect.gen(function*() {
    let tries = 0
    const step = Step.make("step", { version: "1", retry: { times: 5, delay: 0 }, run: () => (tries++, () => 1) })
    expect((yield* failure(alone(step), {}))._tag).toBe("UnsavableValue")
    expect(tries).toBe(1)
  }).pipe(Effect.provide(layer)))

it.effect("points of a try that failed are not left in the curve of the one that did not", () =>
  Effect.gen(function*() {
    let tries = 0
    const make = (failures: number) =>
      alone(Step.make("step", {
        version: "1",
        retry: { times: 3, delay: "1 second" },
        run: ({ metrics }) => {
          metrics.log({ value: 1 })
          if (tries++ < failures) {
            metrics.log({ stray: 1, value: 2 })
            throw new Error("again")
          }
          return 1
        }
      }))
    const fiber = yield* begin(make(2), {}, { runId: "r" })
    for (let second = 0; second < 5; second++) yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    expect((yield* snapshot("r")).series.map(({ key, summary }) => `${key} ${summary.count}`)).toEqual(["value 1"])
  }).pipe(Effect.provide(layer)))

it.effect("a run that is cancelled while a step waits for its retry stops there", () =>
  Effect.gen(function*() {
    const tried: Array<number> = []
    const fiber = yield* begin(alone(flaky(9, tried, { times: 9, delay: "1 hour" })), {}, { runId: "r" })
    yield* TestClock.adjust("1 second")
    yield* Fiber.interrupt(fiber)
    expect(tried.length).toBe(1)
    expect((yield* snapshot("r")).run.status).toBe("interrupted")
    expect((yield* run(alone(flaky(0, tried, 0)), {}, { runId: "r" })).outputs.step).toBe(2)
  }).pipe(Effect.provide(layer)))
