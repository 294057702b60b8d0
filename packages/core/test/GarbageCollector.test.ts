import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { GarbageCollector, Pipeline, ProcessIdentity, RunStore, Step } from "../src/index.ts"
import { begin, layer, makeGate } from "./memory.ts"

const collect = GarbageCollector.collect({ grace: 0 })

const keeping = (wait: () => Promise<void>) =>
  Pipeline.make("p", {
    steps: [Step.make("keep", {
      version: "1",
      run: async ({ artifacts }) => {
        const { digest } = await artifacts.put("early.bin", new Uint8Array(100_000).fill(1))
        await wait()
        return { digest }
      }
    })]
  })

it.effect("what a run under way has kept and not recorded yet is spared, however short the grace", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const fiber = yield* begin(keeping(gate.wait), {}, { runId: "r" })
    yield* gate.arrived
    yield* TestClock.adjust("1 milli")
    expect(yield* collect).toEqual({ count: 0, sizeBytes: 0 })
    gate.open()
    const { outputs } = yield* Fiber.join(fiber)
    const store = yield* RunStore
    expect(yield* store.unreferenced([outputs.keep.digest])).toEqual([])
    yield* TestClock.adjust("1 minute")
    expect(yield* collect).toEqual({ count: 0, sizeBytes: 0 })
    yield* store.remove("r")
    expect((yield* collect).count).toBe(2)
  }).pipe(Effect.provide(layer)))

it.effect("what a dead process left does not wait for anybody", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const fiber = yield* begin(keeping(gate.wait), {}, { runId: "r" })
    yield* gate.arrived
    yield* TestClock.adjust("1 milli")
    const identity = yield* ProcessIdentity
    const seeing = { ...identity, look: () => Effect.succeed("dead" as const) }
    expect((yield* Effect.provideService(collect, ProcessIdentity, seeing)).count).toBeGreaterThan(0)
    gate.open()
    yield* Fiber.await(fiber)
  }).pipe(Effect.provide(layer)))
