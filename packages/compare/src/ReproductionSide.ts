/**
 * One of the two runs that a reproduction compares, with the way to its values and points in the store that keeps it:
 * the two are in different stores.
 */
import { ArtifactStore, Codec, type CodePart, codeParts, type CorruptArtifact, Hasher, PointChunk, type RunNotFound, type RunSnapshot, RunStore, type SeriesRecord, snapshot, type StoreError } from "@uniflow/core"
import { Effect, Result } from "effect"

/** Bytes by their digest, and how they are encoded. */
export interface SavedBytes {
  readonly digest: string
  readonly sizeBytes: number
  readonly codec: string | null
}

export interface ReproductionSide {
  readonly snapshot: RunSnapshot
  /** The bytes, verified; a text says why they cannot be had. */
  readonly bytes: (saved: SavedBytes) => Effect.Effect<Uint8Array, string>
  /** The value that the bytes are of, before its schema. */
  readonly value: (saved: SavedBytes) => Effect.Effect<unknown, string>
  /** The declarations that a step's code was made of, by its hash; undefined where they are not known. */
  readonly code: (hash: string) => Effect.Effect<ReadonlyArray<CodePart> | undefined>
  /** The points of a series, chunk by chunk. */
  readonly points: (series: SeriesRecord) => Effect.Effect<ReadonlyArray<PointChunk.Points>, string>
}

/** Reads a run of the store in use; what is given back needs no service any more. */
export const reproductionSide = Effect.fnUntraced(function*(
  runId: string
): Effect.fn.Return<ReproductionSide, RunNotFound | StoreError, RunStore | ArtifactStore | Codec> {
  const store = yield* RunStore
  const artifacts = yield* ArtifactStore
  const codec = yield* Codec
  const hasher = yield* Hasher
  const said = (error: CorruptArtifact | StoreError): string => error.message
  const bytes = ({ digest }: SavedBytes): Effect.Effect<Uint8Array, string> =>
    store.blob(digest).pipe(
      Effect.flatMap((kept) => kept === undefined ? artifacts.get(digest) : Effect.succeed(kept)),
      Effect.mapError(said),
      Effect.filterOrFail((found) => hasher.bytes(found) === digest, () => `the bytes ${digest.slice(0, 12)} are damaged`)
    )
  return {
    snapshot: yield* snapshot(runId),
    bytes,
    value: (saved) =>
      saved.codec !== codec.id
        ? Effect.fail(`it was saved with codec ${saved.codec ?? "none"}, and this store uses ${codec.id}`)
        : Effect.flatMap(bytes(saved), (found) => {
          const decoded = codec.decode(found)
          return Result.isSuccess(decoded) ? Effect.succeed(decoded.success) : Effect.fail(`it does not decode: ${decoded.failure}`)
        }),
    code: (hash) =>
      codeParts(runId, hash).pipe(
        Effect.provideService(RunStore, store),
        Effect.provideService(ArtifactStore, artifacts),
        Effect.catch(() => Effect.undefined)
      ),
    points: (series) =>
      Effect.flatMap(Effect.mapError(store.chunks(series), said), Effect.forEach(({ bytes }) => {
        const points = PointChunk.decode(bytes)
        return points === undefined ? Effect.fail(`points of ${series.key} are damaged`) : Effect.succeed(points)
      }))
  }
})
