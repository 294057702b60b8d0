/**
 * SQLite for `SqlRunStore`, by Node's own `node:sqlite`: the embedded default.
 *
 * The database is in WAL mode, so that many processes read while one writes; a commit is flushed to the disk before it
 * is reported (synchronous=FULL). Everything in this process that opens the same file shares one connection. Writers of
 * other processes are waited for without holding up the event loop.
 *
 * docs/adr/0004-embedded-sqlite-driver.md says why it is built this way.
 */
import { setImmediate } from "node:timers"
import { FaultPoints, type StoreError } from "@uniflow/core"
import { SqlDriver, type SqlDriverService } from "@uniflow/sql"
import { Effect, Layer, type Scope, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { isBusy, sqliteError } from "./internal/sqliteErrors.ts"
import { acquire, release, type SqliteHandle } from "./internal/sqliteHandle.ts"
import { hrtimeMs } from "./internal/sqliteHeartbeats.ts"

export interface SqliteOptions {
  /** The database's file; made, with its folder, when it is not there. */
  readonly filename: string
  /** How long another process's transaction is waited for, in milliseconds; 10,000 by default. Then `StoreError` `Busy`. */
  readonly busyTimeoutMs?: number | undefined
  /** Whether leases are renewed from a thread of its own, which a synchronous loop does not stop; true by default. */
  readonly heartbeatThread?: boolean | undefined
}

/** Every fault point of this driver, in the order in which a new store passes them. */
export const faultPoints: ReadonlyArray<string> = [
  "create:before",
  "create:written",
  "create:linked",
  "create:after",
  "transaction:before",
  "transaction:after",
  "commit:before",
  "commit:begun",
  "commit:written",
  "commit:after"
]

/** Longest pause before another process's transaction is tried for again. */
const PAUSE_MS = 25

/** Real time, whatever clock the program has: it is other processes that are waited for. */
const pause = (attempt: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), 1 + Math.random() * Math.min(PAUSE_MS, 2 ** attempt))
    return Effect.sync(() => clearTimeout(timer))
  })

const sqlError = (cause: unknown, operation: string) =>
  new SqlError.SqlError({ reason: SqlError.classifySqliteError(cause, { message: "SQLite failed", operation }) })

const connectionOf = ({ query, queryNamed }: SqliteHandle): SqlConnection.Connection => {
  const attempt = <A>(operation: string, run: () => A) => Effect.try({ try: run, catch: (cause) => sqlError(cause, operation) })
  const execute: SqlConnection.Connection["execute"] = (sql, params, transform) =>
    attempt("execute", () => transform === undefined ? queryNamed(sql, params) : transform(queryNamed(sql, params)))
  const executeValues: SqlConnection.Connection["executeValues"] = (sql, params) => attempt("execute", () => query(sql, params))
  return {
    execute,
    executeRaw: (sql, params) => executeValues(sql, params),
    executeStream: (sql, params, transform) => Stream.fromIterableEffect(execute(sql, params, transform)),
    executeValues,
    executeValuesUnprepared: executeValues,
    executeUnprepared: execute
  }
}

