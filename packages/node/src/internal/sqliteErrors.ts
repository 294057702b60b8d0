/**
 * What SQLite's result codes mean for whoever uses a store. Source: sqlite.org/rescode.html.
 */
import { describe, StoreError, type StoreReason } from "@uniflow/core"
import { asFileError } from "./fileErrors.ts"

const meanings: Readonly<Record<number, readonly [reason: StoreReason, advice: string]>> = {
  3: ["NotPermitted", "permission was denied; check who owns the file and its folder"],
  5: ["Busy", "another process is writing for too long, or was stopped (Ctrl-Z) while it wrote; try again"],
  6: ["Busy", "another connection of this process is writing; try again"],
  7: ["Busy", "there was not enough memory; try again"],
  8: ["NotPermitted", "it cannot be written; check who owns the file and its folder, or set UNIFLOW_DIR to another"],
  10: ["Unavailable", "the device or the file system failed; look at the system's log before trusting this disk"],
  11: ["Corrupt", "the database is damaged; look at it with uniflow doctor, and restore a backup"],
  13: ["Full", "the disk is full; free some space (uniflow gc removes what no run uses)"],
  14: ["Unavailable", "it cannot be opened; check the folder and its owner"],
  18: ["NotSupported", "a value is larger than the database can hold"],
  19: ["NotPermitted", "that was recorded before"],
  21: ["Unavailable", "the database is closed"],
  23: ["NotPermitted", "permission was denied"],
  26: ["Corrupt", "the file is not a database, or is damaged; look at it with uniflow doctor, and restore a backup"]
}

/** The first eight bits of SQLite's result code; undefined for anything else that was thrown. */
const codeOf = (cause: unknown): number | undefined =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined

/** Whether another writer was in the way. */
export const isBusy = (cause: unknown): boolean => codeOf(cause) === 5 || codeOf(cause) === 6

/** What effect/sql wrapped. */
const unwrapped = (cause: unknown): unknown => {
  if (typeof cause !== "object" || cause === null || !("_tag" in cause) || cause._tag !== "SqlError" || !("reason" in cause)) return cause
  const { reason } = cause
  return typeof reason === "object" && reason !== null && "cause" in reason ? reason.cause : cause
}

/** Names what went wrong; `what` says in a sentence what could not be done. */
export const sqliteError = (what: string, thrown: unknown): StoreError => {
  const cause = unwrapped(thrown)
  if (cause instanceof StoreError) return cause
  const code = codeOf(cause)
  const meaning = code === undefined
    ? asFileError(cause).code === "ERR_INVALID_STATE" ? meanings[21] : undefined
    : meanings[code]
  return meaning === undefined
    ? new StoreError({ reason: "Unknown", what, cause })
    : new StoreError({ reason: meaning[0], what: `${what}: ${meaning[1]} (${describe(cause)})`, cause: undefined })
}
