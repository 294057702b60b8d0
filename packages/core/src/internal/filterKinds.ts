/**
 * What a field can be compared with.
 */
import { type Comparison, type Field, type FilterValue, RUN_FIELDS } from "./filterModel.ts"

/** The kinds of literals. */
export type ValueKind = "text" | "number" | "boolean" | "date" | "duration"

/** The kind of a field's values; undefined for a param, which may be of several. */
export const kindOf = (field: Field): ValueKind | undefined =>
  field._tag === "Param" ? undefined : field._tag === "Metric" ? "number" : field._tag === "Tag" ? "text" : RUN_FIELDS[field.name]

const EXAMPLES: { readonly [K in ValueKind]: string } = {
  text: "text in quotes",
  number: "a number",
  boolean: "true or false",
  date: "a date such as 2026-11-26 or now - 7d",
  duration: "a duration such as 90s or 1h30m"
}

export const STATUSES: ReadonlyArray<string> = ["pending", "running", "completed", "failed", "interrupted", "crashed"]

/** Why a field cannot be compared so; undefined where it can. */
export const refusal = (field: Field, comparison: Comparison | "like", kind: ValueKind, value?: FilterValue): string | undefined => {
  const expected = kindOf(field)
  if (expected === undefined) {
    if (kind === "date" || kind === "duration") return "a param is text, a number or true or false: put a date in quotes as it is recorded, a duration as its number"
  } else if (expected !== kind) return `this is compared with ${EXAMPLES[expected]}`
  if (kind === "boolean" && comparison !== "=" && comparison !== "!=") return "true and false have no order; write = or !="
  if (field._tag === "Run" && field.name === "status" && comparison !== "like" && !STATUSES.includes(String(value))) {
    return `there is no such status; there are ${STATUSES.join(", ")}`
  }
  return undefined
}
