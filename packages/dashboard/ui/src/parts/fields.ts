/** Fields of runs as the page shows them: their names, values of a row, and what a person reads. */
import { formatDuration, formatNumber, MISSING } from "@uniflow/compare"
import type { FieldList, RunRow } from "../api.ts"
import { tagName } from "./conditions.ts"

/** Fields out of a list with commas; names in backticks may hold some. */
export const splitFields = (text: string | undefined): ReadonlyArray<string> =>
  (text?.match(/(?:`(?:[^`]|``)*`|[^,`])+/g) ?? []).map((field) => field.trim()).filter((field) => field !== "")

/** What stands over a column: `params.learningRate` is `learningRate`. */
export const fieldLabel = (field: string): string => {
  const named: Record<string, string> = { "run.status": "status", "run.started": "started", "run.duration": "took", "run.created": "created" }
  return named[field] ?? field.replace(/^(?:params|metrics|tags|run)\./, "").replaceAll("`", "")
}

/** What a field belongs to, such as `params`. */
export const fieldKind = (field: string): string => field.split(".", 1)[0]!

/** Fields of every run that need no asking. */
export const rowFields: ReadonlyArray<string> = ["run.status", "run.started", "run.duration", "run.created", "run.experiment", "run.pipeline", "run.parent", "run.attempts", "tags", "note"]

const ofRow: { readonly [field: string]: (row: RunRow) => unknown } = {
  "run.status": (row) => row.status,
  "run.started": (row) => row.startedAtMs,
  "run.created": (row) => row.createdAtMs,
  "run.duration": (row) => (row.endedAtMs === null ? undefined : row.endedAtMs - row.startedAtMs),
  "run.experiment": (row) => row.experiment,
  "run.pipeline": (row) => row.pipeline,
  "run.parent": (row) => row.parent ?? undefined,
  "run.attempts": (row) => row.attempts,
  note: (row) => row.note ?? undefined
}

export const isRowField = (field: string): boolean => Object.hasOwn(ofRow, field) || field === "tags"

export const valueOf = (row: RunRow, field: string): unknown =>
  Object.hasOwn(ofRow, field) ? ofRow[field]!(row) : field.startsWith("tags.") ? row.tags[tagName(field)] : row.values[field]

/** The first line of an error; which step of which run it was, the row says. */
export const errorText = ({ message, step }: { readonly step: string | null; readonly message: string }): string => {
  const said = message.replace(/^Step ".*?" of run ".*?" failed: /, "")
  return step === null ? said : `${step}: ${said}`
}

/** Ids of a sweep begin alike: what is too long loses its middle. */
export const shortId = (id: string, most = 24): string => (id.length <= most ? id : `${id.slice(0, most - 8)}…${id.slice(-7)}`)

/** The number behind a value; the texts that JSON has for what it lacks are numbers, too. */
export const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" ? value : value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : undefined

export const isSortable = (field: string): boolean => field !== "tags" && field !== "note"

/** A value as people read it. */
export const formatValue = (field: string, value: unknown): string => {
  if (value === undefined || value === null) return MISSING
  if (field === "run.duration" && typeof value === "number") return formatDuration(value)
  const number = field.startsWith("tags.") ? undefined : numberOf(value)
  if (number !== undefined) return formatNumber(number)
  return typeof value === "string" ? value : JSON.stringify(value)
}

/** The columns of a table that nobody arranged yet: what varies. */
export const defaultColumns = (list: FieldList, withExperiment: boolean): ReadonlyArray<string> => {
  const varying = list.fields.filter(({ varies }) => varies).map(({ field }) => field)
  const of = (kind: string, most: number) => varying.filter((field) => fieldKind(field) === kind).slice(0, most)
  return ["run.status", ...withExperiment ? ["run.experiment"] : [], "run.started", "run.duration", ...of("params", 8), ...of("metrics", 8), "tags", "note"]
}

/** The metrics that have curves, those with a goal first. */
export const curveMetrics = (list: FieldList): ReadonlyArray<string> =>
  list.fields.filter(({ curve }) => curve).toSorted((a, b) => Number(b.goal !== null) - Number(a.goal !== null)).map(({ field }) => field.slice("metrics.".length))
