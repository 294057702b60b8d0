/**
 * One connection to a database, shared by everything in this process that uses the same file.
 *
 * Connections are found by the file's real path and counted; the last one to let go closes it. The registry stands on
 * `globalThis`, because bundlers and hot reload load this module more than once. Everything here is synchronous; what
 * has to wait (another process that writes, another user of this connection) is told to the caller.
 */
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import { type FaultPointsService, StoreError } from "@uniflow/core"
import type { SqlOutcome, SqlStatement, SqlUnit, SqlValue } from "@uniflow/sql"
import { asFileError, storeErrorOf } from "./fileErrors.ts"
import { isBusy, sqliteError } from "./sqliteErrors.ts"
import { prepareFile } from "./sqliteFile.ts"
import { make as makeHeartbeats, type SqliteHeartbeats } from "./sqliteHeartbeats.ts"
import { sqliteLibrary } from "./sqliteLibrary.ts"

export interface SqliteHandle {
  readonly path: string
  readonly database: DatabaseSync
  readonly heartbeats: SqliteHeartbeats
  /** Rows of a query, their columns by position. */
  readonly query: (sql: string, params: ReadonlyArray<unknown>) => Array<Array<unknown>>
  /** Rows of a query, their columns by name. */
  readonly queryNamed: (sql: string, params: ReadonlyArray<unknown>) => Array<Record<string, unknown>>
  /** Runs a statement; the number of rows it changed. */
  readonly run: (sql: string, params: ReadonlyArray<SqlValue>) => number
  /** Does units in one transaction. Throws what SQLite throws when nothing was recorded; `isBusy` asks to come again. */
  readonly batch: (units: ReadonlyArray<SqlUnit>, points: FaultPointsService) => ReadonlyArray<SqlOutcome>
  /** Ends a transaction that may be open. */
  readonly rollback: () => void
  /** Users of the connection wait here for each other's transactions. */
  readonly gate: { taken: boolean; readonly waiting: Array<() => void> }
}

interface Entry {
  readonly handle: SqliteHandle
  users: number
}

/** How long SQLite itself may wait for another writer: the event loop stands still meanwhile. */
const BUSY_MS = 5

/**
 * Pages of the write-ahead log (4 KiB each) after which it is moved into the database and begins anew. Writing over a log
 * costs half of making it longer, so a short one is better.
 */
const CHECKPOINT_PAGES = 1000

/**
 * KiB of pages that the connection keeps. A commit that split a page goes through all of them, so more cost each commit more
 * than reading a page again, which the system has in its own cache.
 */
const CACHE_KIB = 8000

/** A log that grew beyond this is cut when it begins anew. */
const LOG_BYTES = 64 * 1024 * 1024

/** How often the file is looked at: one that was moved or deleted under us would take commits with it. */
const LOOK_MS = 1000

const registryKey: unique symbol = Symbol.for("@uniflow/node/sqlite/1")

const registry = (): Map<string, Entry> => {
  const place = globalThis as { [registryKey]?: Map<string, Entry> }
  return place[registryKey] ??= new Map()
}

/** The path by which a file is known, links followed. */
const realPath = (filename: string): string => {
  const path = resolve(filename)
  if (existsSync(path)) return realpathSync(path)
  const folder = dirname(path)
  return join(existsSync(folder) ? realpathSync(folder) : folder, basename(path))
}

const bind = (params: ReadonlyArray<unknown>): ReadonlyArray<SQLInputValue> => params as ReadonlyArray<SQLInputValue>

