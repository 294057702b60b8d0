/**
 * Names of runs: chosen by the user, or made here: sortable by time, unique, short enough to type.
 *
 * One grammar for every door: letters, digits, `_` and `-`, up to 128 characters, beginning with a letter or digit.
 */
import { Effect } from "effect"
import { InvalidInput } from "./UniflowError.ts"

const grammar = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

/** Checks a run id that came from outside. */
export const check = (id: unknown): Effect.Effect<string, InvalidInput> =>
  typeof id === "string" && grammar.test(id) ? Effect.succeed(id) : Effect.fail(
    new InvalidInput({
      what: `Run id ${typeof id === "string" ? JSON.stringify(id.length > 60 ? `${id.slice(0, 60)}…` : id) : String(id)}`,
      issue: "it must have 1 to 128 letters, digits, _ or -, and begin with a letter or digit"
    })
  )

/** A new id: the time to the second in UTC, and 40 random bits: `20261124-071502-k3v9x0tq`. */
export const make = (nowMs: number): string => {
  const time = new Date(nowMs).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15)
  const bytes = crypto.getRandomValues(new Uint8Array(8))
  return `${time}-${[...bytes].map((byte) => alphabet[byte % 32]).join("")}`
}
