/**
 * The tables of a store, and how older ones become today's.
 *
 * Within a major version of the format migrations only add (a table, a column that may be null, an index), so that the
 * previous release goes on working beside this one. A store of a newer major version is refused, and nothing of it is
 * touched. docs/format/store.md describes the result.
 */
import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"
import { StoreError } from "@uniflow/core"
import { type Dialect, dialectOf } from "./internal/dialect.ts"
import { SEQ_LIMIT } from "./internal/inlineOutputs.ts"
import * as summaries from "./internal/summaries.ts"
import type { SqlDriverService } from "./SqlDriver.ts"

/** Major version of the format that this release writes. */
export const FORMAT = 1

const identifier = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("")

const createTables = ({ bytes, clustered, integer, key, real, table, text }: Dialect): ReadonlyArray<string> => [
  `CREATE TABLE meta (name ${text} PRIMARY KEY, value ${text} NOT NULL)${clustered}`,

  `CREATE TABLE runs (
    key ${key}, id ${text} NOT NULL UNIQUE, pipeline ${text} NOT NULL, experiment ${text} NOT NULL,
    params ${text} NOT NULL, seed ${integer} NOT NULL, parent ${text}, goals ${text} NOT NULL, created_at_ms ${real} NOT NULL,
    status ${text} NOT NULL, tags ${text} NOT NULL, note ${text}, error ${text}, failed_step ${text},
    started_at_ms ${real} NOT NULL, ended_at_ms ${real}, attempts ${integer} NOT NULL, crashes ${integer} NOT NULL,
    holder ${text}, lease_ms ${integer} NOT NULL, cancel_requested ${integer} NOT NULL, token ${integer} NOT NULL,
    heartbeat ${integer} NOT NULL, heartbeat_monotonic_ms ${real} NOT NULL, revision ${integer})${table}`,
  "CREATE INDEX runs_by_time ON runs (created_at_ms, id)",
  "CREATE INDEX runs_by_pipeline ON runs (pipeline, created_at_ms, id)",
  "CREATE INDEX runs_by_experiment ON runs (experiment, created_at_ms, id)",
  "CREATE UNIQUE INDEX runs_by_revision ON runs (revision) WHERE revision IS NOT NULL",

  // What every commit changes, of the runs that are held now, and under run 0 the newest revision of the store: so few
  // rows that they share a page, and a commit rewrites no index. What is not held has these columns in `runs`.
  `CREATE TABLE held (
    run ${integer} PRIMARY KEY, token ${integer} NOT NULL, heartbeat ${integer} NOT NULL,
    heartbeat_monotonic_ms ${real} NOT NULL, revision ${integer} NOT NULL)${table}`,
  "INSERT INTO held (run, token, heartbeat, heartbeat_monotonic_ms, revision) VALUES (0, 0, 0, 0, 0)",

  `CREATE TABLE attempts (
    run ${integer} NOT NULL, attempt ${integer} NOT NULL, status ${text} NOT NULL, started_at_ms ${real} NOT NULL,
    ended_at_ms ${real}, environment ${text} NOT NULL, error ${text}, PRIMARY KEY (run, attempt))${clustered}`,

  // id = run * 2^28 + seq: one key, in the order of reading, and no second index. Bytes come last: they may be long.
  `CREATE TABLE steps (
    id ${integer} PRIMARY KEY, address ${text} NOT NULL, step ${text} NOT NULL, attempt ${integer} NOT NULL,
    decision ${text} NOT NULL, status ${text} NOT NULL, generation ${integer} NOT NULL, fingerprint ${text} NOT NULL,
    seed ${integer}, trusted ${integer} NOT NULL, cacheable ${integer} NOT NULL, retries ${integer} NOT NULL,
    started_at_ms ${real} NOT NULL, duration_ms ${real} NOT NULL, output_digest ${text}, output_size_bytes ${integer},
    output_codec ${text}, output_media_type ${text}, reasons ${text} NOT NULL, components ${text}, source ${text}, error ${text},
    kept_at_ms ${real}, output_bytes ${bytes})${table}`,
  // The first 64 bits of a digest are enough to find it, and short keys make a small index.
  `CREATE INDEX steps_by_output ON steps (substr(output_digest, 1, 16))
    WHERE decision <> 'restored' AND output_digest IS NOT NULL AND output_bytes IS NULL`,
  "CREATE INDEX steps_by_fingerprint ON steps (step, fingerprint, started_at_ms) WHERE cacheable = 1 AND decision <> 'restored'",

  // Finds outputs that stand in their steps' rows, all but those of a run that come after the row named in `unsettled`.
  `CREATE TABLE outputs (digest ${text} NOT NULL, step ${integer} NOT NULL, PRIMARY KEY (digest, step))${clustered}`,
  `CREATE TABLE unsettled (run ${integer} PRIMARY KEY, after ${integer} NOT NULL)${table}`,

  `CREATE TABLE active (
    run ${integer} NOT NULL, address ${text} NOT NULL, step ${text} NOT NULL, attempt ${integer} NOT NULL,
    started_at_ms ${real} NOT NULL, rerun ${integer} NOT NULL, once ${integer} NOT NULL, fingerprint ${text} NOT NULL,
    done ${real}, total ${real}, message ${text}, PRIMARY KEY (run, address))${clustered}`,

  `CREATE TABLE checkpoints (
    run ${integer} NOT NULL, address ${text} NOT NULL, name ${text} NOT NULL, version ${integer} NOT NULL,
    seq ${integer} NOT NULL, fingerprint ${text} NOT NULL, generation ${integer} NOT NULL, attempt ${integer} NOT NULL,
    output_digest ${text} NOT NULL, output_size_bytes ${integer} NOT NULL, output_codec ${text} NOT NULL,
    output_media_type ${text} NOT NULL, saved_at_ms ${real} NOT NULL, position ${text} NOT NULL,
    PRIMARY KEY (run, address, name, version))${clustered}`,
  "CREATE INDEX checkpoints_by_output ON checkpoints (output_digest)",

  `CREATE TABLE artifacts (
    run ${integer} NOT NULL, address ${text} NOT NULL, generation ${integer} NOT NULL, name ${text} NOT NULL,
    attempt ${integer} NOT NULL, digest ${text} NOT NULL, size_bytes ${integer} NOT NULL, media_type ${text} NOT NULL,
    codec ${text}, created_at_ms ${real} NOT NULL, PRIMARY KEY (run, address, generation, name))${clustered}`,
  "CREATE INDEX artifacts_by_digest ON artifacts (digest)",

  `CREATE TABLE series (
    id ${key}, run ${integer} NOT NULL, address ${text} NOT NULL, generation ${integer} NOT NULL, metric ${text} NOT NULL,
    points ${integer} NOT NULL, nans ${integer} NOT NULL, last_value ${real}, last_index ${real}, min_value ${real},
    min_index ${real}, max_value ${real}, max_index ${real}, sum_value ${real}, exact ${integer} NOT NULL,
    revision ${integer} NOT NULL, UNIQUE (run, address, generation, metric))${table}`,

  `CREATE TABLE chunks (
    series ${integer} NOT NULL, chunk ${integer} NOT NULL, points ${integer} NOT NULL, bytes ${bytes} NOT NULL,
    PRIMARY KEY (series, chunk))${clustered}`,

  `CREATE TABLE logs (
    run ${integer} NOT NULL, seq ${integer} NOT NULL, address ${text} NOT NULL, attempt ${integer} NOT NULL,
    at_ms ${real} NOT NULL, level ${text} NOT NULL, message ${text} NOT NULL, PRIMARY KEY (run, seq))${clustered}`,

  `CREATE TABLE blobs (digest ${text} PRIMARY KEY, refreshed_at_ms ${real} NOT NULL, bytes ${bytes} NOT NULL)${table}`
]

