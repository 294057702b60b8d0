/**
 * The record of all runs: one write, and the reads that everything else is built on.
 *
 * `commit` records a list of changes of one run at once, durably and completely or not at all; whatever waits at the
 * same moment may share a transaction. It is fenced: a writer whose token is stale changes nothing and fails with
 * `StoreError` reason `LeaseLost`, without disturbing others. Readers follow `changes`.
 *
 * Implementations: `MemoryRunStore` (core), `SqlRunStore` (`@uniflow/sql`) on SQLite and PostgreSQL. All pass
 * `RunStoreSuite` of `@uniflow/testkit`.
 */
import { Context, type Effect, type Scope } from "effect"
import type { AttemptEnvironment } from "./Environment.ts"
import type { Holder } from "./ProcessIdentity.ts"
import type {
  ActiveStep,
  ArtifactRecord,
  AttemptRecord,
  CheckpointRecord,
  ChunkRecord,
  LogRecord,
  NewRun,
  RunRecord,
  RunStatus,
  SeriesKey,
  SeriesRecord,
  SeriesSummary,
  StepRecord,
  StoredError
} from "./RunRecord.ts"
import type { RunIsActive, StoreError } from "./UniflowError.ts"

/** The right to write to a run: its fencing token. */
export interface Writer {
  readonly runId: string
  readonly token: number
}

/** A change that only the holder of the run may make. */
export type Change =
  /** Appends a record; the store assigns nothing: `seq` is the writer's own count. Removes the address's active step. */
  | { readonly _tag: "StepRecorded"; readonly record: StepRecord }
  /** Keeps small bytes inside the store, by their digest; keeping them again refreshes them. */
  | { readonly _tag: "BlobKept"; readonly digest: string; readonly bytes: Uint8Array }
  /** Shows that a step is being executed and how far it has come (replaces what stood for the address). */
  | { readonly _tag: "StepActive"; readonly active: ActiveStep }
  /** Takes that back without an outcome. */
  | { readonly _tag: "StepInactive"; readonly address: string }
  /** Adds a version of a manual checkpoint; removes the name's versions that are newer, or older than the last `keep`. */
  | { readonly _tag: "CheckpointSaved"; readonly record: CheckpointRecord; readonly keep: number }
  /** Removes all versions of a manual checkpoint (of every name when `name` is undefined). */
  | { readonly _tag: "CheckpointRemoved"; readonly address: string; readonly name: string | undefined }
  /** Lets checkpoints up to a save count (`seq`) point to another generation of their step. */
  | { readonly _tag: "CheckpointsMoved"; readonly address: string; readonly from: number; readonly to: number; readonly upToSeq: number }
  /** Writes chunks of a series (replacing those of the same position) and its summary. */
  | {
    readonly _tag: "PointsWritten"
    readonly series: Omit<SeriesKey, "runId">
    readonly chunks: ReadonlyArray<ChunkRecord>
    readonly summary: SeriesSummary
  }
  /** Removes the chunks of a series from a position on (with 0: the series itself). */
  | { readonly _tag: "PointsCut"; readonly series: Omit<SeriesKey, "runId">; readonly fromChunk: number }
  /** Removes all series and named artifacts of a generation that was never recorded. */
  | { readonly _tag: "GenerationCleared"; readonly address: string; readonly generation: number }
  /** Names an artifact; the same name in the same generation is replaced. */
  | { readonly _tag: "ArtifactNamed"; readonly record: ArtifactRecord }
  | { readonly _tag: "LogsAdded"; readonly logs: ReadonlyArray<LogRecord> }
  /** Ends the attempt with its run: sets both statuses, releases the lease and removes active steps that are not `once`. */
  | {
    readonly _tag: "AttemptEnded"
    readonly attempt: number
    readonly status: Exclude<RunStatus, "pending" | "running">
    readonly endedAtMs: number
    readonly error: StoredError | null
    readonly failedStep: string | null
  }

/** A change that anyone may make to a run at any time. */
export type Annotation =
  /** Sets tags; a null value removes one. */
  | { readonly _tag: "Tagged"; readonly tags: { readonly [key: string]: string | null } }
  | { readonly _tag: "Noted"; readonly note: string | null }
  /** Asks the run's holder to stop. Cleared when the run is claimed. */
  | { readonly _tag: "CancelRequested" }
  /**
   * A completed run was asked for again and every step answered: adds a completed attempt with these records and
   * changes nothing else. Refused (`LeaseLost`) unless the run is completed and has `attempts` attempts.
   */
  | {
    readonly _tag: "AnsweredAgain"
    readonly attempts: number
    readonly environment: AttemptEnvironment
    readonly atMs: number
    readonly records: ReadonlyArray<StepRecord>
  }

export interface ClaimRequest {
  readonly runId: string
  /** Makes the run when it does not exist; undefined claims only what exists. */
  readonly create: NewRun | undefined
  /** Refuse (`RunExists`) when it exists already. */
  readonly onlyNew: boolean
  readonly holder: Holder
  readonly environment: AttemptEnvironment
  readonly leaseMs: number
  readonly startedAtMs: number
}

