/**
 * The record of all runs: one write, and the reads that everything else is built on.
 *
 * `commit` records a list of changes of one run at once, durably and completely or not at all; whatever waits at the
 * same moment may share a transaction. It is fenced: a writer whose token is stale changes nothing and fails with
 * `StoreError` reason `LeaseLost`, without disturbing others. Readers follow `changes`.
 *
 * Names that rows are found by (run ids, addresses, step names, metric keys, checkpoint and artifact names, tag names,
 * digests) are well-formed Unicode without NUL, at most 512 characters. Every other string (params, messages, notes,
 * errors, …) is any JavaScript string, lone surrogates and NUL included, and comes back as it was.
 *
 * Implementations: `MemoryRunStore` (core), `SqlRunStore` (`@uniflow/sql`) on SQLite and PostgreSQL. All pass
 * `RunStoreSuite` of `@uniflow/testkit`.
 */
import { Context, type Effect, type Scope } from "effect"
import type { AttemptEnvironment } from "./Environment.ts"
import type { FoundRun, SortKey } from "./FoundRun.ts"
import type { Filter, Order } from "./internal/filterModel.ts"
import type { Holder } from "./ProcessIdentity.ts"
import type { KeptBlob, RunBundle } from "./RunBundle.ts"
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
import type { RunIsActive, RunNotFound, StoreError } from "./UniflowError.ts"

/** The right to write to a run: its fencing token. */
export interface Writer {
  readonly runId: string
  readonly token: number
}

/** A change that only the holder of the run may make. */
export type Change =
  /**
   * Appends a record; the store assigns nothing: `seq` is the writer's own count, and one that was used before fails the
   * commit (`NotPermitted`). Removes the address's active step.
   */
  | { readonly _tag: "StepRecorded"; readonly record: StepRecord }
  /** Keeps small bytes inside the store, by their digest; keeping them again refreshes them (Effect's `Clock` tells the time). */
  | { readonly _tag: "BlobKept"; readonly digest: string; readonly bytes: Uint8Array }
  /** Shows that a step is being executed and how far it has come (replaces what stood for the address). */
  | { readonly _tag: "StepActive"; readonly active: ActiveStep }
  /** Takes that back without an outcome. */
  | { readonly _tag: "StepInactive"; readonly address: string }
  /**
   * Adds a version of a manual checkpoint, replacing the same one; removes the name's versions that are newer, and those
   * up to `version - keep`.
   */
  | { readonly _tag: "CheckpointSaved"; readonly record: CheckpointRecord; readonly keep: number }
  /** Removes all versions of a manual checkpoint (of every name when `name` is undefined). */
  | { readonly _tag: "CheckpointRemoved"; readonly address: string; readonly name: string | undefined }
  /** Lets checkpoints up to a save count (`seq`) point to another generation of their step. */
  | { readonly _tag: "CheckpointsMoved"; readonly address: string; readonly from: number; readonly to: number; readonly upToSeq: number }
  /** Writes chunks of a series (replacing those of the same position) and its summary; without chunks, the summary alone. */
  | {
    readonly _tag: "PointsWritten"
    readonly series: Omit<SeriesKey, "runId">
    readonly chunks: ReadonlyArray<ChunkRecord>
    readonly summary: SeriesSummary
  }
  /** Removes the chunks of a series from a position on and leaves its summary (with 0, removes the series itself). */
  | { readonly _tag: "PointsCut"; readonly series: Omit<SeriesKey, "runId">; readonly fromChunk: number }
  /** Removes all series and named artifacts of a generation that was never recorded. */
  | { readonly _tag: "GenerationCleared"; readonly address: string; readonly generation: number }
  /** Lets go of a flight, where the run has it. */
  | { readonly _tag: "FlightEnded"; readonly key: string }
  /** Names an artifact; the same name in the same generation is replaced. */
  | { readonly _tag: "ArtifactNamed"; readonly record: ArtifactRecord }
  /** Adds lines; a `seq` that was used before fails the commit (`NotPermitted`). */
  | { readonly _tag: "LogsAdded"; readonly logs: ReadonlyArray<LogRecord> }
  /**
   * Ends the attempt with its run: sets both statuses, releases the lease, removes active steps that are not `once`
   * unless it was interrupted (what it was executing is a reason of the next attempt), and sets `crashes` to 0 unless the
   * status is `crashed`. The writer's token is spent by it: later commits are `LeaseLost`.
   */
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
   * A completed run was asked for again and every step answered: adds a completed attempt (begun and ended `atMs`) with
   * these records, counts it in `attempts`, and changes nothing else of the run, its times included. No records: every
   * step was restored as it last stood (`RunSnapshot.statesOf`). Refused
   * (`LeaseLost`) unless the run is completed and has `attempts` attempts; then no annotation of the call is made.
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
  /** Makes the run when it does not exist, else it is not looked at; undefined claims only what exists (`RunNotFound`). */
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

