/**
 * What a field can be compared with.
 */
import { InvalidInput } from "../UniflowError.ts"
import { type Comparison, type Field, type Filter, type FilterValue, LIMITS, type Order, RUN_FIELDS } from "./filterModel.ts"

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

const fieldsOf = (filter: Filter): ReadonlyArray<Field> =>
  filter._tag === "And" || filter._tag === "Or" ? filter.filters.flatMap(fieldsOf) : filter._tag === "Not" ? fieldsOf(filter.filter) : [filter.field]

/** Refuses what looks at more fields than a database joins; a metric's name counts once for each way to read it. */
export const checkFields = (where: Filter, orderBy: ReadonlyArray<Order>): void => {
  const costs = new Map<string, number>()
  for (const field of [...fieldsOf(where), ...orderBy.map(({ field }) => field)]) {
    costs.set(JSON.stringify(field), field._tag === "Metric" ? field.name.split(".").length : 1)
  }
  const cost = [...costs.values()].reduce((sum, one) => sum + one, 0)
  if (cost > LIMITS.fields) throw new InvalidInput({ what: "The filter and the order", issue: `they look at more than ${LIMITS.fields} different fields; ask for less at a time` })
}
