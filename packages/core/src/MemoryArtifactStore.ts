/**
 * The artifact store that lives in this process's memory and is gone with it: for tests, previews and the browser.
 *
 * Bytes are copied on their way in and out, so nobody else can change what is stored.
 */
import { Clock, Effect, Layer, Result, Stream } from "effect"
import type { ArtifactInfo, ArtifactSource, ArtifactStoreService } from "./ArtifactStore.ts"
import { ArtifactStore } from "./ArtifactStore.ts"
import { joinEncoded } from "./Codec.ts"
import { Hasher } from "./Hasher.ts"
import { SourceFiles } from "./SourceFiles.ts"
import type { StoreError } from "./UniflowError.ts"
import { CorruptArtifact } from "./UniflowError.ts"

const collect = (stream: Stream.Stream<Uint8Array, StoreError>): Effect.Effect<Uint8Array, StoreError> =>
  Stream.runCollect(Stream.map(stream, (piece) => piece.slice())).pipe(
    Effect.map((segments) => joinEncoded({ segments, sizeBytes: segments.reduce((sum, { length }) => sum + length, 0) }))
  )

const read = (source: ArtifactSource): Effect.Effect<Uint8Array, StoreError> => {
  switch (source._tag) {
    case "Bytes":
      return Effect.sync(() => joinEncoded(source.bytes).slice())
    case "Stream":
      return collect(source.stream)
    case "File":
      return Effect.flatMap(SourceFiles, (files) => collect(files.stream(source.path)))
  }
}

/** A store of its own, empty; it hashes with the `Hasher` that is in place when it is made. */
export const make: Effect.Effect<ArtifactStoreService> = Effect.map(Hasher, (hasher) => {
  const objects = new Map<string, { readonly bytes: Uint8Array; readonly refreshedAtMs: number }>()

  const put = Effect.fnUntraced(function*(source: ArtifactSource): Effect.fn.Return<ArtifactInfo, StoreError> {
    const bytes = yield* read(source)
    const digest = (source._tag === "Bytes" ? source.digest : undefined) ?? hasher.bytes(bytes)
    const refreshedAtMs = yield* Clock.currentTimeMillis
    objects.set(digest, { bytes, refreshedAtMs })
    return { digest, sizeBytes: bytes.length }
  })

  const getNow = (digest: string): Result.Result<Uint8Array, CorruptArtifact> => {
    const bytes = objects.get(digest)?.bytes
    if (bytes !== undefined && hasher.bytes(bytes) === digest) return Result.succeed(bytes.slice())
    const reason = bytes === undefined ? "it is not in the store" : "its bytes do not hash to its name"
    return Result.fail(new CorruptArtifact({ digest, what: "Artifact", reason }))
  }
  const get = (digest: string): Effect.Effect<Uint8Array, CorruptArtifact> => Effect.suspend(() => Effect.fromResult(getNow(digest)))

  return {
    put,
    get,
    getNow,
    stream: (digest) => Stream.fromEffect(get(digest)),
    size: (digest) => Effect.sync(() => objects.get(digest)?.bytes.length),
    remove: (digest, { refreshedBeforeMs }) =>
      Effect.sync(() => {
        const found = objects.get(digest)
        return found !== undefined && found.refreshedAtMs < refreshedBeforeMs && objects.delete(digest)
      }),
    list: Stream.suspend(() =>
      Stream.fromIterable([...objects].map(([digest, { bytes, refreshedAtMs }]) => ({ digest, sizeBytes: bytes.length, refreshedAtMs })))
    )
  }
})

/** An `ArtifactStore` in memory, empty when the layer is built. */
export const layer: Layer.Layer<ArtifactStore> = Layer.effect(ArtifactStore, make)