/** What finding runs looks at: `internal/summaries.ts` says what stands in it. */
const createSummaries = ({ clustered, integer, real, text }: Dialect): ReadonlyArray<string> => [
  `CREATE TABLE facts (
    name ${text} NOT NULL, run ${integer} NOT NULL, kind ${integer} NOT NULL, number ${real}, text ${text}, PRIMARY KEY (name, run))${clustered}`,
  "CREATE INDEX facts_by_number ON facts (name, number, run) WHERE number IS NOT NULL",
  `CREATE INDEX facts_by_text ON facts (name, substr(text, 1, ${summaries.PREFIX}), run) WHERE text IS NOT NULL`,

  `CREATE TABLE metrics (
    metric ${text} NOT NULL, run ${integer} NOT NULL, address ${text} NOT NULL, generation ${integer} NOT NULL,
    last_value ${real}, min_value ${real}, max_value ${real}, PRIMARY KEY (metric, run, address))${clustered}`,
  "CREATE INDEX metrics_by_last ON metrics (metric, last_value, run) WHERE last_value IS NOT NULL",
  "CREATE INDEX metrics_by_run ON metrics (run, address)",

  // What is there already. A step that has no record yet shows the newest generation that it logged points for.
  `INSERT INTO metrics (metric, run, address, generation, last_value, min_value, max_value)
    SELECT metric, run, address, generation, last_value, min_value, max_value FROM series s
    WHERE address NOT LIKE '%[%' AND generation = coalesce(
      (SELECT t.generation FROM steps t WHERE t.id >= s.run * ${SEQ_LIMIT} AND t.id < (s.run + 1) * ${SEQ_LIMIT} AND t.address = s.address ORDER BY t.id DESC LIMIT 1),
      (SELECT max(t.generation) FROM series t WHERE t.run = s.run AND t.address = s.address))`
]

