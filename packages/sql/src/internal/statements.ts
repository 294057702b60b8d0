/**
 * The SQL of every change, as statements with parameters.
 *
 * Texts are constants, so that a driver prepares each once. `run` is the run's key in the database. A commit is fenced
 * by a statement that both checks the token and moves the run to the end of the order of changes.
 */
import type { ActiveStep, Change, OutputRef, SeriesKey, StepRecord } from "@uniflow/core"
import type { SqlStatement, SqlUnit, SqlValue } from "../SqlDriver.ts"
import { floats } from "./floats.ts"
import * as inlineOutputs from "./inlineOutputs.ts"
import * as summaries from "./summaries.ts"
import { text, textOrNull } from "./text.ts"

/** The store's newest revision; inside a commit, the commit's own. */
export const REVISION = "(SELECT revision FROM held WHERE run = 0)"

/** The revision that the next commit gets. */
export const NEXT_REVISION = "(SELECT revision + 1 FROM held WHERE run = 0)"

export const int = (value: number): bigint => BigInt(value)
export const intOrNull = (value: number | null): bigint | null => value === null ? null : BigInt(value)
export const bool = (value: boolean): bigint => value ? 1n : 0n
export const json = (value: unknown): string => JSON.stringify(value)
export const jsonOrNull = (value: unknown): string | null => value === null ? null : JSON.stringify(value)

/** The key of a step's record. */
export const stepId = (run: bigint, seq: number): bigint => {
  if (seq < 0 || seq >= inlineOutputs.SEQ_LIMIT) throw new RangeError(`a run keeps up to ${inlineOutputs.SEQ_LIMIT - 1} records of steps`)
  return (run << 28n) | BigInt(seq)
}

/** Counts a change. */
export const COUNT: SqlStatement = { sql: "UPDATE held SET revision = revision + 1 WHERE run = 0", params: [] }

const FENCE = `UPDATE held SET revision = ${NEXT_REVISION} WHERE run = ? AND token = ?`

/** Refuses whoever does not hold the run; gives the run the next revision, which is the store's newest from then on. */
export const fenced = (run: bigint, token: number, statements: ReadonlyArray<SqlStatement>): SqlUnit => ({
  guard: { sql: FENCE, params: [run, int(token)] },
  statements: [COUNT, ...statements]
})

/** Counts a change of a run, held or not, that stands as a condition on `runs r LEFT JOIN held h` says; else refuses it. */
export const countedIf = (condition: string, params: ReadonlyArray<SqlValue>): SqlStatement => ({
  sql: `UPDATE held SET revision = revision + 1
    WHERE run = 0 AND EXISTS (SELECT 1 FROM runs r LEFT JOIN held h ON h.run = r.key WHERE ${condition})`,
  params
})

/** The lease ends: what was kept of the run while it was held goes back to it. */
export const letGo = (run: bigint): ReadonlyArray<SqlStatement> => [{ sql: LET_GO, params: [run, run, run] }, noLongerHeld(run)]

const letGoAnd = (set: string): string =>
  `UPDATE runs SET holder = NULL, revision = ${REVISION}, heartbeat = (SELECT heartbeat FROM held WHERE run = ?),
    heartbeat_monotonic_ms = (SELECT heartbeat_monotonic_ms FROM held WHERE run = ?)${set} WHERE key = ?`
const LET_GO = letGoAnd("")
const END_RUN = letGoAnd(", status = ?, ended_at_ms = ?, error = ?, failed_step = ?, crashes = CASE WHEN ? = 1 THEN crashes ELSE 0 END")

const noLongerHeld = (run: bigint): SqlStatement => ({ sql: "DELETE FROM held WHERE run = ?", params: [run] })

/** Bytes that come with a record, and when. */
export interface KeptBytes {
  readonly bytes: Uint8Array
  readonly atMs: number
}

const INSERT_STEP = `INSERT INTO steps (
  id, address, step, attempt, decision, status, generation, fingerprint, seed, trusted, cacheable, retries, started_at_ms,
  duration_ms, output_digest, output_size_bytes, output_codec, output_media_type, reasons, components, source, error,
  kept_at_ms, output_bytes
) VALUES (${Array.from({ length: 24 }, () => "?").join(", ")})`

export const insertStep = (run: bigint, record: StepRecord, kept: KeptBytes | undefined): SqlStatement => {
  const { output } = record
  return {
    sql: INSERT_STEP,
    params: [
      stepId(run, record.seq),
      text(record.address),
      text(record.step),
      int(record.attempt),
      record.decision,
      record.status,
      int(record.generation),
      text(record.fingerprint),
      intOrNull(record.seed),
      bool(record.trusted),
      bool(record.cacheable),
      int(record.retries),
      record.startedAtMs,
      record.durationMs,
      output === null ? null : text(output.digest),
      output === null ? null : int(output.sizeBytes),
      output === null ? null : text(output.codec),
      output === null ? null : text(output.mediaType),
      json(record.reasons),
      jsonOrNull(record.components),
      jsonOrNull(record.source),
      jsonOrNull(record.error),
      kept === undefined ? null : kept.atMs,
      kept === undefined ? null : kept.bytes
    ]
  }
}

