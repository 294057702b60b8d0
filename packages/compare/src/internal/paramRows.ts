/** Rows for params: exact values, and of objects only the members that differ. */
import type { ParamValues } from "@uniflow/core"
import type { ComparedParam } from "../Comparison.ts"
import { MISSING, shortenHashes } from "../Format.ts"
import { allNames, compared } from "./comparing.ts"
import type { ReportCell, ReportRow } from "./report.ts"

type Json = ParamValues[string]
type JsonObject = { readonly [name: string]: Json }

const isObject = (value: Json): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value)

/** Text that could be taken for another value (`"0.1"`, `"true"`, `""`) keeps its quotes. */
const isPlain = (text: string): boolean => {
  if (text.trim() !== text || text === "" || text === MISSING) return false
  try {
    JSON.parse(text)
    return false
  } catch {
    return true
  }
}

const cellOf = (value: Json | undefined): ReportCell => {
  if (value === undefined) return { kind: "word", text: MISSING, tone: "faint" }
  if (typeof value === "number") return { kind: "figure", text: String(value) }
  if (typeof value === "string" && isPlain(value)) return { kind: "stored", text: value }
  if (isObject(value) && typeof value["$redacted"] === "string") return { kind: "stored", text: `redacted ${shortenHashes(value["$redacted"])}` }
  return { kind: "stored", text: JSON.stringify(value) }
}

/** The rows of a param; objects that differ are followed down to the members that do. */
export const paramRows = ({ differs, name, values }: Pick<ComparedParam, "differs" | "name" | "values">): ReadonlyArray<ReportRow> => {
  const objects = values.filter((value) => value !== undefined && isObject(value) && !Object.hasOwn(value, "$redacted"))
  if (!differs || objects.length < values.length) return [{ label: { kind: "stored", text: name }, cells: values.map(cellOf) }]
  const members = values.map((value) => new Map(Object.entries(value ?? {})))
  return allNames(members.map((one) => one.keys())).flatMap((member) => {
    const under = compared<Json>(members.map((one) => one.get(member)))
    return under.differs ? paramRows({ name: `${name}.${member}`, ...under }) : []
  })
}
