/**
 * PostgreSQL for `SqlRunStore`, by Effect's own client (`@effect/sql-pg`).
 *
 * Reads go through a pool. Writes go through one connection of their own, one transaction at a time: all statements of
 * a transaction are sent at once and answered together, so that a commit costs one round trip. Every transaction first
 * locks the row that counts the store's changes: commits of all processes are in one order. Nothing depends on the state
 * of a session (no session settings, no advisory locks, no LISTEN for what must be right), so a pooler may stand between.
 *
 * When a connection breaks in the middle of a commit, whether it was recorded is read from the table `writers`, which
 * the same transaction moves on, and it is repeated where it was not.
 */
import { PgClient, PgConnection, PgPool } from "@effect/sql-pg"
import { FaultPoints, type StoreError } from "@uniflow/core"
import { SqlDriver, type SqlDriverService, type SqlOutcome, type SqlUnit } from "@uniflow/sql"
import { Effect, Exit, Layer, Scope, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, type SqlError } from "effect/sql"
import { begin, connectionConfig, FIRST_PATIENCE_MS, inRealTime, nameOf, patientlyFor, poolConfig, type PostgresOptions, STANDS_STILL_MS } from "./internal/connecting.ts"
import { isDisconnected, isMadeMeanwhile, isPassing, postgresError, stateOf } from "./internal/postgresErrors.ts"
import { inSchema, quoted } from "./internal/postgresSql.ts"

export type { PostgresOptions }

/** Every fault point of this driver: before a transaction is sent, and when its answer is there. */
export const faultPoints: ReadonlyArray<string> = ["postgres.commit:before", "postgres.commit:after"]

const LOCK = "SELECT revision FROM held WHERE run = 0 FOR UPDATE"
const MARKED = "SELECT batch FROM writers WHERE id = ?"
const FORGET = "DELETE FROM writers WHERE at_ms < ?"

/** How long a writer's mark is kept, in milliseconds: nobody asks for it later. */
const MARK_MS = 86_400_000

/** A guard that ends the transaction where it changes nothing, so that what follows can be sent before it is answered. */
const insistently = (guard: string): string => `WITH guarded AS (${guard} RETURNING 1) SELECT 1 / count(*) FROM guarded`

/** What `insistently` ends in. */
const REFUSED = "22012"

/** A batch that was recorded already, or is older than one that was, is not recorded again. */
const MARK = insistently(`INSERT INTO writers (id, batch, at_ms) VALUES (?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at_ms = excluded.at_ms WHERE writers.batch < excluded.batch`)

const BEGIN = begin(STANDS_STILL_MS).map((sql) => [sql, []] as const)

/** How long a process may do what it does exclusively, in milliseconds: then others go on, and what it did fails in the end. */
const EXCLUSIVE_MS = 60_000

const applied: SqlOutcome = { _tag: "Applied", rows: [] }
const refused: SqlOutcome = { _tag: "Refused" }

