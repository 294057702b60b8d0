/**
 * Rows as records: which columns are read, and how they become what they stand for.
 *
 * Columns come by position. Every record passes its Schema; a row that does not is an error (`Corrupt`) that names the
 * table, never left out.
 */
import {
  ActiveStep,
  ArtifactRecord,
  type AttemptEnvironment,
  AttemptRecord,
  CheckpointRecord,
  JsonText,
  LogRecord,
  RunRecord,
  SeriesSummary,
  StepRecord
} from "@uniflow/core"
import { Schema } from "effect"
import { fromFloats } from "./floats.ts"
import { SEQ_LIMIT } from "./inlineOutputs.ts"
import { fromText } from "./text.ts"

export type Row = ReadonlyArray<unknown>

/** A kind of record, as it is read from one table. */
export interface Reader<A> {
  readonly columns: string
  /** Throws for a row that does not stand for such a record. */
  readonly decode: (row: Row) => A
}

const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, columns: string, build: (row: Row) => unknown): Reader<S["Type"]> => {
  const decode = Schema.decodeUnknownSync(schema)
  return { columns, decode: (row) => decode(build(row)) }
}

/** Booleans are kept as 0 and 1. */
const fromBool = (value: unknown): unknown => value === 1 || value === 1n ? true : value === 0 || value === 0n ? false : value

export const fromJson = (value: unknown): unknown => typeof value === "string" ? JsonText.parse(value) : value

const fromOutput = (digest: unknown, sizeBytes: unknown, codec: unknown, mediaType: unknown): unknown =>
  digest === null ? null : { digest: fromText(digest), sizeBytes, codec: fromText(codec), mediaType: fromText(mediaType) }

export const fromTags = (value: unknown): unknown => {
  const tags = fromJson(value)
  return typeof tags !== "object" || tags === null
    ? tags
    : Object.fromEntries(Object.entries(tags).map(([name, tag]) => [fromText(name), fromText(tag)]))
}

/** From `RUNS`; the run's key comes last and is not part of the record. */
export const run = reader(
  RunRecord,
  `r.id, r.pipeline, r.experiment, r.status, r.params, r.seed, r.parent, r.tags, r.note, r.error, r.failed_step, r.created_at_ms,
  r.started_at_ms, r.ended_at_ms, r.attempts, r.crashes, r.token, r.holder, coalesce(h.heartbeat, r.heartbeat),
  coalesce(h.heartbeat_monotonic_ms, r.heartbeat_monotonic_ms), r.lease_ms, r.cancel_requested, coalesce(h.revision, r.revision), r.goals, r.key`,
  (row) => ({
    id: fromText(row[0]),
    pipeline: fromText(row[1]),
    experiment: fromText(row[2]),
    status: row[3],
    params: fromJson(row[4]),
    seed: row[5],
    parent: fromText(row[6]),
    tags: fromTags(row[7]),
    note: fromText(row[8]),
    error: fromJson(row[9]),
    failedStep: fromText(row[10]),
    createdAtMs: row[11],
    startedAtMs: row[12],
    endedAtMs: row[13],
    attempts: row[14],
    crashes: row[15],
    token: row[16],
    holder: fromJson(row[17]),
    heartbeat: row[18],
    heartbeatMonotonicMs: row[19],
    leaseMs: row[20],
    cancelRequested: fromBool(row[21]),
    revision: row[22],
    goals: fromJson(row[23])
  })
)

/** Runs, with what is kept apart of those that are held. */
export const RUNS = "runs r LEFT JOIN held h ON h.run = r.key"

/** Where the run's key stands in a row of `run`. */
export const RUN_KEY = 24

export const attempt = (runId: string) =>
  reader(AttemptRecord, "attempt, status, started_at_ms, ended_at_ms, environment, error", (row) => ({
    runId,
    attempt: row[0],
    status: row[1],
    startedAtMs: row[2],
    endedAtMs: row[3],
    environment: fromJson(row[4]),
    error: fromJson(row[5])
  }))

const stepColumns = `s.id % ${SEQ_LIMIT}, s.address, s.step, s.attempt, s.decision, s.reasons, s.status, s.generation, s.fingerprint,
  s.components, s.seed, s.output_digest, s.output_size_bytes, s.output_codec, s.output_media_type, s.trusted, s.cacheable, s.source,
  s.retries, s.started_at_ms, s.duration_ms, s.error`

const buildStep = (runId: unknown, row: Row): unknown => ({
  runId,
  seq: row[0],
  address: fromText(row[1]),
  step: fromText(row[2]),
  attempt: row[3],
  decision: row[4],
  reasons: fromJson(row[5]),
  status: row[6],
  generation: row[7],
  fingerprint: fromText(row[8]),
  components: fromJson(row[9]),
  seed: row[10],
  output: fromOutput(row[11], row[12], row[13], row[14]),
  trusted: fromBool(row[15]),
  cacheable: fromBool(row[16]),
  source: fromJson(row[17]),
  retries: row[18],
  startedAtMs: row[19],
  durationMs: row[20],
  error: fromJson(row[21])
})

/** From `steps s`. */
export const step = (runId: string) => reader(StepRecord, stepColumns, (row) => buildStep(runId, row))

/** From `steps s JOIN runs r`. */
export const stepOfAnyRun = reader(StepRecord, `${stepColumns}, r.id`, (row) => buildStep(fromText(row[22]), row))

export const active = (runId: string) =>
  reader(ActiveStep, "address, step, attempt, started_at_ms, rerun, once, fingerprint, done, total, message", (row) => ({
    runId,
    address: fromText(row[0]),
    step: fromText(row[1]),
    attempt: row[2],
    startedAtMs: row[3],
    rerun: row[4],
    once: fromBool(row[5]),
    fingerprint: fromText(row[6]),
    done: row[7],
    total: row[8],
    message: fromText(row[9])
  }))

