/**
 * Bytes by their digest (SHA-256): step outputs, manual checkpoints and named artifacts that are too large to stand
 * in the run store's own commit.
 *
 * Whoever `put`s bytes may record their digest as soon as `put` has succeeded: by then they are durable. Bytes are
 * handed out only when they hash to their name. Putting what is there already refreshes it, so that a collector of
 * garbage that runs at the same time leaves it alone.
 */
import { Context, type Effect, type Result, type Stream } from "effect"
import type { Encoded } from "./Codec.ts"
import type { CorruptArtifact, StoreError } from "./UniflowError.ts"

/** Bytes to store: in memory, as a stream, or a file of this machine by its path. */
export type ArtifactSource =
  /** `digest`: the bytes' own, where the caller computed it already; it is taken at its word. */
  | { readonly _tag: "Bytes"; readonly bytes: Encoded; readonly digest?: string | undefined }
  | { readonly _tag: "Stream"; readonly stream: Stream.Stream<Uint8Array, StoreError> }
  | { readonly _tag: "File"; readonly path: string }

/** What bytes are known by. */
export interface ArtifactInfo {
  readonly digest: string
  readonly sizeBytes: number
}

/** An object as a collector of garbage sees it. */
export interface StoredObject extends ArtifactInfo {
  /** When it was last written or refreshed, Unix time in milliseconds. */
  readonly refreshedAtMs: number
}

export interface ArtifactStoreService {
  /**
   * Stores bytes durably and tells their digest; refreshes them when they are there already. A source that fails leaves
   * nothing behind. Damaged bytes that `get` or `stream` met are whole again after the next `put` of what they should be.
   */
  readonly put: (source: ArtifactSource) => Effect.Effect<ArtifactInfo, StoreError>
  /** All bytes of a digest, verified. */
  readonly get: (digest: string) => Effect.Effect<Uint8Array, CorruptArtifact | StoreError>
  /** The same at once, where the store can be read without waiting; what makes `run.outputs` readable like a plain object. */
  readonly getNow?: (digest: string) => Result.Result<Uint8Array, CorruptArtifact | StoreError>
  /** The bytes in pieces; ends in `CorruptArtifact` when the whole does not hash to its name. */
  readonly stream: (digest: string) => Stream.Stream<Uint8Array, CorruptArtifact | StoreError>
  /** Size in bytes, or undefined where there is no such object. Reads no content. */
  readonly size: (digest: string) => Effect.Effect<number | undefined, StoreError>
  /** Removes an object that was last refreshed before that time (Unix time in milliseconds); tells whether it did. */
  readonly remove: (digest: string, options: { readonly refreshedBeforeMs: number }) => Effect.Effect<boolean, StoreError>
  /** Every object. */
  readonly list: Stream.Stream<StoredObject, StoreError>
}

/** The artifact store in use. */
export class ArtifactStore extends Context.Service<ArtifactStore, ArtifactStoreService>()("@uniflow/core/ArtifactStore") {}
