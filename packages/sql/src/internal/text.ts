/**
 * Any JavaScript string as a database's text, and back.
 *
 * Databases keep Unicode: a lone surrogate would come back as another character, and PostgreSQL has no NUL. Such a
 * string is kept as U+0001 followed by itself as JSON, and so is one that begins with U+0001. Equal strings stay
 * equal, so columns can still be compared and indexed.
 */

const MARK = "\u0001"

const isAwkward = (value: string): boolean => value.charCodeAt(0) === 1 || value.includes("\0") || !value.isWellFormed()

/** The text to bind for a string. */
export const text = (value: string): string => isAwkward(value) ? `${MARK}${JSON.stringify(value)}` : value

/** Likewise where there may be none. */
export const textOrNull = (value: string | null): string | null => value === null ? null : text(value)

/** The string that a column stands for; anything else is left for its schema to refuse. */
export const fromText = (value: unknown): unknown =>
  typeof value === "string" && value.startsWith(MARK) ? JSON.parse(value.slice(1)) : value
