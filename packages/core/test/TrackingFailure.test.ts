import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { expect, it } from "vitest"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, RunStore, type RunStoreService, Step, StoreError } from "../src/index.ts"
import { begin, ending, makeGate, run } from "./memory.ts"

it("a commit that fails takes no other step's lines with it", async () => {
  let full = true
  const store = Effect.map(MemoryRunStore.make, (inner): RunStoreService => ({
    ...inner,
    commit: (writer, changes) => {
      const isFirst = changes.some((change) => change._tag === "StepRecorded" && change.record.address === "refused")
      if (!full || !isFirst) return inner.commit(writer, changes)
      full = false
      return Effect.fail(new StoreError({ reason: "Full", what: "the disk is full" }))
    }
  }))
  const layer = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(Layer.effect(RunStore, store), MemoryArtifactStore.layer, JsonCodec.layer)))
  const [logged, refused] = [makeGate(), makeGate()]
  const beside = Step.make("beside", {
    version: "1",
    run: async ({ log }) => {
      log("a line of a step beside it")
      await logged.wait()
      return 1
    }
  })
  const first = Step.make("refused", {
    version: "1",
    run: async ({ log }) => {
      log("its own line")
      await refused.wait()
      return 2
    }
  })
  const lines = Effect.gen(function*() {
    const fiber = yield* begin(Pipeline.make("full", { steps: [beside, first] }), {}, { runId: "full" })
    yield* logged.arrived
    yield* refused.arrived
    refused.open()
    yield* Effect.promise(() => expect.poll(() => full).toBe(false))
    logged.open()
    const { reason } = (yield* Effect.flip(Fiber.join(fiber))) as StoreError
    const { steps, logs } = yield* RunStore
    return { reason, recorded: (yield* steps("full")).map(({ address }) => address), lines: (yield* logs("full")).map(({ address, message }) => `${address}: ${message}`) }
  })
  expect(await Effect.runPromise(Effect.provide(lines, layer))).toEqual({
    reason: "Full",
    recorded: ["beside"],
    lines: ["beside: a line of a step beside it", "refused: its own line"]
  })
})

/** A store whose commits of checkpoints fail while it is `down`. */
const withoutCheckpoints = (store: { down: boolean }) => {
  const wrapped = Effect.map(MemoryRunStore.make, (inner): RunStoreService => ({
    ...inner,
    commit: (writer, changes) =>
      store.down && changes.some(({ _tag }) => _tag === "CheckpointSaved") ? Effect.fail(new StoreError({ reason: "Busy", what: "somebody else writes" })) : inner.commit(writer, changes)
  }))
  return Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(Layer.effect(RunStore, wrapped), MemoryArtifactStore.layer, JsonCodec.layer)))
}

it("a step that goes on though a checkpoint could not be saved loses none of its points", async () => {
  const store = { down: false }
  const train = (fails: boolean) => Step.make("train", {
    version: "1",
    run: async ({ checkpoint, metrics }) => {
      // Beyond a full chunk, and some in the open one.
      for (const upTo of [3, 5000, 5001, 9000]) {
        for (let i = 0; i < upTo; i++) metrics.log({ [`upto ${upTo}`]: i })
        store.down = fails && upTo > 3
        await checkpoint.save("model", upTo).catch(() => {})
      }
      store.down = false
      metrics.log({ last: 1 })
      return 1
    }
  })
  const both = Effect.gen(function*() {
    for (const fails of [true, false]) yield* run(Pipeline.make("p", { steps: [train(fails)] }), {}, { runId: `fails ${fails}`.replace(" ", "-") })
    return { torn: (yield* ending("fails-true")).curves, whole: (yield* ending("fails-false")).curves }
  })
  const { torn, whole } = await Effect.runPromise(Effect.provide(both, withoutCheckpoints(store)))
  expect(torn).toEqual(whole)
})

it("a commit that was made though it seemed to fail fails no other one, and loses no line", async () => {
  let lost = false
  const store = Effect.map(MemoryRunStore.make, (inner): RunStoreService => ({
    ...inner,
    commit: (writer, changes) => {
      if (lost || !changes.some(({ _tag }) => _tag === "LogsAdded")) return inner.commit(writer, changes)
      lost = true
      return Effect.andThen(inner.commit(writer, changes), Effect.fail(new StoreError({ reason: "Unavailable", what: "the connection was lost" })))
    }
  }))
  const layer = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(Layer.effect(RunStore, store), MemoryArtifactStore.layer, JsonCodec.layer)))
  const gate = makeGate()
  const step = Step.make("step", {
    version: "1",
    run: async ({ log }) => {
      log("before")
      await gate.wait()
      log("after")
      return 1
    }
  })
  const lines = Effect.gen(function*() {
    const fiber = yield* begin(Pipeline.make("p", { steps: [step] }), {}, { runId: "r" })
    yield* gate.arrived
    yield* TestClock.adjust("500 millis")
    expect(lost).toBe(true)
    gate.open()
    expect((yield* Fiber.join(fiber)).outputs.step).toBe(1)
    return (yield* (yield* RunStore).logs("r")).map(({ message }) => message)
  })
  // Whether the first line was recorded is not known; better twice than not at all.
  expect(await Effect.runPromise(Effect.provide(Effect.provide(lines, layer), TestClock.layer()))).toEqual(["before", "before", "after"])
})