const deleteActive = (run: bigint, address: string): SqlStatement => ({
  sql: "DELETE FROM active WHERE run = ? AND address = ?",
  params: [run, text(address)]
})

/** Removes what was being executed, `once` steps aside: their outcome is unknown. */
export const deleteUnfinished = (run: bigint): SqlStatement => ({ sql: "DELETE FROM active WHERE run = ? AND once = 0", params: [run] })

const INSERT_ACTIVE = `INSERT INTO active (run, address, step, attempt, started_at_ms, rerun, once, fingerprint, done, total, message)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, address) DO UPDATE SET step = excluded.step, attempt = excluded.attempt, started_at_ms = excluded.started_at_ms,
  rerun = excluded.rerun, once = excluded.once, fingerprint = excluded.fingerprint, done = excluded.done, total = excluded.total,
  message = excluded.message`

const insertActive = (run: bigint, active: ActiveStep): SqlStatement => ({
  sql: INSERT_ACTIVE,
  params: [
    run, text(active.address), text(active.step), int(active.attempt), active.startedAtMs, int(active.rerun), bool(active.once),
    text(active.fingerprint), active.done, active.total, textOrNull(active.message)
  ]
})

const outputOf = (output: OutputRef): ReadonlyArray<SqlValue> => [
  text(output.digest), int(output.sizeBytes), text(output.codec), text(output.mediaType)
]

