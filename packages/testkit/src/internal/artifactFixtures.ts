import type { ArtifactSource, ArtifactStoreService, Encoded } from "@uniflow/core"
import { encodedOf, SourceFiles, StoreError } from "@uniflow/core"
import { Effect, Stream } from "effect"
import { createHash } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import type { ArtifactStorePlace } from "../ArtifactStoreSuite.ts"

/** Later than anything that a store may have been refreshed at. */
export const everythingBefore = Number.MAX_SAFE_INTEGER

export const shaOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Bytes of which no two pieces are alike, the same for the same seed. */
export const noise = (length: number, seed = 1): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = seed * 0x9e3779b1 >>> 0 || 1
  for (let n = 0; n < words.length; n++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[n] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}

/** Bytes cut at some places; pieces may be empty. */
export const cut = (bytes: Uint8Array, at: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const places = [0, ...at.map((place) => Math.min(place, bytes.length)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, n) => bytes.subarray(places[n]!, end))
}

export const inSegments = (segments: ReadonlyArray<Uint8Array>): Encoded =>
  segments.length === 1 ? encodedOf(segments[0]!) : { segments, sizeBytes: segments.reduce((sum, { length }) => sum + length, 0) }

export const ofBytes = (bytes: Uint8Array, digest?: string): ArtifactSource => ({ _tag: "Bytes", bytes: encodedOf(bytes), digest })

export const ofStream = (...pieces: ReadonlyArray<Uint8Array>): ArtifactSource => ({ _tag: "Stream", stream: Stream.fromIterable(pieces) })

/** A file of this machine with these bytes, gone with the scope, and the platform's way to read it. */
export const ofFile = (bytes: Uint8Array) =>
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "uniflow-artifact-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  ).pipe(Effect.flatMap((folder) =>
    Effect.promise(async (): Promise<ArtifactSource> => {
      const path = join(folder, "artifact.bin")
      await writeFile(path, bytes)
      return { _tag: "File", path }
    })
  ))

const unreadable = (cause: unknown): StoreError => new StoreError({ reason: "Unavailable", what: "The file cannot be read", cause })

/** Reads files for stores that leave this to the platform. */
export const withFiles = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, SourceFiles, {
    digest: () => Effect.succeed(undefined),
    stream: (path) =>
      Stream.fromEffect(Effect.tryPromise({ try: async () => new Uint8Array(await readFile(path)), catch: unreadable }))
  })

/** Everything of a stream, in one. */
export const allOf = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Uint8Array, E> =>
  Effect.map(Stream.runCollect(stream), (pieces) => {
    const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
    let offset = 0
    for (const piece of pieces) {
      bytes.set(piece, offset)
      offset += piece.length
    }
    return bytes
  })

/** Compares by hash and size: an assertion that shows millions of bytes helps nobody. */
export const expectSame = (actual: Uint8Array, expected: Uint8Array): void => {
  expect(actual).toBeInstanceOf(Uint8Array)
  expect({ length: actual.length, sha256: shaOf(actual) }).toStrictEqual({ length: expected.length, sha256: shaOf(expected) })
}

/** What the store lists, by digest. */
export const listed = (store: ArtifactStoreService) =>
  Effect.map(Stream.runCollect(store.list), (objects) => objects.map(({ digest, sizeBytes }) => ({ digest, sizeBytes })).toSorted((a, b) => a.digest < b.digest ? -1 : 1))

/** Damages the stored bytes of a digest. */
export const corrupt = (place: ArtifactStorePlace, store: ArtifactStoreService, digest: string, mutate: (bytes: Uint8Array) => Uint8Array) =>
  place.corrupt !== undefined
    ? place.corrupt(digest, mutate)
    : Effect.gen(function*() {
      const bytes = mutate(yield* store.get(digest))
      yield* store.remove(digest, { refreshedBeforeMs: everythingBefore })
      yield* store.put(ofBytes(bytes, digest))
    })
