import { Effect, Result } from "effect"
import * as AnySchema from "../AnySchema.ts"
import type { ArtifactStoreService } from "../ArtifactStore.ts"
import { type CodePart, readParts } from "../CodeParts.ts"
import { type CodecService, type Encoded, joinEncoded, SHARED_BYTES } from "../Codec.ts"
import type { HasherService } from "../Hasher.ts"
import type { OutputRef } from "../RunRecord.ts"
import { type Change, INLINE_BYTES, type RunStoreService } from "../RunStore.ts"
import { CorruptArtifact, describe, StoreError, UnsavableValue } from "../UniflowError.ts"

/** A value that was turned into bytes, and what has to be recorded with whatever refers to it. */
export interface Saved {
  readonly ref: OutputRef
  readonly changes: ReadonlyArray<Change>
}

/** Bytes of recent small values, which share no memory with anything, are kept at hand, up to so many and this much. */
const CACHE_VALUES = 2048
const CACHE_BYTES = 16 * 1024 * 1024

/** Values to bytes and back: small ones inside the run store, large ones in the artifact store, all by digest. */
export class Objects {
  private readonly runs: RunStoreService
  private readonly artifacts: ArtifactStoreService
  readonly codec: CodecService
  private readonly hasher: HasherService
  /** Digests of outputs that could not be loaded, and were not saved again since. */
  readonly unusable = new Set<string>()
  private readonly recent = new Map<string, Uint8Array>()
  private recentBytes = 0

  constructor(runs: RunStoreService, artifacts: ArtifactStoreService, codec: CodecService, hasher: HasherService) {
    this.runs = runs
    this.artifacts = artifacts
    this.codec = codec
    this.hasher = hasher
  }

  /** Encodes a value, at once where its schema allows, so that later changes to it do not matter. */
  encode(what: string, value: unknown, schema: AnySchema.AnySchema | undefined): Effect.Effect<Encoded, UnsavableValue> {
    const encoded = (plain: unknown): Effect.Effect<Encoded, UnsavableValue> => {
      const result = this.codec.encode(plain)
      return Result.isSuccess(result)
        ? Effect.succeed(result.success)
        : Effect.fail(new UnsavableValue({ what, path: result.failure.path, reason: result.failure.reason }))
    }
    return schema === undefined ? encoded(value) : AnySchema.encode(schema, value).pipe(
      Effect.mapError((reason) => new UnsavableValue({ what, path: "$", reason: `its schema refuses it: ${reason}` })),
      Effect.flatMap(encoded)
    )
  }

  /** What a code was made of that a run recorded. */
  codeParts(runId: string, hash: string): Effect.Effect<ReadonlyArray<CodePart> | undefined, StoreError> {
    return readParts(this.runs, this.artifacts, this.hasher, runId, hash)
  }

  digest(encoded: Encoded): string {
    if (encoded.segments.length === 1) return this.hasher.bytes(encoded.segments[0]!)
    const hash = this.hasher.make()
    for (const segment of encoded.segments) hash.update(segment)
    return hash.digest()
  }

  /** Makes bytes durable, or gives the change that does so together with the record that names them. */
  keep(encoded: Encoded, mediaType = this.codec.mediaType, codec = this.codec.id): Effect.Effect<Saved, StoreError> {
    if (encoded.sizeBytes > INLINE_BYTES) {
      return Effect.map(this.artifacts.put({ _tag: "Bytes", bytes: encoded }), ({ digest, sizeBytes }) => {
        this.unusable.delete(digest)
        return { ref: { digest, sizeBytes, codec, mediaType }, changes: [] }
      })
    }
    const bytes = joinEncoded(encoded)
    const digest = this.hasher.bytes(bytes)
    this.unusable.delete(digest)
    this.remember(digest, bytes)
    return Effect.succeed({ ref: { digest, sizeBytes: bytes.length, codec, mediaType }, changes: [{ _tag: "BlobKept", digest, bytes }] })
  }

  /**
   * Whether the bytes of a recorded value are there. Those kept inside the run store stand or fall with the record
   * itself; an object outside must have its full length. Content is verified on loading.
   */
  present(ref: OutputRef): Effect.Effect<boolean, StoreError> {
    if (this.unusable.has(ref.digest)) return Effect.succeed(false)
    return ref.sizeBytes <= INLINE_BYTES
      ? Effect.succeed(true)
      : Effect.map(this.artifacts.size(ref.digest), (size) => size === ref.sizeBytes)
  }

