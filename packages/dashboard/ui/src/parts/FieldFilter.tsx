/** What to filter a field by: a range for numbers, durations and dates, and values that runs in view have. */
import { useState } from "react"
import type { RunRow } from "../api.ts"
import { rangeOf, tagField, withConditions, withRange } from "./conditions.ts"
import { fieldLabel, formatValue, numberOf, valueOf } from "./fields.ts"

const MOST_VALUES = 8
const AGES = ["1h", "1d", "7d", "30d"]

/** A field's values in these rows, those of most runs first, with the condition that asks for one. */
const valuesIn = (rows: ReadonlyArray<RunRow>, field: string): ReadonlyArray<{ readonly text: string; readonly condition: string; readonly runs: number }> => {
  const counts = new Map<string, { readonly text: string; readonly condition: string; runs: number }>()
  const see = (text: string, condition: string): void => {
    const known = counts.get(condition) ?? { text, condition, runs: 0 }
    known.runs++
    counts.set(condition, known)
  }
  for (const row of rows) {
    if (field === "tags") for (const [name, value] of Object.entries(row.tags)) see(`${name} ${value}`, `${tagField(name)} = ${JSON.stringify(value)}`)
    const value = valueOf(row, field)
    if (typeof value === "string" && value.length <= 200 || typeof value === "number" || typeof value === "boolean") see(formatValue(field, value), `${field} = ${JSON.stringify(value)}`)
  }
  return [...counts.values()].toSorted((a, b) => b.runs - a.runs)
}

const input = "w-full min-w-0 rounded border border-line bg-paper px-2 py-1 text-right"

const RangeForm = ({ field, limits, onApply, where }: { readonly field: string; readonly limits: readonly [low: number, high: number] | undefined; readonly where: string; readonly onApply: (where: string) => void }) => {
  const unit = field === "run.duration" ? "s" : ""
  const asked = rangeOf(where, field)
  const [from, setFrom] = useState(asked.from.replace(/s$/, ""))
  const [to, setTo] = useState(asked.to.replace(/s$/, ""))
  const bound = (text: string): string | undefined => (text.trim() === "" ? "" : Number.isFinite(Number(text)) ? `${Number(text)}${unit}` : undefined)
  const range = { from: bound(from), to: bound(to) }
  const shown = (value: number | undefined): string => (value === undefined ? "" : String(Number((unit === "" ? value : value / 1000).toPrecision(6))))
  return (
    <form
      className="flex items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (range.from !== undefined && range.to !== undefined) onApply(withRange(where, field, { from: range.from, to: range.to }))
      }}
    >
      <label className="min-w-0 grow"><span className="text-soft">from{unit === "" ? "" : " (s)"}</span><input inputMode="decimal" aria-label={`Least ${fieldLabel(field)}`} aria-invalid={range.from === undefined} placeholder={shown(limits?.[0])} value={from} onChange={(event) => setFrom(event.target.value)} className={input} /></label>
      <label className="min-w-0 grow"><span className="text-soft">to{unit === "" ? "" : " (s)"}</span><input inputMode="decimal" aria-label={`Most ${fieldLabel(field)}`} aria-invalid={range.to === undefined} placeholder={shown(limits?.[1])} value={to} onChange={(event) => setTo(event.target.value)} className={input} /></label>
      <button type="submit" className="shrink-0 rounded border border-line px-2 py-1 hover:bg-band">Only these</button>
    </form>
  )
}

export interface FieldFilterProps {
  readonly field: string
  readonly rows: ReadonlyArray<RunRow>
  readonly where: string
  readonly onApply: (where: string) => void
}

export const FieldFilter = ({ field, onApply, rows, where }: FieldFilterProps) => {
  const isTime = field === "run.started" || field === "run.created"
  const figures = rows.flatMap((row) => numberOf(valueOf(row, field)) ?? []).filter(Number.isFinite)
  const numeric = field === "run.duration" || !field.startsWith("tags") && figures.length > 0
  const values = isTime || field === "run.duration" ? [] : valuesIn(rows, field)
  const choice = "flex w-full items-baseline justify-between gap-3 rounded px-2 py-1 text-left hover:bg-band"
  const add = (condition: string): void => onApply(withConditions(where, [condition], isTime ? (one) => one.startsWith(`${field} > now - `) : undefined))
  return (
    <>
      {isTime ? AGES.map((age) => <button key={age} type="button" className={choice} onClick={() => add(`${field} > now - ${age}`)}>In the last {age}</button>) : null}
      {numeric && !isTime ? <div className="px-2 pt-1 pb-2"><RangeForm key={`${field} ${where}`} field={field} limits={figures.length === 0 ? undefined : [figures.reduce((a, b) => Math.min(a, b)), figures.reduce((a, b) => Math.max(a, b))]} where={where} onApply={onApply} /></div> : null}
      {/* Of numbers that are all different a range says more. */}
      {numeric && values.length > MOST_VALUES ? null : values.slice(0, MOST_VALUES).map(({ condition, runs, text }) => (
        <button key={condition} type="button" aria-label={`Only ${fieldLabel(field)} ${text}`} className={choice} onClick={() => add(condition)}><span className="truncate">{text}</span><span className="text-soft">{runs}</span></button>
      ))}
      {field === "tags" || field.startsWith("run.") ? null : (
        <>
          <button type="button" className={choice} onClick={() => add(`${field} is not null`)}>That have it</button>
          <button type="button" className={choice} onClick={() => add(`${field} is null`)}>That lack it</button>
        </>
      )}
    </>
  )
}
