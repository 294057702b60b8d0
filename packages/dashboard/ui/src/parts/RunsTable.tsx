/** Runs in rows, of which only those in view are in the page, and so for columns. What it shows is given; it keeps nothing but where it is scrolled. */
import { Link } from "@tanstack/react-router"
import { useVirtualizer } from "@tanstack/react-virtual"
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react"
import type { RunRow } from "../api.ts"
import { ColumnHeader, type Sort } from "./ColumnHeader.tsx"
import { type ColumnActions, ColumnMenu } from "./ColumnMenu.tsx"
import { fieldKind, fieldLabel, shortId } from "./fields.ts"
import { barOf, type Change, figuresOf, RunCell } from "./RunCell.tsx"
import { pointAtRun, runColor, toggleRun, useHiddenRuns, usePointedRun } from "./runLook.ts"

const ROW = 36
const HEAD = 52
/** The part of the table that pinned columns may take. */
const MOST_PINNED = 0.6

export type Goals = ReadonlyMap<string, "maximize" | "minimize">

export interface RunsTableProps extends ColumnActions {
  readonly rows: ReadonlyArray<RunRow>
  /** Those that are pinned come first. */
  readonly columns: ReadonlyArray<string>
  readonly pinned: ReadonlyArray<string>
  readonly widths: { readonly [field: string]: number }
  readonly sort: Sort | undefined
  readonly where: string
  readonly goals: Goals
  readonly selected: ReadonlySet<string>
  /** The runs whose curves are above. */
  readonly drawn: ReadonlySet<string>
  readonly baselines: ReadonlySet<string>
  readonly hasMore: boolean
  readonly onMore: () => void
  readonly onSort: (field: string) => void
  readonly onWidth: (field: string, width: number) => void
  readonly onSelect: (ids: ReadonlyArray<string>, on: boolean) => void
  readonly onChange: (run: RunRow, change: Change) => void
}

/** The width of a column that nobody resized. */
const widthOf = (field: string, errors: boolean): number =>
  field === "tags" ? 220 : field === "note" ? 240 : field === "run.status" ? (errors ? 260 : 124) : field === "run.duration" || field === "run.started" ? 112 : Math.min(220, Math.max(104, fieldLabel(field).length * 8 + 56))

const useWide = (): boolean => {
  const [wide, setWide] = useState(() => matchMedia("(min-width: 640px)").matches)
  useEffect(() => {
    const query = matchMedia("(min-width: 640px)")
    const changed = (): void => setWide(query.matches)
    query.addEventListener("change", changed)
    return () => query.removeEventListener("change", changed)
  }, [])
  return wide
}

