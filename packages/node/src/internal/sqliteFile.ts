/**
 * The database's file before it is opened: made as a whole when it is not there, looked at when it is.
 *
 * A new database is written beside its name and linked to it when it is complete, so that no process ever sees half of
 * one, and an empty file is never taken for a new store. An existing file is opened only when its header says that it
 * is ours: nothing of a foreign, damaged or newer file is touched.
 *
 * The header is read by itself, and only while this process has no connection to the file: closing a file drops the
 * locks that SQLite holds on it in the same process. Source: sqlite.org/howtocorrupt.html, section 2.2;
 * sqlite.org/fileformat2.html, section 1.3.
 */
import { randomUUID } from "node:crypto"
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import process from "node:process"
import { type FaultPointsService, StoreError } from "@uniflow/core"
import { Migrations } from "@uniflow/sql"
import { asFileError, storeErrorOf } from "./fileErrors.ts"
import { sqliteLibrary } from "./sqliteLibrary.ts"

/** "UniF": what names our databases to whoever looks at a file. */
const APPLICATION_ID = 0x556e6946

const MAGIC = "SQLite format 3\0"

/** Leftovers of a process that died while it made a database, once they are this old. */
const LEFTOVER_MS = 60 * 60 * 1000

const syncFolder = (folder: string): void => {
  if (process.platform === "win32") return
  const opened = openSync(folder, "r")
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}

const write = (path: string): void => {
  const { DatabaseSync } = sqliteLibrary()
  const database = new DatabaseSync(path)
  try {
    database.exec(`PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${Migrations.FORMAT}; PRAGMA journal_mode = WAL`)
  } finally {
    database.close()
  }
}

/** Gives the file its name unless another process was faster. */
const link = (made: string, path: string): void => {
  try {
    linkSync(made, path)
  } catch (cause) {
    const { code } = asFileError(cause)
    if (code === "EEXIST") return
    if (code !== "EPERM" && code !== "ENOSYS" && code !== "ENOTSUP" && code !== "EOPNOTSUPP") throw cause
    // A file system without hard links: the name is claimed first, and the file put in its place.
    try {
      closeSync(openSync(path, "wx"))
    } catch (taken) {
      if (asFileError(taken).code === "EEXIST") return
      throw taken
    }
    renameSync(made, path)
  }
}

/** Removes what processes left that died while they made a database; what cannot be removed stays. */
const sweep = (folder: string, name: string): void => {
  const attempt = <A>(run: () => A): A | undefined => {
    try {
      return run()
    } catch {
      // Another process swept it, or the folder is not ours to look at.
      return undefined
    }
  }
  for (const entry of attempt(() => readdirSync(folder)) ?? []) {
    if (!entry.startsWith(`${name}.`) || !/\.new(-wal|-shm|-journal)?$/.test(entry)) continue
    const path = join(folder, entry)
    attempt(() => {
      if (Date.now() - statSync(path).mtimeMs > LEFTOVER_MS) rmSync(path, { force: true })
    })
  }
}

const create = (path: string, { at }: FaultPointsService): void => {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  const made = `${path}.${randomUUID()}.new`
  at("create:before")
  try {
    write(made)
    at("create:written")
    link(made, path)
    at("create:linked")
  } finally {
    rmSync(made, { force: true })
  }
  syncFolder(folder)
  at("create:after")
}

const header = (path: string): Buffer => {
  const file = openSync(path, "r")
  try {
    const bytes = Buffer.alloc(100)
    return bytes.subarray(0, readSync(file, bytes, 0, 100, 0))
  } finally {
    closeSync(file)
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

const wayOut = "Nothing was changed. Move it aside, or choose another folder (UNIFLOW_DIR)"

const refused = (reason: "Corrupt" | "NewerFormat" | "NotSupported", what: string) => new StoreError({ reason, what: `${what}. ${wayOut}` })

/** Throws `StoreError` unless the file is a whole database of ours that this release knows. */
const inspect = (path: string): void => {
  if (statSync(path).isDirectory()) throw refused("NotSupported", `${path} is a folder, not a UniFlow database`)
  const size = sizeOf(path)
  if (size === 0) throw refused("Corrupt", `${path} is empty: it is no database, or lost what it held`)
  const bytes = header(path)
  if (bytes.length < 100 || bytes.toString("latin1", 0, 16) !== MAGIC) {
    throw refused("Corrupt", `${path} is not a UniFlow database: it is another kind of file, encrypted or damaged`)
  }
  if (bytes.readInt32BE(68) !== APPLICATION_ID) throw refused("NotSupported", `${path} is a database of another program`)
  const format = bytes.readInt32BE(60)
  if (format > Migrations.FORMAT) {
    throw refused("NewerFormat", `The store ${path} has format ${format}, and this release of UniFlow knows formats up to ${Migrations.FORMAT}`)
  }
  const pageSize = bytes.readUInt16BE(16) === 1 ? 65_536 : bytes.readUInt16BE(16)
  const expected = bytes.readUInt32BE(28) * pageSize
  // A log that still waits may hold the pages that are missing: then SQLite itself has to judge.
  if (size < expected && sizeOf(`${path}-wal`) === 0) {
    throw refused("Corrupt", `The store ${path} was cut off: it has ${size} bytes of ${expected}`)
  }
}

/** Makes the database unless there is one, and looks at it. Throws `StoreError`. */
export const prepareFile = (path: string, points: FaultPointsService): void => {
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) create(path, points)
    inspect(path)
    sweep(dirname(path), basename(path))
  } catch (cause) {
    throw cause instanceof StoreError ? cause : storeErrorOf(`The database ${path} cannot be opened`)(asFileError(cause))
  }
}