/** Who executes what several runs may want. Few rows: those of executions that are under way, or were when their process died. */
const createFlights = ({ clustered, integer, text }: Dialect): string =>
  `CREATE TABLE flights (key ${text} PRIMARY KEY, run ${integer} NOT NULL, token ${integer} NOT NULL)${clustered}`

/** Summaries of the runs that are there already. */
const summarise = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  let last = 0
  while (true) {
    const page = yield* sql.unsafe(
      `SELECT r.key, r.params, r.tags, a.environment FROM runs r LEFT JOIN attempts a ON a.run = r.key AND a.attempt = r.attempts
        WHERE r.key > ? ORDER BY r.key LIMIT 200`,
      [last]
    ).values
    for (const [key, params, tags, environment] of page) {
      last = Number(key)
      for (const statement of summaries.keepFacts(BigInt(last), summaries.storedFacts(params, tags, environment))) {
        yield* sql.unsafe(statement.sql, statement.params)
      }
    }
    if (page.length < 200) return
  }
})

type Migration = readonly [id: number, name: string, run: (sql: SqlClient.SqlClient, dialect: Dialect) => Effect.Effect<unknown, SqlError.SqlError>]

const migrations: ReadonlyArray<Migration> = [
  [1, "tables", (sql, dialect) =>
    Effect.gen(function*() {
      for (const statement of createTables(dialect)) yield* sql.unsafe(statement)
      for (const [name, value] of [["format", String(FORMAT)], ["id", identifier(16)], ["secret", identifier(32)]] as const) {
        yield* sql`INSERT INTO meta (name, value) VALUES (${name}, ${value})`
      }
    })],
  [2, "summaries", (sql, dialect) =>
    Effect.gen(function*() {
      for (const statement of createSummaries(dialect)) yield* sql.unsafe(statement)
      yield* summarise(sql)
    })],
  [3, "flights", (sql, dialect) => sql.unsafe(createFlights(dialect))]
]

const TABLE = "migrations"

/** Brings the store's tables up to date; fails with `NewerFormat` where a newer release wrote them. */
export const migrate = (driver: SqlDriverService): Effect.Effect<void, StoreError> => {
  const { client: sql, name } = driver
  const dialect = dialectOf(driver.dialect)
  const exists = (table: string) => Effect.map(sql.unsafe(dialect.tableExists, [table]).values, (rows) => rows.length > 0)

  const read = Effect.gen(function*() {
    if (!(yield* exists("meta"))) return { format: undefined, latest: 0 }
    const format = (yield* sql`SELECT value FROM meta WHERE name = 'format'`.values)[0]?.[0]
    const latest = (yield* exists(TABLE)) ? (yield* sql`SELECT max(migration_id) FROM ${sql(TABLE)}`.values)[0]?.[0] : 0
    return { format: typeof format === "string" ? Number(format) : NaN, latest: Number(latest ?? 0) }
  })

  return Effect.gen(function*() {
    const { format, latest } = yield* read
    if (format !== undefined && format > FORMAT) {
      return yield* new StoreError({
        reason: "NewerFormat",
        what: `The store ${name} has format ${format}, and this release of UniFlow knows formats up to ${FORMAT}. `
          + "Nothing was changed. Use the release that wrote it, or a newer one"
      })
    }
    if (format !== undefined && !(format >= 1)) {
      return yield* new StoreError({ reason: "Corrupt", what: `The store ${name} does not say which format it has` })
    }
    // A store that a newer release of the same major has added to has more migrations than we know: all is well.
    if (latest >= migrations.at(-1)![0]) return
    yield* Migrator.make({})({
      table: TABLE,
      loader: Effect.succeed(migrations.map(([id, title, run]) => [id, title, Effect.succeed(run(sql, dialect))] as const))
    }).pipe(Effect.provideService(SqlClient.SqlClient, sql))
  }).pipe(
    Effect.catchTags({
      SqlError: (error) => Effect.fail(driver.storeError(`The store ${name} cannot be brought up to date`, error)),
      MigrationError: (error) => Effect.fail(driver.storeError(`The store ${name} cannot be brought up to date`, error.cause ?? error))
    }),
    driver.retryBusy
  )
}
