/** A run's value of a field in a table: what can be changed is changed where it stands. */
import type { CSSProperties } from "react"
import type { RunRow } from "../api.ts"
import { tagName } from "./conditions.ts"
import { EditText } from "./EditText.tsx"
import { errorText, fieldKind, formatValue, numberOf, valueOf } from "./fields.ts"
import { Status } from "./Status.tsx"
import { isEditable, tagChanges, tagText } from "./tagText.ts"
import { When } from "./When.tsx"

export interface Change {
  readonly tags?: { readonly [name: string]: string | null }
  readonly note?: string | null
}

export interface Figures {
  readonly low: number
  readonly high: number
  readonly best: number | undefined
}

export const figuresOf = (rows: ReadonlyArray<RunRow>, field: string, goal: "maximize" | "minimize" | undefined): Figures | undefined => {
  let [low, high] = [Infinity, -Infinity]
  for (const row of rows) {
    const value = numberOf(valueOf(row, field))
    if (value === undefined || !Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return low > high ? undefined : { low, high, best: goal === undefined ? undefined : goal === "maximize" ? high : low }
}

const isTimed = (field: string): boolean => field === "run.started" || field === "run.created"

export const RunCell = ({ field, figures, onChange, row }: { readonly row: RunRow; readonly field: string; readonly figures: Figures | undefined; readonly onChange: (run: RunRow, change: Change) => void }) => {
  if (field === "run.status") {
    return (
      <span className="flex min-w-0 items-baseline gap-2">
        <Status status={row.status} />
        {row.error === null ? null : <span className="min-w-0 truncate text-soft" title={row.error.message}>{errorText(row.error)}</span>}
      </span>
    )
  }
  if (field === "note") return <EditText label={`Note of ${row.id}`} value={row.note ?? ""} placeholder="Add a note" onSave={(text) => onChange(row, { note: text === "" ? null : text })} />
  if (field === "tags") {
    const chips = Object.entries(row.tags).map(([name, value]) => <span key={name} className="mr-1 rounded bg-band px-1.5 py-0.5 ring-1 ring-line ring-inset"><span className="text-soft">{name}</span> {value}</span>)
    return isEditable(row.tags)
      ? <EditText label={`Tags of ${row.id}`} value={tagText(row.tags)} placeholder="Add tags: name=value" onSave={(text) => onChange(row, { tags: tagChanges(row.tags, text) })}>{chips}</EditText>
      : <span className="truncate">{chips}</span>
  }
  if (fieldKind(field) === "tags") {
    const name = tagName(field)
    return <EditText label={`Tag ${name} of ${row.id}`} value={row.tags[name] ?? ""} placeholder="Add" onSave={(text) => onChange(row, { tags: { [name]: text === "" ? null : text } })} />
  }
  if (isTimed(field)) return <span className="ml-auto text-soft"><When atMs={field === "run.started" ? row.startedAtMs : row.createdAtMs} /></span>
  const value = valueOf(row, field)
  const number = numberOf(value)
  const text = formatValue(field, value)
  if (number === undefined) return <span className={`truncate ${value === undefined ? "text-soft" : ""} ${figures === undefined ? "" : "ml-auto"}`} title={value === undefined ? undefined : text}>{text}</span>
  const best = figures?.best === number
  return <span title={String(number)} className={`ml-auto ${best ? "font-bold" : ""}`}>{text}{best ? <span className="sr-only"> (best)</span> : null}</span>
}

/** A faint bar under a number that tells where in its column's range it is. */
export const barOf = (row: RunRow, field: string, figures: Figures | undefined): CSSProperties | undefined => {
  const value = figures === undefined || isTimed(field) ? undefined : numberOf(valueOf(row, field))
  if (figures === undefined || value === undefined || !Number.isFinite(value) || figures.low === figures.high) return undefined
  const part = ((value - figures.low) / (figures.high - figures.low)) * 100
  return { backgroundImage: "linear-gradient(var(--bar), var(--bar))", backgroundRepeat: "no-repeat", backgroundPosition: "8px calc(100% - 4px)", backgroundSize: `calc((100% - 16px) * ${(part / 100).toFixed(4)}) 2px` }
}
