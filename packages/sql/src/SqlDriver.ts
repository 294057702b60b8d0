/**
 * What a SQL database has to offer so that `SqlRunStore` can keep runs in it.
 *
 * The driver is small and plain: one durable transaction for a list of units, a connection for reads and migrations,
 * and a few things that only the platform knows (when the event loop turns, how a lease is kept while it does not).
 * It knows nothing of runs. `@uniflow/node` has one for SQLite.
 */
import type { Effect } from "effect"
import { Context } from "effect"
import type { SqlClient } from "effect/sql"
import type { StoreError } from "@uniflow/core"

/** The SQL that the database speaks. */
export type SqlDialect = "sqlite" | "pg"

/** A parameter as it is bound: integers are `bigint`, a `number` is a float. */
export type SqlValue = null | string | number | bigint | Uint8Array

/** A statement with `?` for each of its parameters; no text of ours holds a `?` otherwise. */
export interface SqlStatement {
  readonly sql: string
  readonly params: ReadonlyArray<SqlValue>
}

/** Statements that belong together. */
export interface SqlUnit {
  /** When this statement changes no row, the unit is refused and nothing of it is done. */
  readonly guard?: SqlStatement | undefined
  readonly statements: ReadonlyArray<SqlStatement>
  /** A last statement whose rows are given back, as it sees them inside the transaction. */
  readonly result?: SqlStatement | undefined
}

/** What became of a unit; `Failed` units changed nothing and took no other unit with them. */
export type SqlOutcome =
  | { readonly _tag: "Applied"; readonly rows: ReadonlyArray<ReadonlyArray<unknown>> }
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Failed"; readonly error: StoreError }

/** A heartbeat that the driver writes by itself. */
export interface SqlHeartbeat {
  readonly everyMs: number
  /** Its first parameter is `monotonicMs` at the time of writing; the others follow. One text for all heartbeats. */
  readonly sql: string
  /** The run, which is not 0, and the token. */
  readonly params: readonly [bigint, bigint]
  readonly monotonicMs: () => number
}

export interface SqlDriverService {
  readonly dialect: SqlDialect
  /** Names the database in messages: a file, or a host and a database, without secrets. */
  readonly name: string
  /** For reads and migrations. */
  readonly client: SqlClient.SqlClient
  /**
   * Does all units in one durable transaction and tells what became of each, in their order. It waits for other
   * writers, and fails as a whole only when nothing at all was recorded. Must not be interrupted.
   */
  readonly batch: (units: ReadonlyArray<SqlUnit>) => Effect.Effect<ReadonlyArray<SqlOutcome>, StoreError>
  /**
   * The same at once, where nothing has to be waited for; undefined, with nothing done, where something has. Units that
   * fail are told of as such.
   */
  readonly batchNow: ((units: ReadonlyArray<SqlUnit>) => ReadonlyArray<SqlOutcome> | undefined) | undefined
  /** Calls back when the event loop has turned: what was submitted until then is committed together. */
  readonly schedule: (callback: () => void) => void
  /** Runs an effect while no other process and no `batch` can write. */
  readonly exclusively: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StoreError, R>
  /** Names what went wrong in a read or a migration (a `SqlError`, a decoding issue, anything thrown). */
  readonly storeError: (what: string, cause: unknown) => StoreError
  /** Waits and repeats what fails because another writer holds the database. */
  readonly retryBusy: <A, R>(effect: Effect.Effect<A, StoreError, R>) => Effect.Effect<A, StoreError, R>
  /** Reads at once, where the database can be read without waiting; throws `StoreError`. */
  readonly readNow: ((statement: SqlStatement) => ReadonlyArray<ReadonlyArray<unknown>>) | undefined
  /**
   * Writes a heartbeat until what it gives is called, even while the event loop stands still; undefined where that cannot
   * be done.
   */
  readonly keepAlive: ((heartbeat: SqlHeartbeat) => () => void) | undefined
}

/** The SQL database in use. */
export class SqlDriver extends Context.Service<SqlDriver, SqlDriverService>()("@uniflow/sql/SqlDriver") {}
