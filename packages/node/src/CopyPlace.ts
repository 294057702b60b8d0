/**
 * Where runs are copied from and to: a store, or an archive (`RunArchive`).
 *
 * A place reads and records whole runs with the bytes they refer to, and knows nothing of what else is copied.
 */
import {
  type ArtifactStoreService,
  CorruptArtifact,
  type Filter,
  FindRuns,
  INLINE_BYTES,
  type InvalidInput,
  type KeptBlob,
  readBundle,
  type RunBundle,
  type RunNotFound,
  type RunRecord,
  RunStore,
  type RunStoreService,
  StoreError
} from "@uniflow/core"
import { Data, Effect, Stream } from "effect"
import { digestOfBundle, objectsOf } from "./internal/bundleLines.ts"
import { hasher } from "./NodeHasher.ts"

/** An archive that is damaged, of another kind, or made to do harm. Nothing was written because of it. */
export class InvalidArchive extends Data.TaggedError("InvalidArchive")<{ readonly path: string; readonly issue: string }> {
  override get message(): string {
    return `${this.path} is not used: ${this.issue}. Nothing was written. Make the archive again with uniflow copy, or get it once more`
  }
}

/** Which runs: those that are all of this; every run by default. */
export interface Selection {
  readonly ids?: ReadonlyArray<string> | undefined
  readonly experiment?: string | undefined
  readonly pipeline?: string | undefined
  readonly status?: ReadonlyArray<RunRecord["status"]> | undefined
  /** In the filter language (docs/finding.md). */
  readonly where?: string | undefined
}

/** A selection that cannot be understood, or a place that cannot be read. */
export type SelectError = Filter.InvalidFilter | InvalidInput | RunNotFound | StoreError

export interface CopySource {
  /** Names it in messages. */
  readonly name: string
  /** Ids of the selected runs, oldest first. */
  readonly select: (selection: Selection) => Effect.Effect<ReadonlyArray<string>, SelectError>
  /** A run at one moment, as `readBundle` gives it. */
  readonly read: (runId: string) => Effect.Effect<RunBundle | undefined, StoreError | InvalidArchive>
  /** Bytes by their digest; `CorruptArtifact` where they are not there, or not those. */
  readonly bytes: (digest: string) => Stream.Stream<Uint8Array, CorruptArtifact | StoreError | InvalidArchive>
}

/** What became of a run's bytes. */
export interface Kept {
  /** Bytes that were written. */
  readonly sizeBytes: number
  /** Objects that the source does not have, or not whole. */
  readonly damaged: ReadonlyArray<string>
}

export interface CopyTarget {
  readonly name: string
  readonly has: (runId: string) => Effect.Effect<boolean, StoreError>
  readonly read: (runId: string) => Effect.Effect<RunBundle | undefined, StoreError>
  /** Records a run under its id, which is free, after the bytes that it refers to; looks at what was written. */
  readonly keep: (bundle: RunBundle, bytes: CopySource["bytes"]) => Effect.Effect<Kept, StoreError | InvalidArchive>
  /** After the last run: what was written so far counts only then where the place is one file. */
  readonly finish: Effect.Effect<void, StoreError | InvalidArchive>
}

/** Selected runs of a run store. */
export const selectFrom: (store: RunStoreService, selection: Selection) => Effect.Effect<ReadonlyArray<string>, SelectError> = Effect.fnUntraced(function*(store, { ids, ...options }) {
  const wanted = ids === undefined || ids.length === 0 ? undefined : new Set(ids)
  const next = yield* Effect.provideService(FindRuns.pages(options), RunStore, store)
  const found: Array<string> = []
  while (true) {
    const page = yield* next
    if (page.length === 0) return found.reverse()
    for (const { run } of page) if (wanted?.has(run.id) !== false) found.push(run.id)
  }
})

/** All bytes of a digest, checked. */
export const gathered = Effect.fnUntraced(function*<E>(digest: string, bytes: Stream.Stream<Uint8Array, E>): Effect.fn.Return<Uint8Array, E | CorruptArtifact> {
  const pieces = yield* Stream.runCollect(bytes)
  const whole = new Uint8Array(Buffer.concat(pieces))
  if (hasher.bytes(whole) !== digest) return yield* new CorruptArtifact({ digest, what: "Artifact", reason: "its bytes do not hash to its name" })
  return whole
})