const saveCheckpoint = (run: bigint, { keep, record }: Extract<Change, { readonly _tag: "CheckpointSaved" }>): ReadonlyArray<SqlStatement> => [
  {
    sql: "DELETE FROM checkpoints WHERE run = ? AND address = ? AND name = ? AND (version >= ? OR version <= ?)",
    params: [run, text(record.address), text(record.name), int(record.version), int(record.version - keep)]
  },
  {
    sql: `INSERT INTO checkpoints (run, address, name, version, seq, fingerprint, generation, attempt, output_digest, output_size_bytes,
      output_codec, output_media_type, saved_at_ms, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      run, text(record.address), text(record.name), int(record.version), int(record.seq), text(record.fingerprint),
      int(record.generation), int(record.attempt), ...outputOf(record.output), record.savedAtMs, json(record.position)
    ]
  }
]

type Series = Omit<SeriesKey, "runId">

const SERIES_ID = "(SELECT id FROM series WHERE run = ? AND address = ? AND generation = ? AND metric = ?)"
const seriesKey = (run: bigint, { address, generation, key }: Series): ReadonlyArray<SqlValue> => [run, text(address), int(generation), text(key)]

const writePoints = (run: bigint, { chunks, series, summary }: Extract<Change, { readonly _tag: "PointsWritten" }>): ReadonlyArray<SqlStatement> => {
  const key = seriesKey(run, series)
  const { count, last, lastIndex, max, maxIndex, min, minIndex, nans, sum } = summary
  return [
    {
      sql: `INSERT INTO series (run, address, generation, metric, points, nans, last_value, last_index, min_value, min_index, max_value,
          max_index, sum_value, exact, revision)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${REVISION})
        ON CONFLICT (run, address, generation, metric) DO UPDATE SET points = excluded.points, nans = excluded.nans,
          last_value = excluded.last_value, last_index = excluded.last_index, min_value = excluded.min_value,
          min_index = excluded.min_index, max_value = excluded.max_value, max_index = excluded.max_index,
          sum_value = excluded.sum_value, exact = excluded.exact, revision = excluded.revision`,
      params: [...key, int(count), int(nans), ...floats([last, lastIndex, min, minIndex, max, maxIndex, sum])]
    },
    ...chunks.map(({ bytes, chunk, count }): SqlStatement => ({
      sql: `INSERT INTO chunks (series, chunk, points, bytes) VALUES (${SERIES_ID}, ?, ?, ?)
        ON CONFLICT (series, chunk) DO UPDATE SET points = excluded.points, bytes = excluded.bytes`,
      params: [...key, int(chunk), int(count), bytes]
    }))
  ]
}

const cutPoints = (run: bigint, series: Series, fromChunk: number): ReadonlyArray<SqlStatement> => {
  const key = seriesKey(run, series)
  return [
    { sql: `DELETE FROM chunks WHERE series = ${SERIES_ID} AND chunk >= ?`, params: [...key, int(fromChunk)] },
    fromChunk <= 0
      ? { sql: "DELETE FROM series WHERE run = ? AND address = ? AND generation = ? AND metric = ?", params: key }
      : {
        sql: `UPDATE series SET revision = ${REVISION} WHERE run = ? AND address = ? AND generation = ? AND metric = ?`,
        params: key
      }
  ]
}

const clearGeneration = (run: bigint, address: string, generation: number): ReadonlyArray<SqlStatement> => {
  const params = [run, text(address), int(generation)]
  const where = "run = ? AND address = ? AND generation = ?"
  return [
    { sql: `DELETE FROM chunks WHERE series IN (SELECT id FROM series WHERE ${where})`, params },
    { sql: `DELETE FROM series WHERE ${where}`, params },
    { sql: `DELETE FROM artifacts WHERE ${where}`, params }
  ]
}

/** Ends an attempt, the run with it, and the lease. */
const endAttempt = (
  run: bigint,
  change: Extract<Change, { readonly _tag: "AttemptEnded" }>,
  counted: Counted | undefined
): ReadonlyArray<SqlStatement> => {
  const { attempt, endedAtMs, failedStep, status } = change
  const error = jsonOrNull(change.error)
  return [
    { sql: END_RUN, params: [run, run, status, endedAtMs, error, textOrNull(failedStep), bool(status === "crashed"), run] },
    noLongerHeld(run),
    {
      sql: "UPDATE attempts SET status = ?, ended_at_ms = ?, error = ? WHERE run = ? AND attempt = ?",
      params: [status, endedAtMs, error, run, int(attempt)]
    },
    ...(status === "interrupted" || counted?.shown?.size === 0 ? [] : [deleteUnfinished(run)])
  ]
}

/** The statements of one change, a step's record and kept bytes aside. */
const statementsOf = (
  run: bigint,
  change: Exclude<Change, { readonly _tag: "StepRecorded" | "BlobKept" }>,
  counted: Counted | undefined
): ReadonlyArray<SqlStatement> => {
  switch (change._tag) {
    case "StepActive":
      return [insertActive(run, change.active)]
    case "StepInactive":
      return [deleteActive(run, change.address)]
    case "CheckpointSaved":
      return saveCheckpoint(run, change)
    case "CheckpointRemoved":
      return [
        change.name === undefined
          ? { sql: "DELETE FROM checkpoints WHERE run = ? AND address = ?", params: [run, text(change.address)] }
          : { sql: "DELETE FROM checkpoints WHERE run = ? AND address = ? AND name = ?", params: [run, text(change.address), text(change.name)] }
      ]
    case "CheckpointsMoved":
      return [{
        sql: "UPDATE checkpoints SET generation = ? WHERE run = ? AND address = ? AND generation = ? AND seq <= ?",
        params: [int(change.to), run, text(change.address), int(change.from), int(change.upToSeq)]
      }]
    case "PointsWritten":
      return [...writePoints(run, change), ...summaries.pointsWritten(run, change)]
    case "PointsCut":
      return change.fromChunk > 0
        ? cutPoints(run, change.series, change.fromChunk)
        : [...cutPoints(run, change.series, 0), summaries.seriesRemoved(run, change.series.address, change.series.generation, change.series.key)]
    case "GenerationCleared":
      return [...clearGeneration(run, change.address, change.generation), summaries.generationCleared(run, change.address, change.generation)]
    case "FlightEnded":
      return [{ sql: "DELETE FROM flights WHERE key = ? AND run = ?", params: [text(change.key), run] }]
    case "ArtifactNamed": {
      const { record } = change
      return [{
        sql: `INSERT INTO artifacts (run, address, generation, name, attempt, digest, size_bytes, media_type, codec, created_at_ms)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (run, address, generation, name) DO UPDATE SET attempt = excluded.attempt, digest = excluded.digest,
            size_bytes = excluded.size_bytes, media_type = excluded.media_type, codec = excluded.codec, created_at_ms = excluded.created_at_ms`,
        params: [
          run, text(record.address), int(record.generation), text(record.name), int(record.attempt), text(record.digest),
          int(record.sizeBytes), text(record.mediaType), textOrNull(record.codec), record.createdAtMs
        ]
      }]
    }
    case "LogsAdded":
      return change.logs.map((line): SqlStatement => ({
        sql: "INSERT INTO logs (run, seq, address, attempt, at_ms, level, message) VALUES (?, ?, ?, ?, ?, ?, ?)",
        params: [run, int(line.seq), text(line.address), int(line.attempt), line.atMs, line.level, text(line.message)]
      }))
    case "AttemptEnded":
      return endAttempt(run, change, counted)
  }
}

const keepBlob = (digest: string, { atMs, bytes }: KeptBytes): SqlStatement => ({
  sql: `INSERT INTO blobs (digest, refreshed_at_ms, bytes) VALUES (?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET refreshed_at_ms = excluded.refreshed_at_ms, bytes = excluded.bytes`,
  params: [text(digest), atMs, bytes]
})

/** What a holder counts of its run, so that its outputs can be found by digest without an index entry in each commit. */
export interface Counted {
  /** Highest `seq` so far. */
  highest: number
  /** Rows with bytes that are not in the index yet. */
  waiting: number
  /** Addresses that were shown as being executed; undefined where an earlier holder may have shown others. */
  readonly shown: Set<string> | undefined
  /** Whether metrics of another generation than a recorded one may stand in the summaries. */
  readonly stale: boolean
}

/**
 * The statements of a commit's changes, in their order. Bytes that are kept together with the record of the step that
 * gave them stand in that record's row: one row written instead of two.
 */
export const commitStatements = (
  run: bigint,
  changes: ReadonlyArray<Change>,
  atMs: number,
  counted: Counted | undefined
): ReadonlyArray<SqlStatement> => {
  const statements: Array<SqlStatement> = []
  const kept = new Map<string, KeptBytes>()
  for (const change of changes) if (change._tag === "BlobKept") kept.set(change.digest, { bytes: change.bytes, atMs })
  const inRow = new Set<KeptBytes>()
  for (const change of changes) {
    if (change._tag === "BlobKept") continue
    if (change._tag === "StepRecorded") {
      const { record } = change
      const { decision, output } = record
      const bytes = output === null || decision === "restored" ? undefined : kept.get(output.digest)
      if (bytes !== undefined) inRow.add(bytes)
      statements.push(insertStep(run, record, bytes))
      if (counted?.stale !== false) statements.push(...summaries.stepRecorded(run, record))
      const shown = counted?.shown
      if (shown === undefined || shown.has(record.address)) statements.push(deleteActive(run, record.address))
      const inOrder = counted !== undefined && record.seq > counted.highest
      if (inOrder) counted.highest = record.seq
      if (bytes !== undefined) {
        if (inOrder) counted.waiting++
        else statements.push(inlineOutputs.settleRow(stepId(run, record.seq)))
      }
    } else {
      if (change._tag === "StepActive") counted?.shown?.add(change.active.address)
      statements.push(...statementsOf(run, change, counted))
      if (change._tag === "AttemptEnded" && counted !== undefined && counted.waiting >= inlineOutputs.SETTLE_AT_END_ROWS) {
        statements.push(...inlineOutputs.settleEnded(run))
      }
    }
  }
  for (const [digest, bytes] of kept) if (!inRow.has(bytes)) statements.push(keepBlob(digest, bytes))
  if (counted !== undefined && counted.waiting >= inlineOutputs.SETTLE_ROWS) {
    counted.waiting = 0
    statements.push(...inlineOutputs.settleRun(run))
  }
  return statements
}

/** Everything recorded of a run; bytes that stood in its steps' rows stay kept. */
export const removeStatements = (run: bigint, facts: ReadonlyArray<string>): ReadonlyArray<SqlStatement> => [
  ...summaries.dropFacts(run, facts),
  {
    sql: `INSERT INTO blobs (digest, refreshed_at_ms, bytes)
      SELECT output_digest, kept_at_ms, output_bytes FROM (
        SELECT output_digest, kept_at_ms, output_bytes, row_number() OVER (PARTITION BY output_digest ORDER BY kept_at_ms DESC, id) AS place
        FROM steps WHERE id >= ? AND id < ? AND output_bytes IS NOT NULL
      ) AS kept WHERE place = 1
      ON CONFLICT (digest) DO UPDATE SET refreshed_at_ms = CASE
        WHEN excluded.refreshed_at_ms > blobs.refreshed_at_ms THEN excluded.refreshed_at_ms ELSE blobs.refreshed_at_ms END`,
    params: [stepId(run, 0), stepId(run + 1n, 0)]
  },
  ...inlineOutputs.forget(run),
  { sql: "DELETE FROM steps WHERE id >= ? AND id < ?", params: [stepId(run, 0), stepId(run + 1n, 0)] },
  { sql: "DELETE FROM chunks WHERE series IN (SELECT id FROM series WHERE run = ?)", params: [run] },
  ...["metrics", "series", "artifacts", "checkpoints", "active", "attempts", "logs", "flights", "held"].map((table): SqlStatement => ({
    sql: `DELETE FROM ${table} WHERE run = ?`,
    params: [run]
  })),
  { sql: "DELETE FROM runs WHERE key = ?", params: [run] }
]