export const checkpoint = (runId: string) =>
  reader(
    CheckpointRecord,
    `address, name, version, seq, fingerprint, generation, attempt, output_digest, output_size_bytes, output_codec, output_media_type,
    position, saved_at_ms`,
    (row) => ({
      runId,
      address: fromText(row[0]),
      name: fromText(row[1]),
      version: row[2],
      seq: row[3],
      fingerprint: fromText(row[4]),
      generation: row[5],
      attempt: row[6],
      output: fromOutput(row[7], row[8], row[9], row[10]),
      position: fromJson(row[11]),
      savedAtMs: row[12]
    })
  )

export const artifact = (runId: string) =>
  reader(ArtifactRecord, "address, generation, attempt, name, digest, size_bytes, media_type, codec, created_at_ms", (row) => ({
    runId,
    address: fromText(row[0]),
    generation: row[1],
    attempt: row[2],
    name: fromText(row[3]),
    digest: fromText(row[4]),
    sizeBytes: row[5],
    mediaType: fromText(row[6]),
    codec: fromText(row[7]),
    createdAtMs: row[8]
  }))

const SeriesRow = Schema.Struct({
  runId: Schema.String,
  address: Schema.String,
  generation: Schema.Int,
  key: Schema.String,
  summary: SeriesSummary,
  revision: Schema.Int
})

export const series = (runId: string) =>
  reader(
    SeriesRow,
    `address, generation, metric, points, nans, last_value, last_index, min_value, min_index, max_value, max_index, sum_value, exact,
    revision`,
    (row) => {
      const [last, lastIndex, min, minIndex, max, maxIndex, sum] = fromFloats(row.slice(5, 12), row[12])
      return {
        runId,
        address: fromText(row[0]),
        generation: row[1],
        key: fromText(row[2]),
        summary: { count: row[3], nans: row[4], last, lastIndex, min, minIndex, max, maxIndex, sum },
        revision: row[13]
      }
    }
  )

const ChunkRow = Schema.Struct({ chunk: Schema.Int, count: Schema.Int, bytes: Schema.Uint8Array })

export const chunk = reader(ChunkRow, "c.chunk, c.points, c.bytes", (row) => ({ chunk: row[0], count: row[1], bytes: row[2] }))

export const log = (runId: string) =>
  reader(LogRecord, "seq, address, attempt, at_ms, level, message", (row) => ({
    runId,
    seq: row[0],
    address: fromText(row[1]),
    attempt: row[2],
    atMs: row[3],
    level: row[4],
    message: fromText(row[5])
  }))

const orNaN = (value: unknown): unknown => value === null ? NaN : value

/** From `metrics`. */
export const metric = reader(
  Schema.Struct({
    run: Schema.Int,
    address: Schema.String,
    key: Schema.String,
    generation: Schema.Int,
    last: Schema.Number,
    min: Schema.Number,
    max: Schema.Number
  }),
  "run, address, metric, generation, last_value, min_value, max_value",
  (row) => ({
    run: row[0],
    address: fromText(row[1]),
    key: fromText(row[2]),
    generation: row[3],
    last: orNaN(row[4]),
    min: orNaN(row[5]),
    max: orNaN(row[6])
  })
)

/** From `facts`, those of Git. */
export const gitFact = reader(
  Schema.Struct({ run: Schema.Int, name: Schema.String, text: Schema.NullOr(Schema.String), number: Schema.NullOr(Schema.Number) }),
  "run, name, text, number",
  (row) => ({ run: row[0], name: row[1], text: row[2], number: row[3] })
)

/** Git of a run from its facts. */
export const gitOf = (facts: ReadonlyArray<(typeof gitFact)["decode"] extends (row: Row) => infer A ? A : never>): AttemptEnvironment["git"] => {
  const commit = facts.find(({ name }) => name === "git.commit")?.text
  const branch = facts.find(({ name }) => name === "git.branch")?.text
  if (typeof commit !== "string") return undefined
  return { commit, dirty: facts.some(({ name, number }) => name === "git.dirty" && number === 1), ...(typeof branch === "string" ? { branch } : {}) }
}

/** Bytes kept inside the store. */
export const bytes = reader(Schema.Uint8Array, "bytes", (row) => row[0])

/** One text. */
export const text = reader(Schema.String, "", (row) => fromText(row[0]))

/** One integer. */
export const integer = reader(Schema.Int, "", (row) => typeof row[0] === "bigint" ? Number(row[0]) : row[0])

/** Numbers, or none. */
export const numbers = reader(Schema.Array(Schema.NullOr(Schema.Number)), "", (row) => row.map((value) => (typeof value === "bigint" ? Number(value) : value)))

export const experiment = reader(
  Schema.Struct({ experiment: Schema.String, runs: Schema.Int, running: Schema.Int, failed: Schema.Int, newestAtMs: Schema.Number }),
  `experiment, count(*), sum(CASE WHEN status = 'running' THEN 1 ELSE 0 END),
  sum(CASE WHEN status IN ('failed', 'crashed') THEN 1 ELSE 0 END), max(created_at_ms)`,
  ([name, ...counts]) => {
    const [runs, running, failed, newestAtMs] = counts.map((value) => (typeof value === "bigint" || typeof value === "string" ? Number(value) : value))
    return { experiment: fromText(name), runs, running, failed, newestAtMs }
  }
)

/** A run's place in the order of changes. */
export const changed = reader(Schema.Struct({ revision: Schema.Int, runId: Schema.String }), "revision, id", (row) => ({
  revision: row[0],
  runId: fromText(row[1])
}))
