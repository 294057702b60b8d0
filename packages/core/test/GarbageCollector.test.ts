import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ArtifactStore, GarbageCollector, Pipeline, ProcessIdentity, RunStore, Step } from "../src/index.ts"
import { begin, layer, makeGate, run } from "./memory.ts"

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

/** Keeps large bytes that are the same in every run, and others that are the run's own; small ones, too. */
const sharing = Pipeline.make("s", {
  steps: [Step.make("keep", {
    version: "1",
    params: { own: Schema.Number },
    run: async ({ artifacts, params }) => {
      await artifacts.put("shared.bin", new Uint8Array(100_000).fill(1))
      await artifacts.put("own.bin", new Uint8Array(200_000).fill(params.own))
      await artifacts.put("small.bin", new Uint8Array(10).fill(params.own))
      return params.own
    }
  })]
})

it.effect("purging a run frees at once what nothing else refers to, and leaves what others share", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    const artifacts = yield* ArtifactStore
    const own = (yield* run(sharing, { own: 2 }, { runId: "a" }).pipe(Effect.andThen(store.artifacts("a"))))
    yield* run(sharing, { own: 3 }, { runId: "b" })
    const digest = (name: string) => own.find((one) => one.name === name)!.digest
    yield* TestClock.adjust("1 milli")
    expect((yield* GarbageCollector.purge("a", { dryRun: true })).sizeBytes).toBeGreaterThanOrEqual(300_010)
    expect(yield* store.run("a")).toBeDefined()
    const { keptBytes, sizeBytes } = yield* GarbageCollector.purge("a")
    expect(sizeBytes).toBeGreaterThanOrEqual(200_010)
    expect(sizeBytes).toBeLessThan(300_000)
    expect(keptBytes).toBe(100_000)
    expect(yield* store.run("a")).toBeUndefined()
    expect(yield* artifacts.size(digest("own.bin"))).toBeUndefined()
    expect(yield* store.blob(digest("small.bin"))).toBeUndefined()
    expect(yield* artifacts.size(digest("shared.bin"))).toBe(100_000)
    expect((yield* GarbageCollector.purge("b")).keptBytes).toBe(0)
    expect(yield* artifacts.size(digest("shared.bin"))).toBeUndefined()
    expect((yield* Effect.flip(GarbageCollector.purge("b")))._tag).toBe("RunNotFound")
  }).pipe(Effect.provide(layer)))

it.effect("purging spares what a run under way has written and may be about to record, and refuses that run itself", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    const artifacts = yield* ArtifactStore
    yield* run(keeping(() => Promise.resolve()), {}, { runId: "a" })
    const { digest } = (yield* store.artifacts("a"))[0] ?? { digest: (yield* store.steps("a"))[0]!.output!.digest }
    const large = digest
    yield* TestClock.adjust("1 minute")
    const gate = makeGate()
    const fiber = yield* begin(keeping(gate.wait), {}, { runId: "r" })
    yield* gate.arrived
    yield* TestClock.adjust("1 milli")
    expect((yield* Effect.flip(GarbageCollector.purge("r"))).message).toContain("being worked on")
    const { keptBytes } = yield* GarbageCollector.purge("a")
    expect(keptBytes).toBeGreaterThanOrEqual(100_000)
    expect(yield* artifacts.size(large)).toBe(100_000)
    gate.open()
    yield* Fiber.join(fiber)
    expect(yield* store.unreferenced([large])).toEqual([])
    expect(yield* artifacts.size(large)).toBe(100_000)
  }).pipe(Effect.provide(layer)))
