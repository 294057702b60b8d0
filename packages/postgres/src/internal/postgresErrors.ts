/**
 * What PostgreSQL's errors mean for whoever uses a store. Codes: postgresql.org/docs/current/errcodes-appendix.html.
 */
import { describe, StoreError, type StoreReason } from "@uniflow/core"
import { SqlError } from "effect/sql"

/** The five characters that name an error of the server; undefined where the error is another one. */
export const stateOf = (error: unknown): string | undefined => {
  for (let one: unknown = error, depth = 0; typeof one === "object" && one !== null && depth < 6; depth++) {
    if ("code" in one && typeof one.code === "string" && /^[0-9A-Z]{5}$/.test(one.code)) return one.code
    one = "reason" in one ? one.reason : "cause" in one ? one.cause : undefined
  }
  return undefined
}

const tagOf = (error: unknown): string | undefined =>
  error instanceof SqlError.SqlError ? error.reason._tag : undefined

/** Whether the connection broke, so that what was asked for may have been done or not. */
export const isDisconnected = (error: unknown): boolean => {
  const state = stateOf(error)
  return tagOf(error) === "ConnectionError" || state !== undefined && (state.startsWith("08") || state.startsWith("57P"))
}

/** Whether nothing was recorded because of what others did at that moment: asked for again it may succeed. */
export const isPassing = (error: unknown): boolean => {
  const state = stateOf(error)
  return state === "40001" || state === "40P01" || state === "55P03"
}

/** Whether another process made the same schema or table at that moment: `IF NOT EXISTS` does not see to it. */
export const isMadeMeanwhile = (error: unknown): boolean => /^(23505|42P06|42P07|42710)$/.test(stateOf(error) ?? "")

const meanings: ReadonlyArray<readonly [state: RegExp, reason: StoreReason, advice: string]> = [
  [/^(40001|40P01|55P03)$/, "Busy", "others are writing for too long; try again"],
  [/^57P|^08/, "Unavailable", "the connection was lost or the server is going down"],
  [/^53300$/, "Unavailable", "the server takes no more connections; raise max_connections, or use fewer here"],
  [/^53100$/, "Full", "the server's disk is full"],
  [/^53/, "Unavailable", "the server is short of resources"],
  [/^28/, "NotPermitted", "the server does not let this user in; check the user and the password"],
  [/^42501$/, "NotPermitted", "this role lacks a right that is needed; grant it, or let another role run uniflow migrate"],
  [/^25006$/, "NotPermitted", "the server is read-only: it is a standby, or was set so"],
  [/^3D000$/, "Unavailable", "there is no such database"],
  [/^42P01$|^3F000$/, "Unavailable", "the tables are not there; run uniflow migrate, or open with migrate: \"auto\""],
  [/^23505$/, "NotPermitted", "that was recorded before"],
  [/^54000$/, "NotSupported", "a value is larger than the database can hold"],
  [/^XX00[12]$/, "Corrupt", "the database is damaged; look at the server's log, and restore a backup"]
]

/** What the server or the driver said, without what it was asked. */
const said = (error: unknown): string => {
  let told = error
  for (let depth = 0; typeof told === "object" && told !== null && depth < 6; depth++) {
    const inner: unknown = "reason" in told ? told.reason : "cause" in told ? told.cause : undefined
    if (inner === undefined || inner === null) break
    told = inner
  }
  return describe(told)
}

/** Names what went wrong; `what` says in a sentence what could not be done. */
export const postgresError = (what: string, cause: unknown): StoreError => {
  if (cause instanceof StoreError) return cause
  const state = stateOf(cause)
  const meaning = state === undefined ? undefined : meanings.find(([pattern]) => pattern.test(state))
  if (meaning !== undefined) return new StoreError({ reason: meaning[1], what: `${what}: ${meaning[2]} (${said(cause)})`, cause: undefined })
  if (tagOf(cause) === "ConnectionError") return new StoreError({ reason: "Unavailable", what: `${what}: the server cannot be reached (${said(cause)})`, cause: undefined })
  return new StoreError({ reason: "Unknown", what, cause })
}