const make = Effect.fnUntraced(function*(options: PostgresOptions): Effect.fn.Return<SqlDriverService, StoreError, Scope.Scope | Reactivity.Reactivity> {
  const { prepare = true, schema = "uniflow" } = options
  const name = nameOf(options)
  const rewritten = inSchema(schema)
  const patiently = patientlyFor(options)
  const atFirst = patientlyFor({ ...options, patienceMs: FIRST_PATIENCE_MS })
  const points = yield* FaultPoints
  const scope = yield* Effect.scope

  const pool = yield* Effect.mapError(inRealTime(PgPool.make(poolConfig(options))), (error) => postgresError(`${name} cannot be used`, error))

  /** Integers as the store reads them: numbers, as long as they are exact. */
  const plain = (value: unknown): unknown => {
    if (typeof value !== "bigint") return value
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }
  const values = (rows: ReadonlyArray<ReadonlyArray<unknown>>): ReadonlyArray<ReadonlyArray<unknown>> => rows.map((row) => row.map(plain))

  const connectionOf = (connection: PgConnection.PgConnection): SqlConnection.Connection => {
    const rows = (sql: string, params: ReadonlyArray<unknown>, named: boolean) =>
      Effect.map(connection.query(rewritten(sql), params, named && prepare), ({ rows }) => rows)
    return {
      execute: (sql, params, transform) => Effect.map(rows(sql, params, true), (rows) => transform === undefined ? rows : transform(rows)),
      executeRaw: (sql, params) => connection.query(rewritten(sql), params),
      executeValues: (sql, params) => Effect.map(connection.queryValues(rewritten(sql), params), values),
      executeValuesUnprepared: (sql, params) => Effect.map(connection.queryValues(rewritten(sql), params, false), values),
      executeUnprepared: (sql, params, transform) => Effect.map(rows(sql, params, false), (rows) => transform === undefined ? rows : transform(rows)),
      executeStream: (sql, params, transform) => {
        const stream = connection.stream(rewritten(sql), params)
        return transform === undefined ? stream : Stream.mapArray(stream, (rows) => transform(rows) as never)
      }
    }
  }

  const client = yield* SqlClient.make({
    driver: "uniflow-postgres",
    acquirer: Effect.map(inRealTime(pool.get), connectionOf),
    borrower: (use) => inRealTime(pool.use((connection) => use(connectionOf(connection)))),
    transactionAcquirer: Effect.map(inRealTime(pool.reserve), connectionOf),
    compiler: PgClient.makeCompiler(),
    spanAttributes: [["db.system.name", "postgresql"]]
  })

  // The connection for writing: opened when it is needed, and anew when it broke.
  const writing = Semaphore.makeUnsafe(1)
  let writer: { readonly connection: PgConnection.PgConnection; readonly scope: Scope.Closeable } | undefined
  const drop = Effect.suspend(() => {
    const broken = writer
    writer = undefined
    return broken === undefined ? Effect.void : Scope.close(broken.scope, Exit.void)
  })
  const connected = Effect.suspend((): Effect.Effect<PgConnection.PgConnection, SqlError.SqlError> => {
    if (writer !== undefined) return Effect.succeed(writer.connection)
    return Effect.flatMap(Scope.fork(scope), (own) =>
      Effect.map(inRealTime(Scope.provide(PgConnection.make({ ...connectionConfig(options), multiplex: true }), own)), (connection) => {
        writer = { connection, scope: own }
        return connection
      }))
  })

  const id = crypto.randomUUID()
  let batches = 0

  /** Statements of one transaction, sent together; their results in their order. Fails where it was not committed. */
  const transaction = Effect.fnUntraced(function*(statements: ReadonlyArray<readonly [sql: string, params: ReadonlyArray<unknown>]>) {
    const connection = yield* connected
    const results = yield* Effect.forEach(
      [...BEGIN, ...statements, ["COMMIT", []]] as ReadonlyArray<readonly [string, ReadonlyArray<unknown>]>,
      ([sql, params]) => Effect.exit(connection.query(rewritten(sql), params)),
      { concurrency: "unbounded" }
    )
    for (const result of results) if (result._tag === "Failure") return yield* Effect.failCause(result.cause)
    return results.slice(BEGIN.length, -1).map((result) => result._tag === "Success" ? result.value : undefined!)
  })

  /** One transaction for all units; fails where one of them is refused or fails. */
  const together = Effect.fnUntraced(function*(units: ReadonlyArray<SqlUnit>, batch: number) {
    const statements: Array<readonly [string, ReadonlyArray<unknown>]> = [
      [LOCK, []],
      [MARK, [id, BigInt(batch), Date.now()]]
    ]
    const results: Array<number> = []
    for (const { guard, result, statements: own } of units) {
      if (guard !== undefined) statements.push([insistently(guard.sql), guard.params])
      for (const { params, sql } of own) statements.push([sql, params])
      results.push(result === undefined ? -1 : statements.length)
      if (result !== undefined) statements.push([result.sql, result.params])
    }
    const done = yield* transaction(statements)
    return results.map((at): SqlOutcome => at < 0 ? applied : { _tag: "Applied", rows: values(done[at]!.rows.map((row) => Object.values(row))) })
  })

  /** Whether a batch of ours was committed whose answer never came: asked when no transaction is under way any more. */
  const wasCommitted = (batch: number) =>
    Effect.map(transaction([[LOCK, []], [MARKED, [id]]]), ([, marked]) => Number(marked?.rows[0]?.["batch"] ?? -1) >= batch)

  /** What became of a unit that is known to be recorded: nobody else changes what its result tells of. */
  const asCommitted = ({ result }: SqlUnit): Effect.Effect<SqlOutcome, SqlError.SqlError> =>
    result === undefined ? Effect.succeed(applied) : Effect.flatMap(connected, (connection) =>
      Effect.map(connection.queryValues(rewritten(result.sql), result.params), (rows): SqlOutcome => ({ _tag: "Applied", rows: values(rows) })))

  type Attempted = { readonly outcomes: ReadonlyArray<SqlOutcome> } | { readonly error: SqlError.SqlError }

  /** Does units in one transaction, across broken connections and others in the way; tells an error that does not pass. */
  const attempt = (units: ReadonlyArray<SqlUnit>): Effect.Effect<Attempted, SqlError.SqlError> =>
    Effect.suspend(() => {
      const batch = ++batches
      let isUnknown = false
      const once: Effect.Effect<Attempted, SqlError.SqlError> = Effect.gen(function*() {
        if (isUnknown) {
          if (yield* wasCommitted(batch)) return { outcomes: yield* Effect.forEach(units, asCommitted) }
          isUnknown = false
        }
        points.at("postgres.commit:before")
        const outcomes = yield* together(units, batch)
        points.at("postgres.commit:after")
        return { outcomes }
      })
      return patiently(
        Effect.tapError(once, (error) => {
          if (!isDisconnected(error)) return Effect.void
          isUnknown = true
          return drop
        }),
        (error) => isPassing(error) || isDisconnected(error)
      ).pipe(Effect.catchIf((error) => !isDisconnected(error) && !isPassing(error), (error) => Effect.succeed({ error })))
    })

  const unitFailed = (error: unknown): SqlOutcome =>
    stateOf(error) === REFUSED ? refused : { _tag: "Failed", error: postgresError(`A change cannot be recorded in ${name}`, error) }

  const batch: SqlDriverService["batch"] = (units) =>
    writing.withPermit(Effect.gen(function*() {
      const attempted = yield* attempt(units)
      if ("outcomes" in attempted) return attempted.outcomes
      if (units.length === 1) return [unitFailed(attempted.error)]
      // One of them was refused or failed: each is done by itself, so that only that one is.
      return yield* Effect.forEach(units, (unit) =>
        Effect.map(attempt([unit]), (alone) => "outcomes" in alone ? alone.outcomes[0]! : unitFailed(alone.error)))
    })).pipe(Effect.mapError((error) => postgresError(`Nothing can be recorded in ${name}`, error)))

  const notExclusive = (error: SqlError.SqlError): StoreError => postgresError(`${name} cannot be had exclusively`, error)
  const oneAtATime = Semaphore.makeUnsafe(1)
  // A connection of its own: what is done meanwhile needs those of the pool.
  const exclusively: SqlDriverService["exclusively"] = (effect) =>
    oneAtATime.withPermit(Effect.scoped(Effect.gen(function*() {
      const connection = yield* Effect.mapError(inRealTime(PgConnection.make(connectionConfig(options))), notExclusive)
      const ask = (sql: string) => Effect.mapError(connection.query(rewritten(sql)), notExclusive)
      yield* Effect.acquireRelease(Effect.forEach([...begin(EXCLUSIVE_MS), LOCK], ask, { discard: true }), () => Effect.ignore(ask("ROLLBACK")))
      const done = yield* effect
      // Fails where the server has ended the transaction.
      yield* ask("SELECT 1")
      return done
    })))

  const setUp = Effect.gen(function*() {
    yield* client.unsafe(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`)
    yield* client.unsafe("CREATE TABLE IF NOT EXISTS writers (id TEXT PRIMARY KEY, batch BIGINT NOT NULL, at_ms DOUBLE PRECISION NOT NULL)")
    yield* client.unsafe(FORGET, [Date.now() - MARK_MS])
  })
  yield* Effect.mapError(atFirst(setUp, (error) => isDisconnected(error) || isMadeMeanwhile(error)), (error) => postgresError(`${name} cannot be used`, error))

  return {
    dialect: "pg",
    name,
    client,
    batch,
    batchNow: undefined,
    schedule: (callback) => void setImmediate(callback),
    exclusively,
    storeError: postgresError,
    retryBusy: (effect) => patiently(effect, ({ reason }) => reason === "Busy" || reason === "Unavailable"),
    readNow: undefined,
    keepAlive: undefined
  }
})

/** PostgreSQL at a URL. Building it fails with `StoreError`: `Unavailable`, `NotPermitted`, `NewerFormat`, … */
export const layer = (options: PostgresOptions): Layer.Layer<SqlDriver, StoreError> =>
  Layer.effect(SqlDriver, make(options)).pipe(Layer.provide(Reactivity.layer))