export const RunsTable = (props: RunsTableProps) => {
  const { baselines, columns, drawn, goals, hasMore, onChange, onMore, onMove, onSelect, onWidth, pinned, rows, selected, widths } = props
  const scroller = useRef<HTMLDivElement>(null)
  const dragged = useRef<string>(undefined)
  const lastTicked = useRef<number>(undefined)
  const [resizing, setResizing] = useState<{ readonly field: string; readonly width: number }>()
  const [menu, setMenu] = useState<{ readonly field: string; readonly anchor: Element }>()
  const hidden = useHiddenRuns()
  const pointed = usePointedRun()
  const wide = useWide()
  const first = wide ? 290 : 190
  const errors = rows.some(({ error }) => error !== null)
  const sizes = columns.map((field) => (resizing?.field === field ? resizing.width : widths[field] ?? widthOf(field, errors)))
  const total = first + sizes.reduce((sum, size) => sum + size, 0)

  const rowItems = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12, getItemKey: (n) => rows[n]!.id, paddingStart: HEAD })
  // Pinned columns stick as long as there is room for others beside them.
  const room = wide ? (rowItems.scrollRect?.width ?? 1200) * MOST_PINNED : 0
  let stuck = 0
  let stuckWidth = first
  while (stuck < columns.length && pinned.includes(columns[stuck]!) && stuckWidth + sizes[stuck]! <= room) stuckWidth += sizes[stuck++]!
  const columnItems = useVirtualizer({ horizontal: true, count: columns.length - stuck, getScrollElement: () => scroller.current, estimateSize: (n) => sizes[n + stuck]!, overscan: 3, paddingStart: stuckWidth, getItemKey: (n) => columns[n + stuck]! })
  const layout = `${stuckWidth} ${sizes.join()}`
  useEffect(() => columnItems.measure(), [layout, columnItems])

  const shownRows = rowItems.getVirtualItems()
  const moving = columnItems.getVirtualItems()
  const gap = (moving[0]?.start ?? stuckWidth) - stuckWidth
  /** The columns in the page: where those that stick stand, and how far the first of the others is moved. */
  const shown = [
    ...columns.slice(0, stuck).map((field, n) => ({ field, at: n, width: sizes[n]!, left: first + sizes.slice(0, n).reduce((sum, size) => sum + size, 0), margin: 0 })),
    ...moving.map(({ index }, n) => ({ field: columns[index + stuck]!, at: index + stuck, width: sizes[index + stuck]!, left: undefined, margin: n === 0 ? gap : 0 }))
  ].filter(({ field }) => field !== undefined)
  const lastShown = shownRows.at(-1)?.index ?? 0
  useEffect(() => {
    if (hasMore && lastShown >= rows.length - 30) onMore()
  }, [hasMore, lastShown, rows.length, onMore])

  const figures = useMemo(() => new Map(columns.filter((field) => fieldKind(field) !== "tags" && field !== "note").map((field) => [field, figuresOf(rows, field, goals.get(field))])), [rows, columns, goals])
  const allTicked = rows.length > 0 && rows.every(({ id }) => selected.has(id))
  const sticky = "sticky left-0 z-10 flex shrink-0 items-center gap-1 border-r border-line pr-2 pl-2"

  /** A moved header keeps the focus. */
  const focusColumn = (field: string): void => void requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-column="${CSS.escape(field)}"]`)?.focus())
  const step = (field: string, by: -1 | 1): void => {
    const to = columns[columns.indexOf(field) + by]
    if (to === undefined) return
    onMove(field, to)
    focusColumn(field)
  }

  /** Up and down go from run to run, with Shift they select on the way; the space bar selects. */
  const onKeys = (event: KeyboardEvent<HTMLElement>): void => {
    const at = event.target instanceof HTMLElement ? Number(event.target.dataset["run"] ?? NaN) : NaN
    const row = rows[at]
    if (row === undefined) return
    if (event.key === " ") {
      event.preventDefault()
      onSelect([row.id], !selected.has(row.id))
      lastTicked.current = at
      return
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    const to = at + (event.key === "ArrowDown" ? 1 : -1)
    const next = event.currentTarget.querySelector<HTMLElement>(`[data-run="${to}"]`)
    if (next === null) return
    event.preventDefault()
    if (event.shiftKey) onSelect([row.id, rows[to]!.id], true)
    next.focus()
  }

  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="region"
      aria-label="Runs, to scroll"
      className="relative overflow-auto rounded border border-line text-small [overflow-anchor:none]"
      style={{ height: `min(max(calc(100vh - 12rem), 20rem), ${rowItems.getTotalSize() + 18}px)`, scrollPaddingLeft: stuckWidth, scrollPaddingTop: HEAD }}
      onKeyDown={onKeys}
      onMouseLeave={() => pointAtRun(undefined)}
    >
      <div role="table" aria-label="Runs" aria-rowcount={hasMore ? -1 : rows.length + 1} aria-colcount={columns.length + 1} style={{ width: total, minWidth: "100%", height: rowItems.getTotalSize() }} className="relative">
        <div role="rowgroup" className="sticky top-0 z-20">
          <div role="row" aria-rowindex={1} className="flex border-b border-line bg-paper" style={{ height: HEAD }}>
            <div role="columnheader" aria-colindex={1} className={`${sticky} bg-paper font-semibold`} style={{ width: first }}>
              <input type="checkbox" aria-label="Select all that are loaded" className="m-1 size-4 shrink-0 accent-accent" checked={allTicked} onChange={() => onSelect(rows.map(({ id }) => id), !allTicked)} />
              <span className="pl-7">run</span>
            </div>
            {shown.map(({ at, field, left, margin, width }) => (
              <div
                key={field}
                role="columnheader"
                aria-colindex={at + 2}
                aria-sort={props.sort?.field === field ? (props.sort.direction === "asc" ? "ascending" : "descending") : undefined}
                data-pinned={left === undefined ? undefined : true}
                className={left === undefined ? "relative shrink-0" : "sticky z-10 shrink-0 bg-paper"}
                style={{ width, marginLeft: margin, left }}
              >
                <ColumnHeader
                  field={field}
                  width={width}
                  goal={goals.get(field)}
                  numeric={figures.get(field) !== undefined || field === "run.duration"}
                  sort={props.sort}
                  dragged={dragged}
                  onSort={props.onSort}
                  onMove={onMove}
                  onStep={step}
                  onWidth={(_, next, isLast) => {
                    setResizing(isLast ? undefined : { field, width: next })
                    if (isLast) onWidth(field, next)
                  }}
                  onMenu={(_, anchor) => setMenu({ field, anchor })}
                />
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup">
          {shownRows.map(({ index, key, start }) => {
            const row = rows[index]!
            const isDrawn = drawn.has(row.id)
            const isHidden = hidden.has(row.id)
            const background = selected.has(row.id) ? "bg-[color-mix(in_srgb,var(--accent)_10%,var(--paper))]" : pointed === row.id ? "bg-band" : "bg-paper"
            return (
              <div
                key={key}
                role="row"
                aria-rowindex={index + 2}
                className={`absolute top-0 left-0 flex min-w-full border-b border-line/60 ${background}`}
                style={{ height: ROW, width: total, transform: `translateY(${start}px)` }}
                onMouseEnter={() => pointAtRun(row.id)}
                onFocus={() => pointAtRun(row.id)}
              >
                <div role="rowheader" aria-colindex={1} className={`${sticky} ${background}`} style={{ width: first }}>
                  <input
                    type="checkbox"
                    aria-label={`Select ${row.id}`}
                    className="m-1 size-4 shrink-0 accent-accent"
                    checked={selected.has(row.id)}
                    onChange={() => undefined}
                    onClick={(event) => {
                      const on = !selected.has(row.id)
                      const since = event.shiftKey ? lastTicked.current ?? index : index
                      onSelect(rows.slice(Math.min(since, index), Math.max(since, index) + 1).map(({ id }) => id), on)
                      lastTicked.current = index
                    }}
                  />
                  {isDrawn || isHidden
                    ? (
                      <button type="button" aria-pressed={!isHidden} aria-label={`Curves of ${row.id}`} title={isHidden ? "Show its curves" : "Hide its curves"} className="flex size-6 shrink-0 items-center justify-center" onClick={() => toggleRun(row.id)}>
                        <span aria-hidden="true" className="h-3 w-3 rounded-full border-2" style={{ borderColor: runColor(row.id), background: isHidden ? "transparent" : runColor(row.id) }} />
                      </button>
                    )
                    : <span aria-hidden="true" className="flex size-6 shrink-0 items-center justify-center"><span className="h-1 w-1 rounded-full bg-line" /></span>}
                  <Link to="/runs/$runId" params={{ runId: row.id }} data-run={index} title={row.id} aria-label={row.id} className="min-w-0 truncate no-underline hover:underline">{shortId(row.id, wide ? (baselines.has(row.id) ? 18 : 26) : 14)}</Link>
                  {baselines.has(row.id) ? <span className="shrink-0 rounded border border-accent px-1 text-accent" title="The pinned baseline of its experiment">baseline</span> : null}
                </div>
                {shown.map(({ at, field, left, margin, width }) => (
                  <div key={field} role="cell" aria-colindex={at + 2} className={`flex min-w-0 shrink-0 items-center overflow-hidden px-2 whitespace-nowrap ${left === undefined ? "" : `sticky z-10 border-r border-line/60 ${background}`}`} style={{ width, marginLeft: margin, left, ...barOf(row, field, figures.get(field)) }}>
                    <RunCell row={row} field={field} figures={figures.get(field)} onChange={onChange} />
                  </div>
                ))}
              </div>
            )
          })}
        </div>
      </div>
      {menu === undefined ? null : <ColumnMenu {...props} field={menu.field} anchor={menu.anchor} pinned={pinned.includes(menu.field)} onClose={() => setMenu(undefined)} />}
    </div>
  )
}
