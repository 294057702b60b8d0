/** Which of many names are chosen, and in which order: a list to tick, to search and to move about in, in a popover. */
import { Popover } from "@base-ui/react/popover"
import { useVirtualizer } from "@tanstack/react-virtual"
import { useState } from "react"

const ROW = 32

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

/** Of thousands of names those in view are in the page. */
const Names = ({ all, chosen, onChange, order }: { readonly all: ReadonlyArray<string>; readonly chosen: ReadonlyArray<string>; readonly order: ReadonlyArray<string>; readonly onChange: ChoiceProps["onChange"] }) => {
  // The popover comes after this does: an element that is kept as a state tells of itself.
  const [list, setList] = useState<HTMLUListElement | null>(null)
  const names = [...chosen, ...all]
  const items = useVirtualizer({ count: names.length, getScrollElement: () => list, estimateSize: () => ROW, overscan: 6, getItemKey: (n) => names[n]! })
  const small = "size-6 shrink-0 rounded text-soft hover:text-ink disabled:invisible"
  return (
    <ul ref={setList} className="relative h-80 overflow-y-auto p-1">
      <li aria-hidden="true" style={{ height: items.getTotalSize() }} />
      {items.getVirtualItems().map(({ index, key, start }) => {
        const name = names[index]!
        const on = index < chosen.length
        return (
          <li key={key} aria-setsize={names.length} aria-posinset={index + 1} className={`absolute inset-x-1 top-1 flex items-center rounded px-1 hover:bg-band ${index === chosen.length && index > 0 ? "border-t border-line" : ""}`} style={{ height: ROW, transform: `translateY(${start}px)` }}>
            <label className="flex min-w-0 grow items-center gap-2 py-1"><input type="checkbox" className="accent-accent" checked={on} onChange={() => onChange(on ? order.filter((one) => one !== name) : [...order, name])} /><span className="truncate" title={name}>{name}</span></label>
            {on ? (
              <>
                <button type="button" className={small} aria-label={`Move ${name} up`} disabled={order[0] === name} onClick={() => onChange(moved(order, name, -1))}>↑</button>
                <button type="button" className={small} aria-label={`Move ${name} down`} disabled={order.at(-1) === name} onClick={() => onChange(moved(order, name, 1))}>↓</button>
              </>
            ) : null}
          </li>
        )
      })}
    </ul>
  )
}

export const Choice = ({ all, chosen, label, onChange, onReset, onSearch }: ChoiceProps) => {
  const [search, setSearch] = useState("")
  const matching = (name: string): boolean => name.toLowerCase().includes(search.toLowerCase())
  const own = new Set(chosen)
  const rest = all.filter((name) => !own.has(name) && matching(name))
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
          <Names all={rest} chosen={chosen.filter(matching)} order={chosen} onChange={onChange} />
        </Popover.Popup>
      </Popover.Positioner>
    </Popover.Portal>
  )
}