const make = Effect.fnUntraced(function*(options: SqliteOptions): Effect.fn.Return<SqlDriverService, StoreError, Scope.Scope | Reactivity.Reactivity> {
  const { busyTimeoutMs = 10_000, heartbeatThread = true } = options
  const points = yield* FaultPoints

  /** Repeats what another writer was in the way of. */
  const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>, busy: (error: E) => boolean): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const until = performance.now() + busyTimeoutMs
      const again = (attempt: number): Effect.Effect<A, E, R> =>
        Effect.catchIf(effect, (error) => busy(error) && performance.now() < until, () => Effect.andThen(pause(attempt), again(attempt + 1)))
      return again(0)
    })
  const attempt = <A>(what: string, run: () => A): Effect.Effect<A, StoreError> =>
    Effect.mapError(patiently(Effect.try({ try: run, catch: (cause) => cause }), isBusy), (cause) => sqliteError(what, cause))

  const handle = yield* Effect.acquireRelease(
    attempt(`The database ${options.filename} cannot be opened`, () => acquire(options.filename, points)),
    (handle) => Effect.promise(() => release(handle))
  )
  const { gate } = handle

  const leave = (): void => {
    const next = gate.waiting.shift()
    if (next === undefined) gate.taken = false
    else next()
  }
  /** Waits until no other user of the connection has a transaction open. */
  const enter: Effect.Effect<void> = Effect.callback((resume) => {
    if (!gate.taken) {
      gate.taken = true
      return resume(Effect.void)
    }
    const waiter = (): void => resume(Effect.void)
    gate.waiting.push(waiter)
    return Effect.sync(() => {
      const at = gate.waiting.indexOf(waiter)
      // Interrupted after its turn had come: it is the next one's.
      if (at < 0) leave()
      else gate.waiting.splice(at, 1)
    })
  })
  const entered = Effect.uninterruptibleMask((restore) => Effect.andThen(restore(enter), Effect.addFinalizer(() => Effect.sync(leave))))

  const batch: SqlDriverService["batch"] = (units) =>
    Effect.acquireUseRelease(
      enter,
      () => attempt(`Nothing can be recorded in ${handle.path}`, () => handle.batch(units, points)),
      () => Effect.sync(leave)
    )

  const batchNow: SqlDriverService["batchNow"] = (units) => {
    if (gate.taken) return undefined
    try {
      return handle.batch(units, points)
    } catch (cause) {
      if (isBusy(cause)) return undefined
      const error = sqliteError(`Nothing can be recorded in ${handle.path}`, cause)
      return units.map(() => ({ _tag: "Failed", error }))
    }
  }

  const exclusively: SqlDriverService["exclusively"] = (effect) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.andThen(
        restore(enter),
        attempt(`${handle.path} cannot be had exclusively`, () => void handle.query("BEGIN IMMEDIATE", [])).pipe(
          Effect.andThen(restore(effect)),
          Effect.ensuring(Effect.sync(() => {
            handle.rollback()
            leave()
          }))
        )
      )
    )

  const connection = connectionOf(handle)
  const client = yield* SqlClient.make({
    driver: "uniflow-sqlite",
    acquirer: Effect.succeed(connection),
    borrower: (use) => use(connection),
    transactionAcquirer: Effect.as(entered, connection),
    compiler: Statement.makeCompilerSqlite(),
    beginTransaction: "BEGIN IMMEDIATE",
    commit: (connection) =>
      Effect.suspend(() => {
        points.at("transaction:before")
        return Effect.map(connection.execute("COMMIT", [], undefined), () => points.at("transaction:after"))
      }),
    onCommitFailure: () => Effect.sync(handle.rollback),
    isTransaction: () => handle.database.isTransaction,
    spanAttributes: [["db.system.name", "sqlite"]]
  })

  const keepAlive: SqlDriverService["keepAlive"] = ({ everyMs, monotonicMs, params, sql }) =>
    handle.heartbeats.add({ everyMs, sql, params, offsetMs: monotonicMs() - hrtimeMs() })

  return {
    dialect: "sqlite",
    name: handle.path,
    client,
    batch,
    batchNow,
    schedule: (callback) => void setImmediate(callback),
    exclusively,
    storeError: sqliteError,
    retryBusy: (effect) => patiently(effect, ({ reason }) => reason === "Busy"),
    readNow: ({ params, sql }) => {
      try {
        return handle.query(sql, params)
      } catch (cause) {
        throw sqliteError(`${handle.path} cannot be read`, cause)
      }
    },
    keepAlive: heartbeatThread ? keepAlive : undefined
  }
})

/** SQLite in a file. Building it fails with `StoreError`: `Corrupt`, `NewerFormat`, `NotSupported`, `NotPermitted`, `Busy`, … */
export const layer = (options: SqliteOptions): Layer.Layer<SqlDriver, StoreError> =>
  Layer.effect(SqlDriver, make(options)).pipe(Layer.provide(Reactivity.layer))