/** What a claim gives: the token, and the number of the attempt that was added. */
export interface Claim {
  readonly token: number
  readonly attempt: number
  readonly created: boolean
  /** The run as it stood before this claim; undefined for a new one. */
  readonly before: RunRecord | undefined
}

export interface RunQuery {
  readonly pipeline?: string | undefined
  readonly experiment?: string | undefined
  readonly status?: ReadonlyArray<RunStatus> | undefined
  /** Runs after this one in the listing's order: newest first by (createdAtMs, id). */
  readonly after?: { readonly createdAtMs: number; readonly id: string } | undefined
  /** At most 1,000. */
  readonly limit: number
}

export interface StoreIdentity {
  /** Random, made with the store. */
  readonly id: string
  /** Random key of 32 bytes under which secrets are hashed. */
  readonly secret: Uint8Array
}

export interface RunStoreService {
  readonly identity: Effect.Effect<StoreIdentity, StoreError>
  /**
   * Takes a run for the calling process and adds an attempt: makes the run where it does not exist, takes a free
   * one, supersedes a holder that is dead (see `Holder`), and otherwise fails with `RunIsActive`. The lease is kept
   * up until the scope closes or `AttemptEnded` releases it.
   */
  readonly claim: (request: ClaimRequest) => Effect.Effect<Claim, RunIsActive | StoreError, Scope.Scope>
  /** Records changes of one run together, durably. */
  readonly commit: (writer: Writer, changes: ReadonlyArray<Change>) => Effect.Effect<void, StoreError>
  /** Records what needs no lease. Fails with `Unavailable`… or `RunExists` never; an unknown run is `false`. */
  readonly annotate: (runId: string, annotations: ReadonlyArray<Annotation>) => Effect.Effect<boolean, StoreError>
  /** Removes a run with everything recorded of it. False when there is none; refuses one that is held (`NotPermitted`). */
  readonly remove: (runId: string) => Effect.Effect<boolean, StoreError>

  readonly run: (runId: string) => Effect.Effect<RunRecord | undefined, StoreError>
  /** Newest first, paged by key. */
  readonly runs: (query: RunQuery) => Effect.Effect<ReadonlyArray<RunRecord>, StoreError>
  readonly attempts: (runId: string) => Effect.Effect<ReadonlyArray<AttemptRecord>, StoreError>
  /** In the order of recording, those with a `seq` above `after`. */
  readonly steps: (runId: string, after?: number) => Effect.Effect<ReadonlyArray<StepRecord>, StoreError>
  readonly active: (runId: string) => Effect.Effect<ReadonlyArray<ActiveStep>, StoreError>
  readonly series: (runId: string) => Effect.Effect<ReadonlyArray<SeriesRecord>, StoreError>
  /** Chunks of a series in order, from a position on. */
  readonly chunks: (series: SeriesKey, fromChunk?: number) => Effect.Effect<ReadonlyArray<ChunkRecord>, StoreError>
  /** In the order of saving. */
  readonly checkpoints: (runId: string, address?: string) => Effect.Effect<ReadonlyArray<CheckpointRecord>, StoreError>
  readonly artifacts: (runId: string) => Effect.Effect<ReadonlyArray<ArtifactRecord>, StoreError>
  /** At most `limit` (1,000 by default) lines with a `seq` above `after`. */
  readonly logs: (
    runId: string,
    options?: { readonly address?: string | undefined; readonly after?: number | undefined; readonly limit?: number | undefined }
  ) => Effect.Effect<ReadonlyArray<LogRecord>, StoreError>
  /** Bytes kept inside the store, not verified; undefined where there are none. */
  readonly blob: (digest: string) => Effect.Effect<Uint8Array | undefined, StoreError>
  /** Cacheable completed generations of any run with this step name and fingerprint, newest first, at most 16. */
  readonly lookup: (step: string, fingerprint: string) => Effect.Effect<ReadonlyArray<StepRecord>, StoreError>
  /** Runs that changed after the cursor (0: all), in order, at most 1,000, and the cursor to go on from. */
  readonly changes: (cursor: number) => Effect.Effect<{ readonly cursor: number; readonly runIds: ReadonlyArray<string> }, StoreError>
  /** Of these digests, those that no record of any run refers to. */
  readonly unreferenced: (digests: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, StoreError>
  /** Removes kept blobs that nothing refers to and that were not refreshed since; tells how many, and their bytes. */
  readonly collectBlobs: (
    options: { readonly refreshedBeforeMs: number; readonly dryRun: boolean }
  ) => Effect.Effect<{ readonly count: number; readonly sizeBytes: number }, StoreError>
  /** Runs an effect while no commit of any process can happen. Only reads of this store are allowed inside. */
  readonly exclusively: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StoreError, R>
}

/** The run store in use. */
export class RunStore extends Context.Service<RunStore, RunStoreService>()("@uniflow/core/RunStore") {}

/** The largest value, in bytes, that is kept inside the run store; larger ones go to the artifact store. */
export const INLINE_BYTES = 16 * 1024
