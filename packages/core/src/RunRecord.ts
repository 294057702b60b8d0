/**
 * What is recorded of runs: the models that every run store keeps and that readers get back.
 *
 * Times are Unix times in milliseconds (`…AtMs`), sizes are bytes (`…Bytes`). JSON stands for values that were
 * encoded to plain JSON before. What belongs to a process (environment, host, error) belongs to the attempt.
 *
 * Numbers are finite and never -0: JSON has no others. The figures of a series are the exception, every float64 of them
 * is kept.
 */
import { Schema } from "effect"
import { DecisionKind, Reason } from "./Decision.ts"
import { AttemptEnvironment } from "./Environment.ts"
import { Holder } from "./ProcessIdentity.ts"

/** `pending`: made, not begun. A `running` run whose holder died is resumed like an interrupted one. */
export const RunStatus = Schema.Literals(["pending", "running", "completed", "failed", "interrupted", "crashed"])
export type RunStatus = typeof RunStatus.Type

/** An error as it is kept: secrets redacted, causes included. */
export interface StoredError {
  readonly name: string
  readonly message: string
  readonly tag?: string
  readonly stack?: string
  readonly cause?: StoredError
}
export const StoredError: Schema.Codec<StoredError> = Schema.Struct({
  name: Schema.String,
  message: Schema.String,
  tag: Schema.optionalKey(Schema.String),
  stack: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(Schema.suspend((): Schema.Codec<StoredError> => StoredError))
})

/** Param values as JSON; a `Redacted` one is `{ "$redacted": <keyed hash> }`. */
export const ParamValues = Schema.Record(Schema.String, Schema.Json)
export type ParamValues = typeof ParamValues.Type

export const RunRecord = Schema.Struct({
  id: Schema.String,
  pipeline: Schema.String,
  experiment: Schema.String,
  status: RunStatus,
  params: ParamValues,
  seed: Schema.Int,
  parent: Schema.NullOr(Schema.String),
  tags: Schema.Record(Schema.String, Schema.String),
  note: Schema.NullOr(Schema.String),
  error: Schema.NullOr(StoredError),
  /** The step that failed, where one did. */
  failedStep: Schema.NullOr(Schema.String),
  createdAtMs: Schema.Number,
  /** Begin of the newest attempt that claimed the run. */
  startedAtMs: Schema.Number,
  endedAtMs: Schema.NullOr(Schema.Number),
  /** Number of attempts so far; the newest has this number. */
  attempts: Schema.Int,
  /** Attempts in a row that ended with the death of their process. */
  crashes: Schema.Int,
  /** Fencing token: grows with each claim, and is never given twice by a store, not even for a removed run's id (`revision` of the claim serves). */
  token: Schema.Int,
  /** The process that holds the run; null when none does. */
  holder: Schema.NullOr(Holder),
  /** Grows while the holder lives. */
  heartbeat: Schema.Int,
  /** `ProcessIdentity.monotonicMs` of the holder at its last heartbeat; comparable within one boot. */
  heartbeatMonotonicMs: Schema.Number,
  leaseMs: Schema.Int,
  /** Somebody asked for the run to stop. */
  cancelRequested: Schema.Boolean,
  /** Position of the run's newest change in the store's order of changes. */
  revision: Schema.Int,
  /** Goals of the pipeline's metrics: `maximize` or `minimize`. */
  goals: Schema.Record(Schema.String, Schema.Literals(["maximize", "minimize"]))
})
export type RunRecord = typeof RunRecord.Type

/** What is given when a run is made; the rest of its record begins empty. */
export interface NewRun extends Pick<RunRecord, "id" | "pipeline" | "experiment" | "params" | "seed" | "parent" | "tags" | "goals"> {
  readonly createdAtMs: number
}

export const AttemptRecord = Schema.Struct({
  runId: Schema.String,
  attempt: Schema.Int,
  status: RunStatus,
  startedAtMs: Schema.Number,
  endedAtMs: Schema.NullOr(Schema.Number),
  environment: AttemptEnvironment,
  error: Schema.NullOr(StoredError)
})
export type AttemptRecord = typeof AttemptRecord.Type

/** The parts of a fingerprint, readable: what `explain` compares. Hashes are shortened by whoever prints them. */
export const FingerprintComponents = Schema.Struct({
  code: Schema.String,
  codeKind: Schema.Literals(["explicit", "deep", "shallow", "unknown"]),
  params: Schema.Record(Schema.String, Schema.Json),
  inputs: Schema.Record(Schema.String, Schema.String),
  files: Schema.Record(Schema.String, Schema.String),
  env: Schema.Record(Schema.String, Schema.String),
  codec: Schema.String,
  outputSchema: Schema.String
})
export type FingerprintComponents = typeof FingerprintComponents.Type

/** Where a saved value's bytes are and how to read them. */
export const OutputRef = Schema.Struct({
  digest: Schema.String,
  sizeBytes: Schema.Number,
  codec: Schema.String,
  mediaType: Schema.String
})
export type OutputRef = typeof OutputRef.Type

/**
 * One decision about a step, or about an item of a map, and, unless it was `restored`, the generation it recorded.
 * Append-only: the record with the highest `seq` for an address is the step's present state.
 */
