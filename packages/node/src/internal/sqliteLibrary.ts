/**
 * Node's own SQLite, loaded when it is first needed, if it is one that many processes may use at once.
 *
 * SQLite before 3.51.3 (3.50.7 and 3.44.6 aside) can lose a commit when a write-ahead log is reset while several
 * connections use it, so it is refused. Source: sqlite.org/wal.html, "The WAL-reset bug".
 */
import process from "node:process"
import type * as Sqlite from "node:sqlite"
import { StoreError } from "@uniflow/core"

export type SqliteLibrary = typeof Sqlite

const NEEDED = "UniFlow keeps its runs in SQLite 3.51.3 or later, which Node carries from 22.23 on, and in the current releases of 24 and later. Use one of these"

/** Whether a version of SQLite is free of the WAL-reset bug. */
export const isSafe = (version: string): boolean => {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number)
  if (major !== 3) return major > 3
  if (minor === 44) return patch >= 6
  if (minor === 50) return patch >= 7
  return minor > 51 || (minor === 51 && patch >= 3)
}

let loaded: SqliteLibrary | undefined

const load = (): SqliteLibrary => {
  const warn = process.emitWarning
  // Node 22 calls the module experimental; users can do nothing about that one warning.
  process.emitWarning = () => {}
  try {
    const library = process.getBuiltinModule("node:sqlite")
    if (library === undefined) throw new StoreError({ reason: "NotSupported", what: `This is Node ${process.versions.node}, without node:sqlite. ${NEEDED}` })
    return library
  } finally {
    process.emitWarning = warn
  }
}

/** The library. Throws `StoreError` (`NotSupported`), naming the Node that is needed. */
export const sqliteLibrary = (): SqliteLibrary => {
  if (loaded !== undefined) return loaded
  const library = load()
  const version = process.versions["sqlite"] ?? ""
  if (!isSafe(version)) {
    throw new StoreError({ reason: "NotSupported", what: `This is Node ${process.versions.node} with SQLite ${version}. ${NEEDED}` })
  }
  return loaded = library
}
