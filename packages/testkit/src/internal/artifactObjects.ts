import { StoreError } from "@uniflow/core"
import { Duration, Effect, Fiber, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { expect } from "vitest"
import type { ArtifactStoreCapabilities, ArtifactStorePlace } from "../ArtifactStoreSuite.ts"
import type { Promised } from "../Capability.ts"
import { allOf, cut, everythingBefore, expectSame, inSegments, listed, noise, ofBytes, ofFile, ofStream, shaOf, withFiles } from "./artifactFixtures.ts"
import { failureOf, property, turn } from "./effects.ts"

const nowhere = "0".repeat(64)

export const objectPromises = (
  promised: Promised<ArtifactStorePlace>,
  can: ArtifactStoreCapabilities,
  { cases, largeBytes }: { readonly cases: number; readonly largeBytes: number }
): void => {
  promised("any bytes, in any pieces, given at once or as a stream, come back equal under their SHA-256", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      yield* property(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300), { maxLength: 4 }), fc.boolean()), cases, ([bytes, places, streamed]) =>
        Effect.gen(function*() {
          const pieces = cut(bytes, places)
          const info = yield* store.put(streamed ? ofStream(...pieces) : { _tag: "Bytes", bytes: inSegments(pieces) })
          expect(info).toStrictEqual({ digest: shaOf(bytes), sizeBytes: bytes.length })
          expectSame(yield* store.get(info.digest), bytes)
          expectSame(yield* allOf(store.stream(info.digest)), bytes)
          expect(yield* store.size(info.digest)).toBe(bytes.length)
          if (store.getNow !== undefined) expectSame(Result.getOrThrow(store.getNow(info.digest)), bytes)
        }))
    }))

  promised("empty bytes are bytes, from whatever source", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const empty = new Uint8Array()
      const info = { digest: shaOf(empty), sizeBytes: 0 }
      for (const source of [ofBytes(empty), ofStream(), ofStream(empty, empty), { _tag: "Bytes", bytes: { segments: [], sizeBytes: 0 } } as const]) {
        expect(yield* store.put(source)).toStrictEqual(info)
        expectSame(yield* store.get(info.digest), empty)
        expectSame(yield* allOf(store.stream(info.digest)), empty)
        expect(yield* store.size(info.digest)).toBe(0)
        expect(yield* store.remove(info.digest, { refreshedBeforeMs: everythingBefore })).toBe(true)
      }
    }))

  promised("a file is stored by its content", (place) =>
    withFiles(Effect.gen(function*() {
      const store = yield* place.open
      for (const bytes of [new Uint8Array(), noise(1_000), noise(3_000_001)]) {
        const info = yield* store.put(yield* ofFile(bytes))
        expect(info).toStrictEqual({ digest: shaOf(bytes), sizeBytes: bytes.length })
        expectSame(yield* store.get(info.digest), bytes)
      }
    })), can.files)

  promised("a digest that the caller computed is used", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(1_000)
      expect(yield* store.put(ofBytes(bytes, shaOf(bytes)))).toStrictEqual({ digest: shaOf(bytes), sizeBytes: 1_000 })
      expectSame(yield* store.get(shaOf(bytes)), bytes)
    }))

  promised("views of larger memory are stored as what they show", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const memory = noise(64)
      const floats = Float64Array.from([1.5, NaN, -0, Infinity])
      const views = [memory.subarray(3, 17), new Uint8Array(floats.buffer, 8, 16), Buffer.from("text")]
      const { digest } = yield* store.put({ _tag: "Bytes", bytes: inSegments(views) })
      expectSame(yield* store.get(digest), Uint8Array.from(views.flatMap((view) => [...view])))
    }))

  promised("stored bytes are the store's own: changing what was given, or what came back, changes nothing", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const given = noise(5_000)
      const expected = given.slice()
      const { digest } = yield* store.put(ofBytes(given))
      given.fill(0)
      expectSame(yield* store.get(digest), expected)
      ;(yield* store.get(digest)).fill(0)
      if (store.getNow !== undefined) Result.getOrThrow(store.getNow(digest)).fill(0)
      yield* Stream.runForEach(store.stream(digest), (piece) => Effect.sync(() => piece.fill(0)))
      expectSame(yield* store.get(digest), expected)
    }))

  promised("a source may use one buffer for all of its pieces", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const buffer = new Uint8Array(1_000)
      const stream = Stream.fromIterable([1, 2, 3, 4, 5]).pipe(
        Stream.rechunk(1),
        Stream.map((n) => buffer.fill(n))
      )
      const expected = Uint8Array.from({ length: 5_000 }, (_, n) => Math.floor(n / 1_000) + 1)
      expect(yield* store.put({ _tag: "Stream", stream })).toStrictEqual({ digest: shaOf(expected), sizeBytes: 5_000 })
    }))

  promised("large objects come back, at once and as a stream of pieces", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(largeBytes)
      const expected = { digest: shaOf(bytes), sizeBytes: largeBytes }
      const uneven = Array.from({ length: 200 }, (_, n) => (n * n * 7_919) % largeBytes)
      expect(yield* store.put(ofStream(...cut(bytes, uneven)))).toStrictEqual(expected)
      expectSame(yield* allOf(store.stream(expected.digest)), bytes)
      expect(yield* store.remove(expected.digest, { refreshedBeforeMs: everythingBefore })).toBe(true)
      expect(yield* store.put({ _tag: "Bytes", bytes: inSegments(cut(bytes, uneven)) })).toStrictEqual(expected)
      expectSame(yield* store.get(expected.digest), bytes)
    }))

  promised("reading only the beginning of a stream lets the rest alone", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(3_000_000)
      const { digest } = yield* store.put(ofBytes(bytes))
      const [first] = yield* Stream.runCollect(Stream.take(store.stream(digest), 1))
      expectSame(first!, bytes.subarray(0, first!.length))
      expect(yield* store.remove(digest, { refreshedBeforeMs: everythingBefore })).toBe(true)
    }))

  for (const digest of [nowhere, "", "..", "../../secret", "/etc/passwd", "A".repeat(64), `${"0".repeat(63)}/`, "__proto__"]) {
    promised(`under ${JSON.stringify(digest)} there is nothing: an error that names it, no size, nothing to remove`, (place) =>
      Effect.gen(function*() {
        const store = yield* place.open
        expect(yield* failureOf(store.get(digest))).toMatchObject({ _tag: "CorruptArtifact", digest })
        if (store.getNow !== undefined) expect(store.getNow(digest)).toMatchObject({ _tag: "Failure", failure: { _tag: "CorruptArtifact", digest } })
        expect(yield* failureOf(Stream.runDrain(store.stream(digest)))).toMatchObject({ _tag: "CorruptArtifact", digest })
        expect(yield* store.size(digest)).toBeUndefined()
        expect(yield* store.remove(digest, { refreshedBeforeMs: everythingBefore })).toBe(false)
        expect(yield* listed(store)).toStrictEqual([])
      }))
  }

  promised("the same bytes are one object, however often and from whatever source they are put", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(2_000)
      for (const source of [ofBytes(bytes), ofStream(bytes.subarray(0, 7), bytes.subarray(7)), ofBytes(bytes, shaOf(bytes))]) {
        yield* store.put(source)
        expect(yield* listed(store)).toStrictEqual([{ digest: shaOf(bytes), sizeBytes: 2_000 }])
      }
      expectSame(yield* store.get(shaOf(bytes)), bytes)
    }))

  promised("list tells of every object once, with its size", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      expect(yield* listed(store)).toStrictEqual([])
      const made = yield* Effect.forEach(Array.from({ length: 60 }, (_, n) => noise(n, n + 1)), (bytes) => store.put(ofBytes(bytes)))
      expect(yield* listed(store)).toStrictEqual(made.toSorted((a, b) => a.digest < b.digest ? -1 : 1))
    }))

  promised("an object is dated by when it was put last", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(10)
      yield* TestClock.adjust(Duration.seconds(1_000))
      yield* store.put(ofBytes(bytes))
      const dated = Effect.map(Stream.runCollect(store.list), (objects) => objects.map(({ refreshedAtMs }) => refreshedAtMs))
      expect(yield* dated).toStrictEqual([1_000_000])
      yield* TestClock.adjust(Duration.seconds(500))
      yield* store.get(shaOf(bytes))
      yield* store.size(shaOf(bytes))
      expect(yield* dated, "reading is no refresh").toStrictEqual([1_000_000])
      yield* store.put(ofStream(bytes))
      expect(yield* dated).toStrictEqual([1_500_000])
    }), can.clock)

  promised("remove takes an object away, tells that it did, and it may be put again", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const [one, two] = [noise(100, 1), noise(100, 2)]
      yield* store.put(ofBytes(one))
      yield* store.put(ofBytes(two))
      expect(yield* store.remove(shaOf(one), { refreshedBeforeMs: everythingBefore })).toBe(true)
      expect(yield* store.size(shaOf(one))).toBeUndefined()
      expect(yield* failureOf(store.get(shaOf(one)))).toMatchObject({ _tag: "CorruptArtifact" })
      expect(yield* listed(store)).toStrictEqual([{ digest: shaOf(two), sizeBytes: 100 }])
      expect(yield* store.remove(shaOf(one), { refreshedBeforeMs: everythingBefore })).toBe(false)
      yield* store.put(ofBytes(one))
      expectSame(yield* store.get(shaOf(one)), one)
      expectSame(yield* store.get(shaOf(two)), two)
    }))

  promised("an object that was refreshed since is not removed", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(100)
      yield* store.put(ofBytes(bytes))
      expect(yield* store.remove(shaOf(bytes), { refreshedBeforeMs: 0 })).toBe(false)
      expectSame(yield* store.get(shaOf(bytes)), bytes)
    }))

  promised("putting an object again saves it from a collector that saw it old", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const [used, unused] = [noise(100, 1), noise(100, 2)]
      yield* TestClock.adjust(Duration.seconds(1_000))
      yield* store.put(ofBytes(used))
      yield* store.put(ofBytes(unused))
      yield* TestClock.adjust(Duration.seconds(1_000))
      yield* store.put(ofBytes(used))
      const grace = { refreshedBeforeMs: 1_500_000 }
      expect(yield* store.remove(shaOf(used), grace)).toBe(false)
      expect(yield* store.remove(shaOf(unused), grace)).toBe(true)
      expectSame(yield* store.get(shaOf(used)), used)
    }), can.clock)

  const broken = new StoreError({ reason: "Unavailable", what: "the source broke" })
  for (const [what, pieces] of [["at once", []], ["after a piece", [noise(100)]], ["after a lot", [noise(3_000_000), noise(10)]]] as const) {
    promised(`a source that fails ${what} leaves nothing, and its error is passed on`, (place) =>
      Effect.gen(function*() {
        const store = yield* place.open
        const stream = Stream.concat(Stream.fromIterable(pieces), Stream.fail(broken))
        expect(yield* failureOf(store.put({ _tag: "Stream", stream }))).toBe(broken)
        expect(yield* listed(store)).toStrictEqual([])
        for (const piece of pieces) expect(yield* store.size(shaOf(piece))).toBeUndefined()
      }))
  }

  promised("a file that is not there is an error and leaves nothing", (place) =>
    withFiles(Effect.gen(function*() {
      const store = yield* place.open
      const file = yield* Effect.scoped(ofFile(noise(10)))
      expect(yield* failureOf(store.put(file))).toMatchObject({ _tag: "StoreError" })
      expect(yield* listed(store)).toStrictEqual([])
    })), can.files)

  promised("a put that is interrupted leaves nothing, and the next one succeeds", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(100_000)
      const endless = Stream.concat(Stream.make(bytes), Stream.never)
      const putting = yield* Effect.forkChild(store.put({ _tag: "Stream", stream: endless }))
      for (let n = 0; n < 5; n++) yield* turn
      yield* Fiber.interrupt(putting)
      expect(yield* listed(store)).toStrictEqual([])
      yield* store.put(ofBytes(bytes))
      expectSame(yield* store.get(shaOf(bytes)), bytes)
    }))

  promised("what was put is there when the store is opened again", (place) =>
    Effect.gen(function*() {
      const bytes = [noise(0), noise(1_000), noise(3_000_000)]
      yield* Effect.scoped(Effect.flatMap(place.open, (store) => Effect.forEach(bytes, (one) => store.put(ofBytes(one)))))
      const store = yield* place.open
      for (const one of bytes) expectSame(yield* store.get(shaOf(one)), one)
      expect(yield* listed(store)).toHaveLength(3)
    }), can.durable)

  promised("what one process put another one reads and removes", (place) =>
    Effect.gen(function*() {
      const [a, b] = [yield* place.open, yield* place.open]
      const bytes = noise(1_000)
      yield* a.put(ofBytes(bytes))
      expectSame(yield* b.get(shaOf(bytes)), bytes)
      expect(yield* b.put(ofBytes(bytes))).toStrictEqual({ digest: shaOf(bytes), sizeBytes: 1_000 })
      expect(yield* b.remove(shaOf(bytes), { refreshedBeforeMs: everythingBefore })).toBe(true)
      expect(yield* a.size(shaOf(bytes))).toBeUndefined()
      yield* a.put(ofBytes(bytes))
      expectSame(yield* b.get(shaOf(bytes)), bytes)
    }), can.shared)
}