  /** The verified bytes of a recorded value. */
  bytes(what: string, ref: OutputRef): Effect.Effect<Uint8Array, CorruptArtifact | StoreError> {
    const recent = this.recent.get(ref.digest)
    if (recent !== undefined) return Effect.succeed(recent)
    return Effect.flatMap(this.runs.blob(ref.digest), (bytes) => {
      if (bytes === undefined) return this.artifacts.get(ref.digest)
      return this.accept(ref, bytes)
        ? Effect.succeed(bytes)
        : Effect.fail(new CorruptArtifact({ digest: ref.digest, what, reason: "its bytes do not hash to its name" }))
    })
  }

  /** A recorded value, a copy of its own for whoever asks. */
  load(what: string, ref: OutputRef, schema: AnySchema.AnySchema | undefined): Effect.Effect<unknown, CorruptArtifact | StoreError> {
    const recent = this.recent.get(ref.digest)
    return recent === undefined
      ? Effect.flatMap(this.bytes(what, ref), (bytes) => this.decode(what, ref, bytes, schema))
      : this.decode(what, ref, recent, schema)
  }

  private decode(what: string, ref: OutputRef, bytes: Uint8Array, schema: AnySchema.AnySchema | undefined): Effect.Effect<unknown, CorruptArtifact> {
    const plain = this.plainExit(what, ref, bytes)
    return schema === undefined ? plain : Effect.flatMap(plain, (value) =>
      Effect.mapError(AnySchema.decode(schema, value), (reason) =>
        new CorruptArtifact({ digest: ref.digest, what, reason: `it no longer fits its schema: ${reason}` })))
  }

  /**
   * The same at once, where both stores can be read without waiting.
   *
   * @throws CorruptArtifact or StoreError
   */
  loadNow(what: string, ref: OutputRef, schema: AnySchema.AnySchema | undefined): unknown {
    const bytes = this.bytesNow(what, ref)
    if (schema === undefined) return this.plain(what, ref, bytes)
    try {
      return AnySchema.decodeNow(schema, this.plain(what, ref, bytes))
    } catch (cause) {
      throw new CorruptArtifact({ digest: ref.digest, what, reason: `it no longer fits its schema: ${describe(cause)}` })
    }
  }

  /** Whether `loadNow` works. */
  get readsNow(): boolean {
    return this.runs.blobNow !== undefined && this.artifacts.getNow !== undefined
  }

  bytesNow(what: string, ref: OutputRef): Uint8Array {
    const recent = this.recent.get(ref.digest)
    if (recent !== undefined) return recent
    const kept = this.runs.blobNow?.(ref.digest)
    if (kept !== undefined) {
      if (!this.accept(ref, kept)) throw new CorruptArtifact({ digest: ref.digest, what, reason: "its bytes do not hash to its name" })
      return kept
    }
    const stored = this.artifacts.getNow?.(ref.digest)
    if (stored === undefined) throw new StoreError({ reason: "NotSupported", what: `${what} cannot be read at once from this store` })
    return Result.getOrThrowWith(stored, (error) => error)
  }

  private plainExit(what: string, ref: OutputRef, bytes: Uint8Array): Effect.Effect<unknown, CorruptArtifact> {
    try {
      return Effect.succeed(this.plain(what, ref, bytes))
    } catch (error) {
      return Effect.fail(error as CorruptArtifact)
    }
  }

  /** The value before its schema. */
  private plain(what: string, ref: OutputRef, bytes: Uint8Array): unknown {
    const fail = (reason: string): CorruptArtifact => new CorruptArtifact({ digest: ref.digest, what, reason })
    if (ref.codec !== this.codec.id) throw fail(`it was saved with codec ${ref.codec}, and this store uses ${this.codec.id}`)
    const decoded = this.codec.decode(bytes)
    if (Result.isFailure(decoded)) throw fail(`it does not decode: ${decoded.failure}`)
    return decoded.success
  }

  private accept(ref: OutputRef, bytes: Uint8Array): boolean {
    if (bytes.length !== ref.sizeBytes || this.hasher.bytes(bytes) !== ref.digest) return false
    this.remember(ref.digest, bytes)
    return true
  }

  private remember(digest: string, bytes: Uint8Array): void {
    if (bytes.length >= SHARED_BYTES || this.recent.has(digest)) return
    this.recent.set(digest, bytes)
    this.recentBytes += bytes.length
    if (this.recentBytes <= CACHE_BYTES && this.recent.size <= CACHE_VALUES) return
    for (const [oldest, old] of this.recent) {
      if (this.recentBytes <= CACHE_BYTES && this.recent.size <= CACHE_VALUES) return
      this.recent.delete(oldest)
      this.recentBytes -= old.length
    }
  }
}
