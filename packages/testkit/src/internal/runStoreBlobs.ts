import { Deferred, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStoreCapabilities, RunStorePlace } from "../RunStoreSuite.ts"
import { failureOf, turn } from "./effects.ts"
import { artifactOf, checkpointOf, digestOf, newRun, outputOf, processOf, recorded, requestOf, work } from "./runStoreFixtures.ts"

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)

const kept = (n: number, value = bytes(n, n)) => ({ _tag: "BlobKept", digest: digestOf(n), bytes: value }) as const

/** Later than anything that a store may have been refreshed at. */
const everythingBefore = Number.MAX_SAFE_INTEGER

const collectAll = { refreshedBeforeMs: everythingBefore, dryRun: false }

export const blobPromises = (promised: Promised<RunStorePlace>, can: RunStoreCapabilities): void => {
  promised("kept bytes come back as they were, empty ones too; what is not there is undefined", (place) =>
    Effect.gen(function*() {
      const { commit } = yield* Effect.flatMap(processOf(place), (a) => work(a))
      const a = yield* processOf(place)
      const all = Uint8Array.from({ length: 16 * 1024 }, (_, n) => n % 256)
      yield* commit(kept(1, all), kept(2, bytes()))
      expect(yield* a.store.blob(digestOf(1))).toEqual(all)
      expect(yield* a.store.blob(digestOf(2))).toEqual(bytes())
      expect(yield* a.store.blob(digestOf(3))).toBeUndefined()
      if (a.store.blobNow !== undefined) {
        expect([1, 2, 3].map((n) => a.store.blobNow?.(digestOf(n)))).toEqual([all, bytes(), undefined])
      }
    }), can.shared)

  promised("kept bytes are the store's own: changing what was given, or what came back, changes nothing", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const given = bytes(1, 2, 3, 4)
      yield* commit(kept(1, given.subarray(1, 3)))
      given.fill(9)
      const back = yield* a.store.blob(digestOf(1))
      expect(back).toEqual(bytes(2, 3))
      back?.fill(9)
      expect(yield* a.store.blob(digestOf(1))).toEqual(bytes(2, 3))
    }))

  promised("bytes that are kept again, by any run, are kept once", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "run-1")
      const two = yield* work(a, "run-2")
      yield* one.commit(kept(1), kept(1))
      yield* two.commit(kept(1))
      expect(yield* a.store.blob(digestOf(1))).toEqual(bytes(1, 1))
      expect(yield* a.store.collectBlobs(collectAll)).toStrictEqual({ count: 1, sizeBytes: 2 })
    }))

  promised("a digest that a step, a checkpoint or an artifact of any run names is referenced; others are told", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "run-1")
      const two = yield* work(a, "run-2")
      yield* one.commit(
        recorded("run-1", 1, { output: outputOf(digestOf(1)), status: "failed" }),
        recorded("run-1", 2, { output: outputOf(digestOf(2)), generation: 2 }),
        { _tag: "CheckpointSaved", record: checkpointOf("run-1", 1, { output: outputOf(digestOf(3)) }), keep: 1 }
      )
      yield* two.commit({ _tag: "ArtifactNamed", record: artifactOf("run-2", "a", { digest: digestOf(4) }) })
      const asked = [5, 1, 2, 3, 4, 6].map(digestOf)
      expect([...yield* a.store.unreferenced(asked)].toSorted()).toStrictEqual([digestOf(5), digestOf(6)])
      expect(yield* a.store.unreferenced([])).toStrictEqual([])
      yield* one.commit({ _tag: "CheckpointSaved", record: checkpointOf("run-1", 2, { output: outputOf(digestOf(7)) }), keep: 1 })
      yield* two.commit({ _tag: "GenerationCleared", address: "train", generation: 1 })
      expect([...yield* a.store.unreferenced(asked)].toSorted()).toStrictEqual([3, 4, 5, 6].map(digestOf))
      yield* one.end()
      yield* a.store.remove("run-1")
      expect([...yield* a.store.unreferenced([digestOf(2)])]).toStrictEqual([digestOf(2)])
    }))

  promised("unreferenced answers for thousands of digests at once", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(recorded("run-1", 1, { output: outputOf(digestOf(1_234)) }))
      expect(yield* a.store.unreferenced(Array.from({ length: 5_000 }, (_, n) => digestOf(n)))).toHaveLength(4_999)
    }))

  promised("collecting removes kept bytes that nothing refers to, and no others; a dry run only counts", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit, end } = yield* work(a)
      yield* commit(
        kept(1),
        kept(2),
        kept(3),
        kept(4, bytes(1, 2, 3)),
        kept(5, bytes()),
        recorded("run-1", 1, { output: outputOf(digestOf(1)) }),
        { _tag: "CheckpointSaved", record: checkpointOf("run-1", 1, { output: outputOf(digestOf(2)) }), keep: 1 },
        { _tag: "ArtifactNamed", record: artifactOf("run-1", "a", { digest: digestOf(3) }) }
      )
      const left = Effect.map(Effect.forEach([1, 2, 3, 4, 5], (n) => a.store.blob(digestOf(n))), (all) => all.map((one) => one !== undefined))
      expect(yield* a.store.collectBlobs({ ...collectAll, dryRun: true })).toStrictEqual({ count: 2, sizeBytes: 3 })
      expect(yield* left).toStrictEqual([true, true, true, true, true])
      expect(yield* a.store.collectBlobs(collectAll)).toStrictEqual({ count: 2, sizeBytes: 3 })
      expect(yield* left).toStrictEqual([true, true, true, false, false])
      expect(yield* a.store.collectBlobs(collectAll)).toStrictEqual({ count: 0, sizeBytes: 0 })
      yield* end()
      yield* a.store.remove("run-1")
      expect(yield* left, "removing a run leaves its bytes to the collector").toStrictEqual([true, true, true, false, false])
      expect(yield* a.store.collectBlobs(collectAll)).toStrictEqual({ count: 3, sizeBytes: 6 })
    }))

  promised("bytes that were kept since stay: no grace is cut short", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(kept(1))
      expect(yield* a.store.collectBlobs({ refreshedBeforeMs: 0, dryRun: false })).toStrictEqual({ count: 0, sizeBytes: 0 })
      expect(yield* a.store.blob(digestOf(1))).toEqual(bytes(1, 1))
    }))

  promised("keeping bytes again refreshes them, so that a collector leaves them alone", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* TestClock.adjust(Duration.seconds(100))
      yield* commit(kept(1), kept(2))
      yield* TestClock.adjust(Duration.seconds(100))
      yield* commit(kept(1))
      expect(yield* a.store.collectBlobs({ refreshedBeforeMs: 150_000, dryRun: false })).toStrictEqual({ count: 1, sizeBytes: 2 })
      expect(yield* a.store.blob(digestOf(1))).toEqual(bytes(1, 1))
      expect(yield* a.store.blob(digestOf(2))).toBeUndefined()
    }), can.clock)

  promised("nothing is recorded while something runs exclusively, and everything after it", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* (yield* work(a, "run-3")).end()
      const inside = yield* Deferred.make<void>()
      const mayEnd = yield* Deferred.make<void>()
      const exclusive = yield* Effect.forkChild(a.store.exclusively(Effect.gen(function*() {
        yield* Deferred.succeed(inside, undefined)
        yield* Deferred.await(mayEnd)
        return {
          steps: yield* a.store.steps("run-1"),
          unreferenced: yield* a.store.unreferenced([digestOf(1)]),
          made: yield* a.store.run("run-2"),
          removed: (yield* a.store.run("run-3")) === undefined
        }
      })))
      yield* Deferred.await(inside)
      const writing = yield* Effect.forkChild(Effect.all([
        commit(kept(1), recorded("run-1", 1, { output: outputOf(digestOf(1)) })),
        a.store.claim(requestOf(a, "run-2", { create: newRun("run-2") })),
        a.store.remove("run-3")
      ], { concurrency: "unbounded" }))
      for (let n = 0; n < 5; n++) yield* turn
      expect(writing.pollUnsafe()).toBeUndefined()
      yield* Deferred.succeed(mayEnd, undefined)
      expect(yield* Fiber.join(exclusive)).toStrictEqual({ steps: [], unreferenced: [digestOf(1)], made: undefined, removed: false })
      yield* Fiber.join(writing)
      expect(yield* a.store.steps("run-1")).toHaveLength(1)
      expect(yield* a.store.run("run-2")).toBeDefined()
      expect(yield* a.store.run("run-3")).toBeUndefined()
    }))

  promised("what fails or is interrupted exclusively lets others write again", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      expect(yield* failureOf(a.store.exclusively(Effect.fail("no")))).toBe("no")
      const entered = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(a.store.exclusively(Effect.andThen(Deferred.succeed(entered, undefined), Effect.never)))
      yield* Deferred.await(entered)
      yield* Fiber.interrupt(fiber)
      yield* commit(recorded("run-1", 1))
      expect(yield* a.store.exclusively(a.store.steps("run-1"))).toHaveLength(1)
    }))
}
