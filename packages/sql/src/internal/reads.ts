/**
 * The reads of a run store, through effect/sql, each row decoded by the record's Schema.
 */
import { describe, type FoundRun, lookupOf, NEWEST_FIRST, type RunRecord, type RunStoreService, sortKeyOf, StoreError } from "@uniflow/core"
import { Effect, Exit } from "effect"
import type { SqlDriverService, SqlValue } from "../SqlDriver.ts"
import { dialectOf } from "./dialect.ts"
import * as findPlan from "./findPlan.ts"
import { BYTES, bytesParams, isUsed, SEQ_LIMIT } from "./inlineOutputs.ts"
import * as rows from "./rows.ts"
import { int } from "./statements.ts"
import { text } from "./text.ts"

const KEY = "(SELECT key FROM runs WHERE id = ?)"

/** What a list gives at most. */
const LIMIT = 1000

/** Digests that are asked for by one statement. */
const DIGESTS = 512

/** Kept blobs that nothing refers to and that were refreshed before a time (parameter). */
export const COLLECTABLE = `refreshed_at_ms < ? AND NOT (${isUsed("blobs.digest")})`

const RUN = `SELECT ${rows.run.columns} FROM ${rows.RUNS} WHERE r.id = ?`

const withKey: rows.Reader<{ readonly run: RunRecord; readonly key: bigint }> = {
  columns: "",
  decode: (row) => ({ run: rows.run.decode(row), key: BigInt(rows.integer.decode([row[rows.RUN_KEY]])) })
}

type Reads = Pick<
  RunStoreService,
  "run" | "runs" | "find" | "experiments" | "attempts" | "steps" | "active" | "series" | "chunks" | "checkpoints" | "artifacts" | "logs" | "blob" | "lookup" | "flight" | "changes" | "unreferenced"
>