/** Bytes as a store has them, wherever they stand. */
const bytesOf = (runs: RunStoreService, artifacts: ArtifactStoreService) => (digest: string): Stream.Stream<Uint8Array, CorruptArtifact | StoreError> =>
  Stream.unwrap(Effect.map(runs.blob(digest), (blob) =>
    blob === undefined || hasher.bytes(blob) !== digest ? artifacts.stream(digest) : Stream.make(blob)))

/** A store of runs as a place of both kinds. */
export const store = (name: string, runs: RunStoreService, artifacts: ArtifactStoreService): CopySource & CopyTarget => {
  const own = bytesOf(runs, artifacts)
  /** Objects that were written and looked at. */
  const done = new Set<string>()

  /** Writes a large object: false where the source does not have it whole. */
  const put = Effect.fnUntraced(function*(digest: string, bytes: CopySource["bytes"]): Effect.fn.Return<boolean, StoreError | InvalidArchive> {
    let failure: CorruptArtifact | InvalidArchive | undefined
    const stream = Stream.mapError(bytes(digest), (error) => {
      if (error._tag === "StoreError") return error
      failure = error
      return new StoreError({ reason: "Corrupt", what: error.message })
    })
    const info = yield* Effect.catchIf(artifacts.put({ _tag: "Stream", stream }), () => failure !== undefined, () => Effect.succeed(undefined))
    if (failure?._tag === "InvalidArchive") return yield* failure
    return info?.digest === digest
  })

  /** Whether a large object can be read whole. */
  const isWhole = (digest: string): Effect.Effect<boolean, StoreError> =>
    Stream.runDrain(artifacts.stream(digest)).pipe(Effect.as(true), Effect.catchTag("CorruptArtifact", () => Effect.succeed(false)))

  const verify = Effect.fnUntraced(function*(bundle: RunBundle, objects: ReadonlyMap<string, number>, blobs: ReadonlyArray<KeptBlob>, bytes: CopySource["bytes"]): Effect.fn.Return<void, StoreError | InvalidArchive> {
    const runId = bundle.run.id
    const failed = (what: string) => new StoreError({ reason: "Corrupt", what: `The copy of run "${runId}" in ${name} is not what was written: ${what}` })
    const read = yield* readBundle(runs, runId)
    // Whoever resumed or removed it at once has changed it.
    if (read !== undefined && read.run.attempts === bundle.run.attempts && digestOfBundle(read) !== digestOfBundle(bundle)) return yield* failed("its records differ")
    for (const { digest } of blobs) {
      const blob = yield* runs.blob(digest)
      if (blob === undefined || hasher.bytes(blob) !== digest) return yield* failed(`object ${digest} is damaged`)
    }
    for (const [digest, sizeBytes] of objects) {
      if (sizeBytes <= INLINE_BYTES || done.has(digest)) continue
      // What was written long before its run was recorded may have been collected as garbage.
      if (!(yield* isWhole(digest)) && !((yield* put(digest, bytes)) && (yield* isWhole(digest)))) return yield* failed(`object ${digest} is damaged`)
      done.add(digest)
    }
  })

  return {
    name,
    select: (selection) => selectFrom(runs, selection),
    read: (runId) => readBundle(runs, runId),
    bytes: own,
    has: (runId) => Effect.map(runs.run(runId), (run) => run !== undefined),
    keep: Effect.fnUntraced(function*(bundle, bytes) {
      const objects = objectsOf(bundle)
      const blobs: Array<KeptBlob> = []
      const damaged: Array<string> = []
      let written = 0
      for (const [digest, sizeBytes] of objects) {
        if (done.has(digest)) continue
        if (sizeBytes > INLINE_BYTES) {
          if (!(yield* put(digest, bytes))) damaged.push(digest)
          else written += sizeBytes
          continue
        }
        const blob = yield* Effect.catchTag(gathered(digest, bytes(digest)), "CorruptArtifact", () => Effect.succeed(undefined))
        if (blob === undefined) damaged.push(digest)
        else blobs.push({ digest, bytes: blob })
        written += blob?.length ?? 0
      }
      yield* runs.restore(bundle, blobs)
      for (const digest of damaged) objects.delete(digest)
      yield* verify(bundle, objects, blobs, bytes)
      return { sizeBytes: written, damaged }
    }),
    finish: Effect.void
  }
}