/** Which runs to find, in which order. */
export interface FindQuery {
  /** Every run by default. */
  readonly where?: Filter | undefined
  /** Newest first by default. */
  readonly orderBy?: ReadonlyArray<Order> | undefined
  /** Runs after this place of the order: the `sortKey` of the last one. */
  readonly after?: SortKey | undefined
  /** At most 1,000. */
  readonly limit: number
}

/** How many runs an experiment has. */
export interface ExperimentCounts {
  readonly experiment: string
  readonly runs: number
  readonly running: number
  /** Failed and crashed. */
  readonly failed: number
  /** When its newest run was made, in Unix milliseconds. */
  readonly newestAtMs: number
}

export interface StoreIdentity {
  /** Random, made with the store. */
  readonly id: string
  /** Random key of 32 bytes under which secrets are hashed. */
  readonly secret: Uint8Array
}

export interface RunStoreService {
  /** False while nothing was ever written and the store is not there yet; `identity` makes it. Left out: it is there. */
  readonly isMade?: () => boolean
  /** Fails where runs cannot be kept: nothing can be written or read, or what is written vanishes with the machine. Looks, and makes nothing. Left out: they can. */
  readonly usable?: Effect.Effect<void, StoreError>
  readonly identity: Effect.Effect<StoreIdentity, StoreError>
  /**
   * Takes a run for the calling process and adds an attempt: makes the run where it does not exist, takes a free
   * one, supersedes a holder that is dead (see `Holder`), and otherwise fails with `RunIsActive`. Of several claims at
   * once exactly one wins.
   *
   * Whether a holder is dead is asked of the caller's `ProcessIdentity`. `look` says so: at once. Else, where both
   * share a monotonic clock (one nonce, or one boot): when the last heartbeat is at least `leaseMs` old, at once, and
   * `RunIsActive` at once otherwise. Else the claim watches the heartbeat for one `leaseMs` of the holder, and fails as
   * soon as it moves.
   *
   * The run becomes `running` with a new token, its error, end and `cancelRequested` cleared; params, tags and note stay.
   * Active steps that are not `once` are removed. An attempt that still stood as running becomes `crashed`, without an
   * end, and counts in `crashes`; where its lease was released it becomes `interrupted`, and does not count.
   *
   * The lease is renewed (each third of it) until `AttemptEnded` releases it or the scope closes, which releases it
   * too and leaves the run's status as it is. Renewal is no change of the run: `revision` stays.
   */
  readonly claim: (request: ClaimRequest) => Effect.Effect<Claim, RunIsActive | RunNotFound | StoreError, Scope.Scope>
  /**
   * Records changes of one run together, durably, in their order; commits are recorded in the order in which they were
   * asked for. No changes: tells whether the token still holds.
   */
  readonly commit: (writer: Writer, changes: ReadonlyArray<Change>) => Effect.Effect<void, StoreError>
  /** Records what needs no lease, all of it or nothing; an unknown run is `false`. */
  readonly annotate: (runId: string, annotations: ReadonlyArray<Annotation>) => Effect.Effect<boolean, StoreError>
  /**
   * Removes a run with everything recorded of it, its kept blobs aside (see `collectBlobs`). False when there is none;
   * refuses one that is held (`NotPermitted`), unless a claim would supersede the holder at once.
   */
  readonly remove: (runId: string) => Effect.Effect<boolean, StoreError>
  /**
   * Records a run that was copied from another store, with everything of it and with small bytes, in one transaction.
   * Nobody holds it then: what was `running` stands as `interrupted`, and token and revision are this store's. Refused
   * (`RunExists`) where the id is taken. Larger bytes are in the artifact store before.
   */
  readonly restore: (bundle: RunBundle, blobs: ReadonlyArray<KeptBlob>) => Effect.Effect<void, StoreError>

