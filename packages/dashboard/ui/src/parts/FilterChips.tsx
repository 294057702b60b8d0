/** Values of params and tags that few runs share, to filter by with a click; what a filter asks for by "and" is taken away with another. */
import type { RunRow } from "../api.ts"
import { fieldKind, fieldLabel, valueOf } from "./fields.ts"

const MOST_VALUES = 5
const MOST_FIELDS = 3

/** The conditions that a filter joins by "and", where it is no more than that; texts in quotes stay whole. */
export const conditionsOf = (where: string): ReadonlyArray<string> | undefined => {
  const withoutTexts = where.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`/g, (text) => "x".repeat(text.length))
  if (/[()]|\bor\b|\bnot\b/.test(withoutTexts)) return undefined
  const conditions: Array<string> = []
  let from = 0
  for (const { 0: word, index } of withoutTexts.matchAll(/\s+and\s+/g)) {
    conditions.push(where.slice(from, index).trim())
    from = index + word.length
  }
  return [...conditions, where.slice(from).trim()].filter((condition) => condition !== "")
}

export interface FilterChipsProps {
  readonly where: string
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<RunRow>
  readonly onApply: (where: string) => void
}

export const FilterChips = ({ columns, onApply, rows, where }: FilterChipsProps) => {
  const conditions = conditionsOf(where)
  const taken = conditions ?? []
  const offered = columns.filter((field) => fieldKind(field) === "params").flatMap((field) => {
    const values = [...new Set(rows.flatMap((row) => {
      const value = valueOf(row, field)
      return typeof value === "string" && value.length <= 24 || typeof value === "number" || typeof value === "boolean" ? [value] : []
    }))]
    return values.length < 2 || values.length > MOST_VALUES ? [] : [values.toSorted((a, b) => (a < b ? -1 : 1)).map((value) => ({ field, value, condition: `${field} = ${JSON.stringify(value)}` }))]
  }).slice(0, MOST_FIELDS)
  const chip = "min-h-6 shrink-0 rounded-full border px-2 whitespace-nowrap"
  return (
    <div role="group" aria-label="Filters" className="hidden min-w-0 items-center gap-1.5 overflow-x-auto py-1 text-small md:flex">
      {taken.map((condition) => (
        <button key={condition} type="button" aria-label={`Without ${condition}`} className={`${chip} max-w-72 truncate border-accent text-accent hover:bg-band`} onClick={() => onApply(taken.filter((one) => one !== condition).join(" and "))}>
          {condition} <span aria-hidden="true">×</span>
        </button>
      ))}
      {offered.map((values) => (
        <span key={values[0]!.field} className="flex shrink-0 items-center gap-1">
          <span className="pl-2 text-soft">{fieldLabel(values[0]!.field)}</span>
          {values.map(({ condition, field, value }) => (
            <button key={condition} type="button" aria-label={`Only ${fieldLabel(field)} ${value}`} className={`${chip} border-line hover:bg-band`} onClick={() => onApply(where.trim() === "" ? condition : conditions === undefined ? `(${where}) and ${condition}` : [...conditions, condition].join(" and "))}>
              {String(value)}
            </button>
          ))}
        </span>
      ))}
    </div>
  )
}
