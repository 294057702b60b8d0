/** Which of many names are chosen, and in which order: a list to tick, to search and to move about in, in a popover. */
import { Popover } from "@base-ui/react/popover"
import { useState } from "react"

const MOST_SHOWN = 200

export interface ChoiceProps {
  readonly label: string
  readonly all: ReadonlyArray<string>
  readonly chosen: ReadonlyArray<string>
  readonly onChange: (chosen: ReadonlyArray<string>) => void
  readonly onReset?: (() => void) | undefined
  /** Is told what is searched for, where not all names are here. */
  readonly onSearch?: ((text: string) => void) | undefined
}

const moved = (names: ReadonlyArray<string>, name: string, by: number): ReadonlyArray<string> => {
  const at = names.indexOf(name)
  return names.with(at, names[at + by]!).with(at + by, name)
}

export const Choice = ({ all, chosen, label, onChange, onReset, onSearch }: ChoiceProps) => {
  const [search, setSearch] = useState("")
  const matching = (name: string): boolean => name.toLowerCase().includes(search.toLowerCase())
  const rest = all.filter((name) => !chosen.includes(name) && matching(name))
  const small = "size-6 shrink-0 rounded text-soft hover:text-ink disabled:invisible"
  return (
    <Popover.Portal>
      <Popover.Positioner sideOffset={6} align="start" className="z-30">
        <Popover.Popup aria-label={label} className="flex max-h-96 w-80 max-w-[calc(100vw-2rem)] flex-col rounded border border-line bg-paper text-small shadow-lg">
          <div className="flex gap-2 border-b border-line p-2">
            <input type="search" aria-label={`Search ${label.toLowerCase()}`} placeholder="Search" value={search} onChange={(event) => {
              setSearch(event.target.value)
              onSearch?.(event.target.value)
            }} className="min-w-0 grow rounded border border-line bg-paper px-2 py-1" />
            {onReset === undefined ? null : <button type="button" className="rounded border border-line px-2 hover:bg-band" onClick={onReset}>Default</button>}
          </div>
          <ul className="overflow-y-auto p-1">
            {chosen.filter(matching).map((name) => (
              <li key={name} className="flex items-center rounded px-1 hover:bg-band">
                <label className="flex min-w-0 grow items-center gap-2 py-1"><input type="checkbox" className="accent-accent" checked onChange={() => onChange(chosen.filter((one) => one !== name))} /><span className="truncate" title={name}>{name}</span></label>
                <button type="button" className={small} aria-label={`Move ${name} up`} disabled={chosen[0] === name} onClick={() => onChange(moved(chosen, name, -1))}>↑</button>
                <button type="button" className={small} aria-label={`Move ${name} down`} disabled={chosen.at(-1) === name} onClick={() => onChange(moved(chosen, name, 1))}>↓</button>
              </li>
            ))}
            {rest.slice(0, MOST_SHOWN).map((name, n) => (
              <li key={name} className={`${n === 0 && chosen.length > 0 ? "mt-1 border-t border-line" : ""} rounded px-1 hover:bg-band`}>
                <label className="flex items-center gap-2 py-1"><input type="checkbox" className="accent-accent" checked={false} onChange={() => onChange([...chosen, name])} /><span className="truncate" title={name}>{name}</span></label>
              </li>
            ))}
            {rest.length > MOST_SHOWN ? <li className="px-1 py-1 text-soft">{rest.length - MOST_SHOWN} more: search for them.</li> : null}
          </ul>
        </Popover.Popup>
      </Popover.Positioner>
    </Popover.Portal>
  )
}
