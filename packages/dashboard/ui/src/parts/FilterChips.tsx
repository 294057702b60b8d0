/** Conditions as chips: what a filter asks for by "and" is taken away with one, values of params that few runs share are asked for with another, and any field is chosen to filter by. */
import { Popover } from "@base-ui/react/popover"
import { useState } from "react"
import type { RunRow } from "../api.ts"
import { conditionsOf, withConditions } from "./conditions.ts"
import { FieldFilter } from "./FieldFilter.tsx"
import { fieldKind, fieldLabel, valueOf } from "./fields.ts"

const MOST_VALUES = 5
const MOST_FIELDS = 3
const MOST_LISTED = 100

export interface FilterChipsProps {
  readonly where: string
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<RunRow>
  readonly onApply: (where: string) => void
}

/** Which column, and then what of it. */
const AddFilter = ({ columns, onApply, rows, where }: FilterChipsProps) => {
  const [field, setField] = useState<string>()
  const [open, setOpen] = useState(false)
  const [search, setSearch] = useState("")
  const begin = (next: boolean): void => {
    setOpen(next)
    setField(undefined)
    setSearch("")
  }
  const listed = columns.filter((name) => name !== "note" && name.toLowerCase().includes(search.toLowerCase())).slice(0, MOST_LISTED)
  return (
    <Popover.Root open={open} onOpenChange={begin}>
      <Popover.Trigger className="min-h-6 shrink-0 rounded-full border border-dashed border-line px-2 whitespace-nowrap text-soft hover:bg-band hover:text-ink">+ Filter</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="start" className="z-30">
          <Popover.Popup aria-label="Add a filter" className="flex max-h-96 w-72 max-w-[calc(100vw-2rem)] flex-col rounded border border-line bg-paper p-1 text-small shadow-lg">
            {field === undefined
              ? (
                <>
                  <input type="search" aria-label="Search columns to filter by" placeholder="A column" value={search} onChange={(event) => setSearch(event.target.value)} className="m-1 rounded border border-line bg-paper px-2 py-1" />
                  <ul className="overflow-y-auto">
                    {listed.map((name) => <li key={name}><button type="button" className="block w-full truncate rounded px-2 py-1 text-left hover:bg-band" onClick={() => setField(name)}>{name}</button></li>)}
                  </ul>
                </>
              )
              : (
                <div className="overflow-y-auto">
                  <p className="truncate px-2 py-1 font-semibold">{field}</p>
                  <FieldFilter
                    field={field}
                    rows={rows}
                    where={where}
                    onApply={(next) => {
                      begin(false)
                      onApply(next)
                    }}
                  />
                </div>
              )}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  )
}

export const FilterChips = ({ columns, onApply, rows, where }: FilterChipsProps) => {
  const taken = conditionsOf(where) ?? []
  const offered = columns.filter((field) => fieldKind(field) === "params").flatMap((field) => {
    const values = [...new Set(rows.flatMap((row) => {
      const value = valueOf(row, field)
      return typeof value === "string" && value.length <= 24 || typeof value === "number" || typeof value === "boolean" ? [value] : []
    }))]
    return values.length < 2 || values.length > MOST_VALUES ? [] : [values.toSorted((a, b) => (a < b ? -1 : 1)).map((value) => ({ field, value, condition: `${field} = ${JSON.stringify(value)}` }))]
  }).slice(0, MOST_FIELDS)
  const chip = "min-h-6 shrink-0 rounded-full border px-2 whitespace-nowrap"
  return (
    <div role="group" aria-label="Filters" className="flex max-w-full min-w-0 items-center gap-1.5 overflow-x-auto py-1 text-small">
      {taken.map((condition) => (
        <button key={condition} type="button" aria-label={`Without ${condition}`} className={`${chip} max-w-72 truncate border-accent text-accent hover:bg-band`} onClick={() => onApply(taken.filter((one) => one !== condition).join(" and "))}>
          {condition} <span aria-hidden="true">×</span>
        </button>
      ))}
      <AddFilter columns={columns} onApply={onApply} rows={rows} where={where} />
      {offered.map((values) => (
        <span key={values[0]!.field} className="hidden shrink-0 items-center gap-1 md:flex">
          <span className="pl-2 text-soft">{fieldLabel(values[0]!.field)}</span>
          {values.map(({ condition, field, value }) => (
            <button key={condition} type="button" aria-label={`Only ${fieldLabel(field)} ${value}`} className={`${chip} border-line hover:bg-band`} onClick={() => onApply(withConditions(where, [condition]))}>
              {String(value)}
            </button>
          ))}
        </span>
      ))}
    </div>
  )
}
