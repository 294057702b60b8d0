import { expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Pipeline, PipelineCheckpoint, snapshot, Step } from "../src/index.ts"
import { RewindableClock } from "../src/StepClock.ts"
import { failure, layer, run } from "./memory.ts"

it.effect("a resumed step's time goes on where the checkpoint stood; without one it is the machine's", () =>
  Effect.gen(function*() {
    const seen: Array<number> = []
    let fails = true
    const step = Step.make("step", {
      version: "1",
      run: async ({ checkpoint, clock }) => {
        const before = await checkpoint.latest<number>("at")
        seen.push(clock.now())
        if (before === undefined) await checkpoint.save("at", clock.now())
        if (fails) throw new Error("stopped")
        return clock.now() - (before ?? 0)
      }
    })
    const pipeline = Pipeline.make("p", { steps: [step] })
    yield* TestClock.adjust(1_000)
    yield* failure(pipeline, {}, { runId: "a" })
    yield* TestClock.adjust(3_600_000)
    fails = false
    expect((yield* run(pipeline, {}, { runId: "a" })).outputs.step).toBe(0)
    expect(seen).toEqual([1_000, 1_000])
    yield* run(pipeline, {}, { runId: "b" })
    expect(seen.at(-1)).toBe(3_601_000)
  }).pipe(Effect.provide(layer)))

it.effect("Effect's Clock in a step tells the same time, and sleeps by the machine's", () =>
  Effect.gen(function*() {
    let fails = true
    const seen: Array<number> = []
    const step = Step.make("step", {
      version: "1",
      run: () =>
        Effect.gen(function*() {
          const checkpoint = yield* PipelineCheckpoint
          const before = yield* checkpoint.latest<number>("at")
          seen.push(yield* Clock.currentTimeMillis)
          if (before === undefined) yield* checkpoint.save("at", 1)
          if (fails) return yield* Effect.fail("stopped" as const)
          yield* Effect.sleep(500)
          seen.push(yield* Clock.currentTimeMillis)
          return 1
        })
    })
    const pipeline = Pipeline.make("p", { steps: [step] })
    yield* TestClock.adjust(1_000)
    yield* failure(pipeline, {}, { runId: "a" })
    yield* TestClock.adjust(60_000)
    fails = false
    const fiber = yield* Effect.forkChild(run(pipeline, {}, { runId: "a" }), { startImmediately: true })
    yield* TestClock.adjust(500)
    yield* Fiber.join(fiber)
    expect(seen).toEqual([1_000, 1_000, 1_500])
  }).pipe(Effect.provide(layer)))

it.effect("nothing is put down for a step that does not read the clock", () =>
  Effect.gen(function*() {
    const step = Step.make("step", { version: "1", run: ({ checkpoint }) => checkpoint.save("a", 1) })
    yield* run(Pipeline.make("p", { steps: [step] }), {}, { runId: "a" })
    expect((yield* snapshot("a")).checkpoints.map(({ position }) => position)).toEqual([{ points: {}, random: null, versions: { a: 1 } }])
  }).pipe(Effect.provide(layer)))

it("never goes back, and after a restore begins at the reading that was put down, whatever the machine's clock did", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 1e12 }), { minLength: 1 }), fc.array(fc.integer({ min: 0, max: 1e12 }), { minLength: 2 }), (before, after) => {
    let at = 0
    const machine = (times: ReadonlyArray<number>) => (at = 0, () => times[Math.min(at++, times.length - 1)]!)
    const clock = new RewindableClock(machine(before))
    const readings = before.map(() => clock.now())
    expect(readings).toEqual(readings.toSorted((a, b) => a - b))
    const position = clock.position!
    expect(position).toBeGreaterThanOrEqual(readings.at(-1)!)
    const resumed = new RewindableClock(machine(after))
    resumed.restore(position)
    for (const reading of after.map(() => resumed.now())) expect(reading).toBeGreaterThanOrEqual(position)
  }))
})
