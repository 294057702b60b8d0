import { StoreError } from "@uniflow/core"
import { Duration, Effect, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import type { ArtifactStoreCapabilities, ArtifactStorePlace } from "../ArtifactStoreSuite.ts"
import type { Promised } from "../Capability.ts"
import { allOf, everythingBefore, expectSame, listed, noise, ofBytes, ofStream, shaOf } from "./artifactFixtures.ts"

const unbounded = { concurrency: "unbounded" } as const

export const racePromises = (promised: Promised<ArtifactStorePlace>, can: ArtifactStoreCapabilities): void => {
  promised("the same bytes put many times at once, through many handles, are one whole object", (place) =>
    Effect.gen(function*() {
      const stores = yield* Effect.forEach([1, 2, 3, 4], () => place.open)
      const bytes = noise(300_000)
      const source = (n: number) => n % 2 === 0 ? ofBytes(bytes) : ofStream(bytes.subarray(0, 1_000), bytes.subarray(1_000))
      const infos = yield* Effect.forEach(Array.from({ length: 24 }, (_, n) => n), (n) => stores[n % 4]!.put(source(n)), unbounded)
      expect(new Set(infos.map(({ digest }) => digest))).toStrictEqual(new Set([shaOf(bytes)]))
      expect(yield* listed(stores[0]!)).toStrictEqual([{ digest: shaOf(bytes), sizeBytes: 300_000 }])
      for (const store of stores) expectSame(yield* store.get(shaOf(bytes)), bytes)
    }), can.shared)

  promised("many different artifacts put at once are all there", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const all = Array.from({ length: 64 }, (_, n) => noise(1_000 + n, n + 1))
      yield* Effect.forEach(all, (bytes) => store.put(ofBytes(bytes)), unbounded)
      const back = yield* Effect.forEach(all, (bytes) => store.get(shaOf(bytes)), unbounded)
      for (const [n, bytes] of back.entries()) expectSame(bytes, all[n]!)
      expect(yield* listed(store)).toHaveLength(64)
    }))

  promised("a source may read from the store that it is put into, however many do so at once", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(200_000)
      const { digest } = yield* store.put(ofBytes(bytes))
      const copy = store.stream(digest).pipe(Stream.mapError((cause) => new StoreError({ reason: "Corrupt", what: "The source is damaged", cause })))
      const infos = yield* Effect.forEach(
        Array.from({ length: 24 }, (_, n) => n),
        (n) => store.put({ _tag: "Stream", stream: Stream.concat(copy, Stream.make<[Uint8Array]>(Uint8Array.of(n))) }),
        unbounded
      )
      expect(new Set(infos.map(({ digest }) => digest)).size).toBe(24)
    }))

  promised("bytes that are put while a collector removes them are there afterwards, whole", (place) =>
    Effect.gen(function*() {
      const [a, b] = [yield* place.open, yield* place.open]
      for (let n = 1; n <= 60; n++) {
        const bytes = noise(500, n)
        yield* a.put(ofBytes(bytes))
        yield* TestClock.adjust(Duration.seconds(100))
        const grace = { refreshedBeforeMs: n * 100_000 - 1 }
        const remove = b.remove(shaOf(bytes), grace)
        // The collector comes at every moment of the put: before it, with it, after a few turns of it.
        const late = Effect.forEach(Array.from({ length: n % 6 }), () => Effect.yieldNow).pipe(Effect.andThen(remove))
        yield* Effect.all(n % 2 === 0 ? [remove, a.put(ofBytes(bytes))] : [a.put(n % 3 === 0 ? ofStream(bytes) : ofBytes(bytes)), late], unbounded)
        expectSame(yield* a.get(shaOf(bytes)), bytes)
        expect(yield* b.remove(shaOf(bytes), grace)).toBe(false)
      }
    }), can.clock, can.shared)

  promised("of several collectors at once exactly one removes an object", (place) =>
    Effect.gen(function*() {
      const stores = yield* Effect.forEach([1, 2, 3, 4], () => place.open)
      for (let n = 1; n <= 20; n++) {
        const bytes = noise(500, n)
        yield* stores[0]!.put(ofBytes(bytes))
        const removed = yield* Effect.forEach(stores, (store) => store.remove(shaOf(bytes), { refreshedBeforeMs: everythingBefore }), unbounded)
        expect(removed.filter((did) => did)).toHaveLength(1)
        expect(yield* stores[1]!.size(shaOf(bytes))).toBeUndefined()
      }
    }), can.shared)

  promised("a reader that meets a collector gets the whole object, or is told that it is gone", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      for (let n = 1; n <= 20; n++) {
        const bytes = noise(100_000, n)
        yield* store.put(ofBytes(bytes))
        const reads = Array.from({ length: 4 }, (_, m) => Effect.result(m % 2 === 0 ? store.get(shaOf(bytes)) : allOf(store.stream(shaOf(bytes)))))
        const remove = Effect.as(store.remove(shaOf(bytes), { refreshedBeforeMs: everythingBefore }), undefined)
        for (const read of yield* Effect.all([...reads.slice(0, n % 5), remove, ...reads.slice(n % 5)], unbounded)) {
          if (read === undefined) continue
          if (Result.isSuccess(read)) expectSame(read.success, bytes)
          else expect(read.failure).toMatchObject({ _tag: "CorruptArtifact" })
        }
      }
    }))

  promised("objects are listed while others come and go", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const kept = yield* Effect.forEach(Array.from({ length: 20 }, (_, n) => noise(50, n + 1)), (bytes) => store.put(ofBytes(bytes)))
      const changing = Effect.forEach(Array.from({ length: 20 }, (_, n) => noise(60, n + 1)), (bytes) =>
        Effect.andThen(store.put(ofBytes(bytes)), store.remove(shaOf(bytes), { refreshedBeforeMs: everythingBefore })), unbounded)
      const [, ...lists] = yield* Effect.all([changing, listed(store), listed(store), listed(store)], unbounded)
      for (const list of lists) expect(list).toEqual(expect.arrayContaining([...kept]))
    }))
}