  readonly run: (runId: string) => Effect.Effect<RunRecord | undefined, StoreError>
  /** Newest first, paged by key. */
  readonly runs: (query: RunQuery) => Effect.Effect<ReadonlyArray<RunRecord>, StoreError>
  /**
   * Runs that a filter matches, by their params, tags, metrics and Git state too. Paged by key: runs that do not change
   * meanwhile are each found once. Every store gives the same answer; what it means is said in `FoundRun.ts` and
   * `Filter.ts`. Whoever asks keeps `Filter.LIMITS`.
   */
  readonly find: (query: FindQuery) => Effect.Effect<ReadonlyArray<FoundRun>, StoreError>
  /** The experiments that have runs, the one with the newest run first; at most 1,000. */
  readonly experiments: Effect.Effect<ReadonlyArray<ExperimentCounts>, StoreError>
  /** In their order. */
  readonly attempts: (runId: string) => Effect.Effect<ReadonlyArray<AttemptRecord>, StoreError>
  /** In the order of recording, those with a `seq` above `after`. */
  readonly steps: (runId: string, after?: number) => Effect.Effect<ReadonlyArray<StepRecord>, StoreError>
  /** In no particular order. */
  readonly active: (runId: string) => Effect.Effect<ReadonlyArray<ActiveStep>, StoreError>
  /** In no particular order. */
  readonly series: (runId: string) => Effect.Effect<ReadonlyArray<SeriesRecord>, StoreError>
  /** Chunks of a series in order, from a position on. */
  readonly chunks: (series: SeriesKey, fromChunk?: number) => Effect.Effect<ReadonlyArray<ChunkRecord>, StoreError>
  /** Those of one address in the order of saving (`seq`). */
  readonly checkpoints: (runId: string, address?: string) => Effect.Effect<ReadonlyArray<CheckpointRecord>, StoreError>
  /** In no particular order. */
  readonly artifacts: (runId: string) => Effect.Effect<ReadonlyArray<ArtifactRecord>, StoreError>
  /** In the order of `seq`, at most `limit` (1,000 by default) lines with a `seq` above `after`. */
  readonly logs: (
    runId: string,
    options?: { readonly address?: string | undefined; readonly after?: number | undefined; readonly limit?: number | undefined }
  ) => Effect.Effect<ReadonlyArray<LogRecord>, StoreError>
  /** Bytes kept inside the store, not verified; undefined where there are none. */
  readonly blob: (digest: string) => Effect.Effect<Uint8Array | undefined, StoreError>
  /** The same at once, where the store can be read without waiting. Throws `StoreError`. */
  readonly blobNow?: (digest: string) => Uint8Array | undefined
  /**
   * Cacheable completed generations of any run with this step name and fingerprint, newest (`startedAtMs`) first, at
   * most 16. Trusted records never answer, nor do restored ones: the record of their generation does.
   */
  readonly lookup: (step: string, fingerprint: string) => Effect.Effect<ReadonlyArray<StepRecord>, StoreError>
  /**
   * Takes for a run the execution of what several runs may want (`key`), so that one executes it and the others wait: true
   * where the run has it now. False while a run that is held has it; `gone` is that run's token where the caller knows its
   * holder to be dead (`Lease`). A flight lasts until `FlightEnded`, and no longer than the claim that it was taken under. No
   * change of the run: `revision` stays. Fails with `LeaseLost` for a stale token.
   */
  readonly takeFlight: (writer: Writer, key: string, gone?: number) => Effect.Effect<boolean, StoreError>
  /** The run that has a flight; undefined where none that is held does. */
  readonly flight: (key: string) => Effect.Effect<RunRecord | undefined, StoreError>
  /**
   * Runs that changed after the cursor (0: all), each once and in the order of its newest change (`revision`), at most
   * 1,000, and the cursor to go on from. Removed runs are not told of.
   */
  readonly changes: (cursor: number) => Effect.Effect<{ readonly cursor: number; readonly runIds: ReadonlyArray<string> }, StoreError>
  /** Of these digests, those that no record of any run refers to. */
  readonly unreferenced: (digests: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, StoreError>
  /** Removes kept blobs that nothing refers to and that were last refreshed before that time; tells how many, and their bytes. */
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