const connect = (path: string): SqliteHandle => {
  const { DatabaseSync } = sqliteLibrary()
  const url = pathToFileURL(path)
  // Never makes a file: one that is gone is an error.
  url.searchParams.set("mode", "rw")
  const database = new DatabaseSync(url)
  try {
    database.exec(`PRAGMA busy_timeout = 250; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = OFF;
      PRAGMA trusted_schema = OFF; PRAGMA automatic_index = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${LOG_BYTES}`)
    const mode = database.prepare("PRAGMA journal_mode = WAL").get()
    if (mode?.["journal_mode"] !== "wal") {
      throw new StoreError({ reason: "NotSupported", what: `${path} is on a file system that SQLite cannot share between processes. Use a local disk` })
    }
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
  } catch (cause) {
    database.close()
    throw cause
  }

  const prepared = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    prepared.set(sql, statement)
    return statement
  }
  const rowsOf = (sql: string, params: ReadonlyArray<unknown>): Array<Array<unknown>> => {
    const rows: unknown = prepare(sql).all(...bind(params))
    return rows as Array<Array<unknown>>
  }
  const query: SqliteHandle["query"] = (sql, params) => rowsOf(sql, params)
  const run: SqliteHandle["run"] = (sql, params) => Number(prepare(sql).run(...bind(params)).changes)
  const begin = prepare("BEGIN IMMEDIATE")
  const commit = prepare("COMMIT")
  const rollback = (): void => {
    if (database.isTransaction) database.exec("ROLLBACK")
  }

  const refused: SqlOutcome = { _tag: "Refused" }
  const applied: SqlOutcome = { _tag: "Applied", rows: [] }
  const execute = ({ params, sql }: SqlStatement): number | bigint => prepare(sql).run(...params).changes
  const apply = ({ guard, result, statements }: SqlUnit): SqlOutcome => {
    if (guard !== undefined && execute(guard) === 0) return refused
    for (let i = 0; i < statements.length; i++) execute(statements[i]!)
    return result === undefined ? applied : { _tag: "Applied", rows: rowsOf(result.sql, result.params) }
  }

  const { ino } = statSync(path)
  let log: number | undefined
  let lookedAt = -Infinity
  const look = (): void => {
    const now = performance.now()
    if (now - lookedAt < LOOK_MS) return
    lookedAt = now
    const found = statSync(path, { throwIfNoEntry: false })?.ino
    // As long as it is used its log stays the same file: commits into one without a name would be lost.
    const foundLog = statSync(`${path}-wal`, { throwIfNoEntry: false })?.ino
    log ??= foundLog
    if (found === ino && foundLog === log) return
    lookedAt = -Infinity
    const what = found === ino ? `The database's log ${path}-wal` : `The database ${path}`
    throw new StoreError({
      reason: "Unavailable",
      what: `${what} was moved, replaced or deleted while it was in use. Nothing more is recorded by this process; begin anew, and resume the run`
    })
  }

  const batch: SqliteHandle["batch"] = (units, points) => {
    look()
    points.at("commit:before")
    begin.run()
    try {
      points.at("commit:begun")
      const outcomes = units.map(apply)
      points.at("commit:written")
      commit.run()
      points.at("commit:after")
      return outcomes
    } catch (cause) {
      rollback()
      if (units.length === 1) return [{ _tag: "Failed", error: sqliteError(`A change cannot be recorded in ${path}`, cause) }]
      // One of them failed: each is done by itself, so that only that one does.
      return units.flatMap((unit) => {
        try {
          return batch([unit], points)
        } catch (again) {
          const failed: SqlOutcome = { _tag: "Failed", error: sqliteError(`A change cannot be recorded in ${path}`, again) }
          return failed
        }
      })
    }
  }

  return {
    path,
    database,
    heartbeats: makeHeartbeats(url.href),
    query,
    queryNamed: (sql, params) => {
      const names = prepare(sql).columns().map(({ name }) => name)
      return query(sql, params).map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])))
    },
    run,
    batch,
    rollback,
    gate: { taken: false, waiting: [] }
  }
}

/** Why a database cannot be written, where the file system says so: SQLite does not tell. */
const unwritable = (path: string): StoreError | undefined => {
  for (const one of [path, dirname(path)]) {
    try {
      if (existsSync(one)) accessSync(one, constants.W_OK)
    } catch (cause) {
      return storeErrorOf(`The database ${path} cannot be opened`)(asFileError(cause))
    }
  }
  return undefined
}

/** The connection to a file, made where there is none. Throws `StoreError`, or what SQLite throws when it is busy. */
export const acquire = (filename: string, points: FaultPointsService): SqliteHandle => {
  const handles = registry()
  const path = realPath(filename)
  const known = handles.get(path)
  if (known !== undefined) {
    known.users++
    return known.handle
  }
  try {
    sqliteLibrary()
    prepareFile(path, points)
    const handle = connect(path)
    handles.set(path, { handle, users: 1 })
    return handle
  } catch (cause) {
    throw isBusy(cause) ? cause : unwritable(path) ?? sqliteError(`The database ${path} cannot be opened`, cause)
  }
}

/** Lets go of a connection; the last user closes it. */
export const release = async (handle: SqliteHandle): Promise<void> => {
  const handles = registry()
  const entry = handles.get(handle.path)
  if (entry?.handle !== handle || --entry.users > 0) return
  handles.delete(handle.path)
  await handle.heartbeats.close()
  handle.database.close()
}
