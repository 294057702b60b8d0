import { Effect, Result, Stream } from "effect"
import { expect } from "vitest"
import type { ArtifactStoreCapabilities, ArtifactStorePlace } from "../ArtifactStoreSuite.ts"
import type { Promised } from "../Capability.ts"
import { corrupt, expectSame, noise, ofBytes, ofStream, shaOf } from "./artifactFixtures.ts"
import { failureOf } from "./effects.ts"

const flip = (position: number, bit: number) => (bytes: Uint8Array): Uint8Array => {
  const damaged = bytes.slice()
  damaged[position]! ^= 1 << bit
  return damaged
}

const damages: ReadonlyArray<readonly [string, (bytes: Uint8Array) => Uint8Array]> = [
  ["one bit of the first byte is turned", flip(0, 0)],
  ["one bit of the last byte is turned", (bytes) => flip(bytes.length - 1, 7)(bytes)],
  ["one bit in the middle is turned", (bytes) => flip(bytes.length >> 1, 3)(bytes)],
  ["the last byte is lost", (bytes) => bytes.slice(0, -1)],
  ["all bytes are lost", () => new Uint8Array()],
  ["a byte is added", (bytes) => Uint8Array.from([...bytes, 0])],
  ["all bytes are zero", (bytes) => new Uint8Array(bytes.length)],
  ["the bytes are those of another artifact", (bytes) => noise(bytes.length, 99)]
]

export const verificationPromises = (promised: Promised<ArtifactStorePlace>, can: ArtifactStoreCapabilities): void => {
  for (const [what, mutate] of damages) {
    promised(`when ${what}, get and stream say so and never hand the whole out; putting it again makes it whole`, (place) =>
      Effect.gen(function*() {
        const store = yield* place.open
        for (const length of [1_000, 200_001]) {
          const bytes = noise(length)
          const digest = shaOf(bytes)
          yield* store.put(ofBytes(bytes))
          yield* store.put(ofBytes(noise(length, 99)))
          yield* corrupt(place, store, digest, mutate)
          expect(yield* failureOf(store.get(digest))).toMatchObject({ _tag: "CorruptArtifact", digest })
          if (store.getNow !== undefined) expect(store.getNow(digest)).toMatchObject({ _tag: "Failure", failure: { _tag: "CorruptArtifact", digest } })
          expect(yield* failureOf(Stream.runDrain(store.stream(digest)))).toMatchObject({ _tag: "CorruptArtifact", digest })
          for (const source of [ofBytes(bytes), ofStream(bytes), ofBytes(bytes, digest)]) {
            yield* store.put(source)
            expectSame(yield* store.get(digest), bytes)
            yield* corrupt(place, store, digest, mutate)
            expect(yield* failureOf(store.get(digest))).toMatchObject({ _tag: "CorruptArtifact" })
          }
          expectSame(yield* store.get(shaOf(noise(length, 99))), noise(length, 99))
        }
      }))
  }

  promised("of two hundred bits that are turned, each is noticed", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(64)
      const digest = shaOf(bytes)
      for (let n = 0; n < 200; n++) {
        yield* store.put(ofBytes(bytes))
        yield* corrupt(place, store, digest, flip((n * 37) % 64, n % 8))
        const got = yield* Effect.result(store.get(digest))
        expect(Result.isFailure(got) ? got.failure._tag : "wrong bytes").toBe("CorruptArtifact")
      }
    }))

  promised("damage is noticed by a store that is opened later, and by those that are open", (place) =>
    Effect.gen(function*() {
      const store = yield* place.open
      const bytes = noise(1_000)
      yield* store.put(ofBytes(bytes))
      yield* store.get(shaOf(bytes))
      yield* corrupt(place, store, shaOf(bytes), flip(5, 5))
      const other = yield* place.open
      for (const one of [other, store]) expect(yield* failureOf(one.get(shaOf(bytes)))).toMatchObject({ _tag: "CorruptArtifact" })
      yield* other.put(ofBytes(bytes))
      for (const one of [other, store]) expectSame(yield* one.get(shaOf(bytes)), bytes)
    }), can.shared)
}
