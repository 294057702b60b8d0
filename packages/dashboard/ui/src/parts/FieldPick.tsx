/** One field out of many: a button that tells which, and a list to search in a popover. */
import { Popover } from "@base-ui/react/popover"
import { useState } from "react"
import { fieldLabel } from "./fields.ts"

const MOST_SHOWN = 100

export interface FieldPickProps {
  readonly label: string
  readonly all: ReadonlyArray<string>
  readonly value: string
  readonly onChange: (field: string) => void
  /** Is told what is searched for, where not all names are here. */
  readonly onSearch: (text: string) => void
  /** What stands for the empty name, where it can be chosen. */
  readonly none?: string
}

export const FieldPick = ({ all, label, none, onChange, onSearch, value }: FieldPickProps) => {
  const [open, setOpen] = useState(false)
  const [search, setSearch] = useState("")
  const names = [...none === undefined ? [] : [""], ...all].filter((name) => (name || none || "").toLowerCase().includes(search.toLowerCase()))
  const nameOf = (name: string): string => (name === "" ? none ?? "" : name)
  const pick = (name: string): void => {
    onChange(name)
    setOpen(false)
  }
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className="flex min-h-7 max-w-56 items-center gap-1.5 rounded border border-line bg-paper px-2 py-0.5 hover:bg-band" title={nameOf(value)}>
        <span className="text-soft">{label}</span><span className="truncate">{value === "" ? none : fieldLabel(value)}</span><span aria-hidden="true" className="text-soft">▾</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="start" className="z-30">
          <Popover.Popup aria-label={label} className="flex max-h-80 w-72 max-w-[calc(100vw-2rem)] flex-col rounded border border-line bg-paper text-small shadow-lg">
            <div className="border-b border-line p-2">
              <input type="search" aria-label={`Search a field for ${label}`} placeholder="Search" value={search} className="w-full rounded border border-line bg-paper px-2 py-1" onChange={(event) => {
                setSearch(event.target.value)
                onSearch(event.target.value)
              }} onKeyDown={(event) => event.key === "Enter" && names[0] !== undefined ? pick(names[0]) : undefined} />
            </div>
            <ul className="overflow-y-auto p-1">
              {names.slice(0, MOST_SHOWN).map((name) => (
                <li key={name}><button type="button" aria-pressed={name === value} className={`min-h-7 w-full truncate rounded px-2 text-left hover:bg-band ${name === value ? "font-semibold" : ""}`} onClick={() => pick(name)}>{nameOf(name)}</button></li>
              ))}
              {names.length > MOST_SHOWN ? <li className="px-2 py-1 text-soft">{names.length - MOST_SHOWN} more: search for them.</li> : null}
            </ul>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  )
}