/** How the store reads. */
export const make = (driver: SqlDriverService) => {
  const dialect = dialectOf(driver.dialect)
  const { readNow } = driver
  const decoded = <A>(what: string, { decode }: rows.Reader<A>, found: ReadonlyArray<rows.Row>): Effect.Effect<Array<A>, StoreError> => {
    try {
      return Effect.succeed(found.map(decode))
    } catch (cause) {
      return Effect.fail(new StoreError({ reason: "Corrupt", what: `${what} in ${driver.name}: a row is not what it should be (${describe(cause)})` }))
    }
  }
  const many = <A>(what: string, reader: rows.Reader<A>, sql: string, params: ReadonlyArray<SqlValue>): Effect.Effect<Array<A>, StoreError> =>
    driver.client.unsafe(sql, params).values.pipe(
      Effect.mapError((error) => driver.storeError(`${what} cannot be read from ${driver.name}`, error)),
      driver.retryBusy,
      Effect.flatMap((found) => decoded(what, reader, found))
    )
  const first = <A>(what: string, reader: rows.Reader<A>, sql: string, params: ReadonlyArray<SqlValue>) =>
    Effect.map(many(what, reader, sql, params), (found) => found[0])

  /** A run with its key in the database; read at once where that can be done, because every run begins with it. */
  const runWithKey = (runId: string) => {
    const what = `Run "${runId}"`
    if (readNow === undefined) return first(what, withKey, RUN, [text(runId)])
    const read = (): Effect.Effect<{ readonly run: RunRecord; readonly key: bigint } | undefined, StoreError> => {
      try {
        return Effect.map(decoded(what, withKey, readNow({ sql: RUN, params: [text(runId)] })), (found) => found[0])
      } catch (error) {
        return error instanceof StoreError ? Effect.fail(error) : Effect.die(error)
      }
    }
    return Effect.suspend(() => {
      const found = read()
      return Exit.isExit(found) && Exit.isFailure(found) ? driver.retryBusy(Effect.suspend(read)) : found
    })
  }

  const ofRun = <A>(what: string, table: string, reader: rows.Reader<A>, order: string, runId: string, more = "", params: ReadonlyArray<SqlValue> = []) =>
    many(
      `${what} of run "${runId}"`,
      reader,
      `SELECT ${reader.columns} FROM ${table} WHERE run = ${KEY}${more} ORDER BY ${order}`,
      [text(runId), ...params]
    )

  const find: RunStoreService["find"] = Effect.fnUntraced(function*(query) {
    const asked = { ...query, orderBy: query.orderBy ?? NEWEST_FIRST, limit: Math.max(0, Math.min(query.limit, LIMIT)) }
    const keys = yield* findPlan.keysOf(dialect, asked, ({ params, sql }) => many("The runs that were searched for", rows.numbers, sql, params))
    if (keys.length === 0) return []
    const among = JSON.stringify(keys)
    const found = yield* many("The runs that were found", withKey, `SELECT ${rows.run.columns} FROM ${rows.RUNS} WHERE ${dialect.among("r.key")}`, [among])
    const metrics = Map.groupBy(
      yield* many("Metrics of the runs that were found", rows.metric, `SELECT ${rows.metric.columns} FROM metrics WHERE ${dialect.among("run")} ORDER BY run, address, metric`, [among]),
      ({ run }) => run
    )
    const git = Map.groupBy(
      yield* many(
        "Git of the runs that were found",
        rows.gitFact,
        `SELECT ${rows.gitFact.columns} FROM facts WHERE name IN ('git.commit', 'git.branch', 'git.dirty') AND ${dialect.among("run")}`,
        [among]
      ),
      ({ run }) => run
    )
    const byKey = new Map(found.map(({ key, run }) => [Number(key), run]))
    return keys.flatMap((key): ReadonlyArray<FoundRun> => {
      const run = byKey.get(key)
      // Removed meanwhile.
      if (run === undefined) return []
      const one = { run, git: rows.gitOf(git.get(key) ?? []), metrics: (metrics.get(key) ?? []).map(({ run: _, ...metric }) => metric) }
      return [{ ...one, sortKey: sortKeyOf(asked.orderBy, run.id, lookupOf(one)) }]
    })
  })

  const reads: Reads = {
    find,
    run: (runId) => Effect.map(runWithKey(runId), (found) => found?.run),
    runs: ({ after, experiment, limit, pipeline, status }) => {
      const where: Array<string> = []
      const params: Array<SqlValue> = []
      const filter = (sql: string, ...values: ReadonlyArray<SqlValue>): void => {
        where.push(sql)
        params.push(...values)
      }
      if (pipeline !== undefined) filter("r.pipeline = ?", text(pipeline))
      if (experiment !== undefined) filter("r.experiment = ?", text(experiment))
      if (status !== undefined) filter(status.length === 0 ? "1 = 0" : `r.status IN (${status.map(() => "?").join(", ")})`, ...status)
      if (after !== undefined) filter("(r.created_at_ms, r.id) < (?, ?)", after.createdAtMs, text(after.id))
      const sql = `SELECT ${rows.run.columns} FROM ${rows.RUNS} ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`}
        ORDER BY r.created_at_ms DESC, r.id DESC LIMIT ?`
      return many("The list of runs", rows.run, sql, [...params, int(Math.max(0, Math.min(limit, LIMIT)))])
    },
    experiments: many("The experiments", rows.experiment, `SELECT ${rows.experiment.columns} FROM runs GROUP BY experiment ORDER BY 5 DESC, experiment LIMIT ${LIMIT}`, []),
    attempts: (runId) => ofRun("The attempts", "attempts", rows.attempt(runId), "attempt", runId),
    steps: (runId, after = -1) => {
      const reader = rows.step(runId)
      return many(
        `The steps of run "${runId}"`,
        reader,
        `SELECT ${reader.columns} FROM steps s WHERE s.id > ${KEY} * ${SEQ_LIMIT} + ? AND s.id < (${KEY} + 1) * ${SEQ_LIMIT} ORDER BY s.id`,
        [text(runId), int(after), text(runId)]
      )
    },
    active: (runId) => ofRun("The active steps", "active", rows.active(runId), "started_at_ms, address", runId),
    series: (runId) => ofRun("The series", "series", rows.series(runId), "address, generation, metric", runId),
    chunks: ({ address, generation, key, runId }, fromChunk = 0) =>
      many(
        `The points of "${key}" in run "${runId}"`,
        rows.chunk,
        `SELECT ${rows.chunk.columns} FROM chunks c JOIN series s ON s.id = c.series
          WHERE s.run = ${KEY} AND s.address = ? AND s.generation = ? AND s.metric = ? AND c.chunk >= ? ORDER BY c.chunk`,
        [text(runId), text(address), int(generation), text(key), int(fromChunk)]
      ),
    checkpoints: (runId, address) =>
      address === undefined
        ? ofRun("The checkpoints", "checkpoints", rows.checkpoint(runId), "address, seq", runId)
        : ofRun("The checkpoints", "checkpoints", rows.checkpoint(runId), "seq", runId, " AND address = ?", [text(address)]),
    artifacts: (runId) => ofRun("The artifacts", "artifacts", rows.artifact(runId), "created_at_ms, address, generation, name", runId),
    logs: (runId, { address, after, limit = LIMIT } = {}) => {
      const reader = rows.log(runId)
      const [narrower, param] = address === undefined ? ["", []] : [" AND address = ?", [text(address)]]
      return many(
        `The log of run "${runId}"`,
        reader,
        `SELECT ${reader.columns} FROM logs WHERE run = ${KEY} AND seq > ?${narrower} ORDER BY seq LIMIT ?`,
        [text(runId), int(after ?? -1), ...param, int(Math.max(0, limit))]
      )
    },
    blob: (digest) => first(`Blob ${digest}`, rows.bytes, BYTES, bytesParams(text(digest))),
    lookup: (step, fingerprint) =>
      many(
        `Saved results of step "${step}"`,
        rows.stepOfAnyRun,
        `SELECT ${rows.stepOfAnyRun.columns} FROM steps s JOIN runs r ON r.key = s.id / ${SEQ_LIMIT}
          WHERE s.cacheable = 1 AND s.step = ? AND s.fingerprint = ? AND s.status = 'completed' AND s.trusted = 0 AND s.decision <> 'restored'
          ORDER BY s.started_at_ms DESC, s.id DESC LIMIT 16`,
        [text(step), text(fingerprint)]
      ),
    flight: (key) =>
      first(
        "Who executes a step",
        rows.run,
        `SELECT ${rows.run.columns} FROM flights f JOIN held h ON h.run = f.run AND h.token = f.token JOIN runs r ON r.key = h.run WHERE f.key = ?`,
        [text(key)]
      ),
    changes: (cursor) =>
      many(
        "The changes",
        rows.changed,
        `SELECT ${rows.changed.columns} FROM (
            SELECT h.revision, r.id FROM held h JOIN runs r ON r.key = h.run WHERE h.revision > ?
            UNION ALL SELECT * FROM (SELECT revision, id FROM runs WHERE revision IS NOT NULL AND revision > ? ORDER BY revision LIMIT ?) AS free
          ) AS changed ORDER BY revision LIMIT ?`,
        [int(cursor), int(cursor), int(LIMIT), int(LIMIT)]
      ).pipe(Effect.map((found) => ({ cursor: found.at(-1)?.revision ?? cursor, runIds: found.map(({ runId }) => runId) }))),
    unreferenced: Effect.fnUntraced(function*(digests) {
      const unused = new Set<string>()
      for (let i = 0; i < digests.length; i += DIGESTS) {
        const asked = digests.slice(i, i + DIGESTS)
        // Few lengths make few statements; the last digest is asked for again.
        while ((asked.length & (asked.length - 1)) !== 0) asked.push(asked.at(-1)!)
        const sql = `SELECT asked.column1 FROM (VALUES ${asked.map(() => "(?)").join(", ")}) AS asked WHERE NOT (${isUsed("asked.column1")})`
        for (const digest of yield* many("References to artifacts", rows.text, sql, asked.map(text))) unused.add(digest)
      }
      return digests.filter((digest) => unused.has(digest))
    })
  }
  return { ...reads, many, first, runWithKey }
}
