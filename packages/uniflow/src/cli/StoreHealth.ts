/**
 * What is in a store's folder and whether it is sound, looked at without changing anything: the database is opened for
 * reading only, and no folder is made.
 */
import { existsSync } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import type * as Sqlite from "node:sqlite"
import { SqliteRunStore } from "@uniflow/node"

/** A number of things and their bytes. */
export interface Amount {
  readonly count: number
  readonly sizeBytes: number
}

export interface Database {
  readonly path: string
  /** With its write-ahead log. */
  readonly sizeBytes: number
  readonly id: string
  readonly format: string
  /** Runs by status. */
  readonly runs: { readonly [status: string]: number }
  readonly attempts: number
  /** Decisions about steps, items of maps included. */
  readonly decisions: number
  readonly series: number
  readonly logs: number
  /** What SQLite's quick_check found; empty when all is well. */
  readonly damage: ReadonlyArray<string>
}

export interface StoreHealth {
  /** Undefined where nothing was ever recorded. */
  readonly database: Database | undefined
  /** Why the database cannot be read. */
  readonly problem: string | undefined
  readonly artifacts: Amount
  /** Files that a put or a removal is working on, or that a killed process left. */
  readonly temporary: Amount
}

const quietly = async <A>(work: Promise<A>, otherwise: A): Promise<A> => work.catch(() => otherwise)

const amount = async (folder: string, isCounted: (name: string) => boolean): Promise<Amount> => {
  const names = (await quietly(readdir(folder), [])).filter(isCounted)
  const sizes = await Promise.all(names.map((name) => quietly(stat(join(folder, name)).then((info) => (info.isFile() ? info.size : undefined)), undefined)))
  const files = sizes.filter((size) => size !== undefined)
  return { count: files.length, sizeBytes: files.reduce((sum, size) => sum + size, 0) }
}

const sum = (amounts: ReadonlyArray<Amount>): Amount =>
  amounts.reduce((total, one) => ({ count: total.count + one.count, sizeBytes: total.sizeBytes + one.sizeBytes }), { count: 0, sizeBytes: 0 })

const artifactsOf = async (objects: string): Promise<Amount> => {
  let total: Amount = { count: 0, sizeBytes: 0 }
  for (const shard of await quietly(readdir(objects), [])) {
    if (/^[0-9a-f]{2}$/.test(shard)) total = sum([total, await amount(join(objects, shard), (name) => /^[0-9a-f]{62}$/.test(name))])
  }
  return total
}

/** Node's SQLite, without the warning that Node 22 prints about it. */
const sqlite = (): typeof Sqlite => {
  const warn = process.emitWarning
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule("node:sqlite")
  } finally {
    process.emitWarning = warn
  }
}

const sizeOf = (path: string): Promise<number> => quietly(stat(path).then(({ size }) => size), 0)

const readDatabase = async (path: string): Promise<Database> => {
  const { DatabaseSync } = sqlite()
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    const rows = (sql: string): ReadonlyArray<Record<string, unknown>> => database.prepare(sql).all()
    const count = (table: string): number => Number(rows(`SELECT count(*) AS n FROM ${table}`)[0]?.["n"] ?? 0)
    const meta = new Map(rows("SELECT name, value FROM meta WHERE name <> 'secret'").map((row) => [String(row["name"]), String(row["value"])]))
    return {
      path,
      sizeBytes: (await sizeOf(path)) + (await sizeOf(`${path}-wal`)),
      id: meta.get("id") ?? "unknown",
      format: meta.get("format") ?? "unknown",
      runs: Object.fromEntries(rows("SELECT status, count(*) AS n FROM runs GROUP BY status ORDER BY n DESC").map((row) => [String(row["status"]), Number(row["n"])])),
      attempts: count("attempts"),
      decisions: count("steps"),
      series: count("series"),
      logs: count("logs"),
      damage: rows("PRAGMA quick_check(20)").map((row) => String(row["quick_check"])).filter((line) => line !== "ok")
    }
  } finally {
    database.close()
  }
}

/** Looks at the folder of a store. */
export const lookAt = async (directory: string): Promise<StoreHealth> => {
  const path = join(directory, SqliteRunStore.FILENAME)
  const objects = join(directory, "objects")
  const files = {
    artifacts: await artifactsOf(objects),
    temporary: sum([await amount(join(objects, "tmp"), () => true), await amount(join(objects, "trash"), () => true)])
  }
  if (!existsSync(path)) return { ...files, database: undefined, problem: undefined }
  try {
    return { ...files, database: await readDatabase(path), problem: undefined }
  } catch (error) {
    return { ...files, database: undefined, problem: error instanceof Error ? error.message : String(error) }
  }
}