export const StepRecord = Schema.Struct({
  runId: Schema.String,
  /** Order of recording within the run, from 1. */
  seq: Schema.Int,
  /** The step's name, or `name[key]` for an item of a map. */
  address: Schema.String,
  step: Schema.String,
  attempt: Schema.Int,
  decision: DecisionKind,
  reasons: Schema.Array(Reason),
  status: Schema.Literals(["completed", "failed", "skipped"]),
  /** Number of the recorded outcome this stands for, from 1; a restored one names an earlier record's. */
  generation: Schema.Int,
  /** Hash over the components, the seed aside. Empty where none could be computed. */
  fingerprint: Schema.String,
  /** Null for restored records: their generation's own record has them. */
  components: Schema.NullOr(FingerprintComponents),
  /** Present where the execution drew from `random`: the seed that it drew from. */
  seed: Schema.NullOr(Schema.Int),
  output: Schema.NullOr(OutputRef),
  /** Reused by name in `trust` mode: never answers for `auto` nor for a cache. */
  trusted: Schema.Boolean,
  /** Whether other runs may use it (`cache: true`, an explicit or deep code version). */
  cacheable: Schema.Boolean,
  source: Schema.NullOr(Schema.Struct({ runId: Schema.String, address: Schema.String, generation: Schema.Int })),
  retries: Schema.Int,
  startedAtMs: Schema.Number,
  durationMs: Schema.Number,
  error: Schema.NullOr(StoredError)
})
export type StepRecord = typeof StepRecord.Type

/** A step that is being executed, as readers see it; for a `once` step it is durable before the step begins. */
export const ActiveStep = Schema.Struct({
  runId: Schema.String,
  address: Schema.String,
  step: Schema.String,
  attempt: Schema.Int,
  startedAtMs: Schema.Number,
  /** How often it was begun by `--rerun`: part of the idempotency key. */
  rerun: Schema.Int,
  once: Schema.Boolean,
  fingerprint: Schema.String,
  /** Done and total of the step's own progress, in its own unit. */
  done: Schema.NullOr(Schema.Number),
  total: Schema.NullOr(Schema.Number),
  message: Schema.NullOr(Schema.String)
})
export type ActiveStep = typeof ActiveStep.Type

/** How far a step's state had come when a manual checkpoint was saved. */
export const CheckpointPosition = Schema.Struct({
  /** Points logged so far per metric key, and the index the next one gets by itself. */
  points: Schema.Record(Schema.String, Schema.Struct({ count: Schema.Int, nextIndex: Schema.Number })),
  /** State of the random stream; null when nothing was drawn. */
  random: Schema.NullOr(Schema.Array(Schema.Number)),
  /** What the step's clock showed, in Unix milliseconds; absent when nobody had read it. */
  clockMs: Schema.optionalKey(Schema.Number),
  /** Versions saved so far per checkpoint name. */
  versions: Schema.Record(Schema.String, Schema.Int)
})
export type CheckpointPosition = typeof CheckpointPosition.Type

/** A manual checkpoint: a named value saved inside a step. */
export const CheckpointRecord = Schema.Struct({
  runId: Schema.String,
  address: Schema.String,
  name: Schema.String,
  version: Schema.Int,
  /** Order of saving within the step, over all names. */
  seq: Schema.Int,
  /** Fingerprint of the step, `checkpointsIgnore` aside. */
  fingerprint: Schema.String,
  /** Generation under which the points it counts on are kept. */
  generation: Schema.Int,
  attempt: Schema.Int,
  output: OutputRef,
  position: CheckpointPosition,
  savedAtMs: Schema.Number
})
export type CheckpointRecord = typeof CheckpointRecord.Type

/** A named artifact that a step put (step outputs are listed from their records). */
export const ArtifactRecord = Schema.Struct({
  runId: Schema.String,
  address: Schema.String,
  generation: Schema.Int,
  attempt: Schema.Int,
  name: Schema.String,
  digest: Schema.String,
  sizeBytes: Schema.Number,
  mediaType: Schema.String,
  codec: Schema.NullOr(Schema.String),
  createdAtMs: Schema.Number
})
export type ArtifactRecord = typeof ArtifactRecord.Type

/** Where a series of metric points belongs. */
export interface SeriesKey {
  readonly runId: string
  readonly address: string
  readonly generation: number
  readonly key: string
}

/** Figures over all points of a series. NaN is counted apart and never a minimum, maximum or part of the sum. */
export const SeriesSummary = Schema.Struct({
  count: Schema.Int,
  nans: Schema.Int,
  last: Schema.Number,
  lastIndex: Schema.Number,
  /** NaN where every point is NaN. */
  min: Schema.Number,
  minIndex: Schema.Number,
  max: Schema.Number,
  maxIndex: Schema.Number,
  sum: Schema.Number
})
export type SeriesSummary = typeof SeriesSummary.Type

export interface SeriesRecord extends SeriesKey {
  readonly summary: SeriesSummary
  /** The run's `revision` when points of the series were last written or cut. */
  readonly revision: number
}

/** Up to 4,096 consecutive points of a series in their binary form (`PointChunk`). */
export interface ChunkRecord {
  /** Position in the series, from 0; every chunk but the last is full. */
  readonly chunk: number
  readonly count: number
  readonly bytes: Uint8Array
}

export const LogLevel = Schema.Literals(["debug", "info", "warn", "error"])
export type LogLevel = typeof LogLevel.Type

/** One line that a step logged or printed. */
export const LogRecord = Schema.Struct({
  runId: Schema.String,
  /** Order within the run. */
  seq: Schema.Int,
  address: Schema.String,
  attempt: Schema.Int,
  atMs: Schema.Number,
  level: LogLevel,
  message: Schema.String
})
export type LogRecord = typeof LogRecord.Type
