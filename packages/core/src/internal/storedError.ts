import { Cause } from "effect"
import type { StoredError } from "../RunRecord.ts"
import { describe } from "../UniflowError.ts"

const DEPTH = 8
const LENGTH = 16 * 1024

const cut = (text: string): string => (text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text)

/** What was thrown may be anything: a getter of it may throw, too. */
const property = (error: object, name: string): unknown => {
  try {
    return Reflect.get(error, name)
  } catch {
    return undefined
  }
}

const isCause = (error: unknown): error is Cause.Cause<unknown> => {
  try {
    return Cause.isCause(error)
  } catch {
    return false
  }
}

/** An error as it is kept: its causes included, secrets redacted, bounded in depth and length. */
export const storedError = (error: unknown, redact: (text: string) => string, depth = 0): StoredError => {
  if (isCause(error)) return storedError(Cause.squash(error), redact, depth)
  if (typeof error !== "object" || error === null) return { name: typeof error, message: cut(redact(describe(error))) }
  const text = (name: string): string | undefined => {
    const value = property(error, name)
    return typeof value === "string" ? cut(redact(value)) : undefined
  }
  const tag = text("_tag")
  const stack = text("stack")
  const cause = property(error, "cause")
  return {
    name: text("name") ?? tag ?? "Error",
    message: text("message") ?? cut(redact(describe(error))),
    ...(tag === undefined ? {} : { tag }),
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined || depth >= DEPTH ? {} : { cause: storedError(cause, redact, depth + 1) })
  }
}
