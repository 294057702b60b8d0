/** Runs in rows, of which only those in view are in the page, and so for columns. What it shows is given; it keeps nothing but where it is scrolled. */
import { Link } from "@tanstack/react-router"
import { useVirtualizer } from "@tanstack/react-virtual"
import { type CSSProperties, type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react"
import type { RunRow } from "../api.ts"
import { EditText } from "./EditText.tsx"
import { fieldKind, fieldLabel, formatValue, errorText, isSortable, numberOf, shortId, valueOf } from "./fields.ts"
import { pointAtRun, runColor, toggleRun, useHiddenRuns, usePointedRun } from "./runLook.ts"
import { Status } from "./Status.tsx"
import { isEditable, tagChanges, tagText } from "./tagText.ts"
import { When } from "./When.tsx"

const ROW = 36
const HEAD = 52
const NARROWEST = 60
const WIDEST = 800

export type Goals = ReadonlyMap<string, "maximize" | "minimize">

export interface Sort {
  readonly field: string
  readonly direction: "asc" | "desc"
}

export interface Change {
  readonly tags?: { readonly [name: string]: string | null }
  readonly note?: string | null
}

export interface RunsTableProps {
  readonly rows: ReadonlyArray<RunRow>
  readonly columns: ReadonlyArray<string>
  readonly widths: { readonly [field: string]: number }
  readonly sort: Sort | undefined
  readonly goals: Goals
  readonly selected: ReadonlySet<string>
  /** The runs whose curves are above. */
  readonly drawn: ReadonlySet<string>
  readonly baselines: ReadonlySet<string>
  readonly hasMore: boolean
  readonly onMore: () => void
  readonly onSort: (field: string) => void
  readonly onWidth: (field: string, width: number) => void
  readonly onMove: (field: string, before: string) => void
  readonly onSelect: (ids: ReadonlyArray<string>, on: boolean) => void
  readonly onChange: (run: RunRow, change: Change) => void
}

/** The width of a column that nobody resized. */
const widthOf = (field: string, errors: boolean): number =>
  field === "tags" ? 220 : field === "note" ? 240 : field === "run.status" ? (errors ? 260 : 124) : field === "run.duration" || field === "run.started" ? 112 : Math.min(220, Math.max(104, fieldLabel(field).length * 8 + 40))

interface Figures {
  readonly low: number
  readonly high: number
  readonly best: number | undefined
}

const figuresOf = (rows: ReadonlyArray<RunRow>, field: string, goal: "maximize" | "minimize" | undefined): Figures | undefined => {
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

const Cell = ({ field, figures, onChange, row }: { readonly row: RunRow; readonly field: string; readonly figures: Figures | undefined; readonly onChange: RunsTableProps["onChange"] }) => {
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
    const name = field.slice("tags.".length).replace(/^`(.*)`$/s, "$1").replaceAll("``", "`")
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
const barOf = (row: RunRow, field: string, figures: Figures | undefined): CSSProperties | undefined => {
  const value = figures === undefined || isTimed(field) ? undefined : numberOf(valueOf(row, field))
  if (figures === undefined || value === undefined || !Number.isFinite(value) || figures.low === figures.high) return undefined
  const part = ((value - figures.low) / (figures.high - figures.low)) * 100
  return { backgroundImage: "linear-gradient(var(--bar), var(--bar))", backgroundRepeat: "no-repeat", backgroundPosition: "8px calc(100% - 4px)", backgroundSize: `calc((100% - 16px) * ${(part / 100).toFixed(4)}) 2px` }
}

const Header = ({ draggedField, field, goal, numeric, onMove, onSort, onWidth, sort, width }: Pick<RunsTableProps, "onMove" | "onSort" | "onWidth" | "sort"> & {
  readonly field: string
  readonly goal: "maximize" | "minimize" | undefined
  readonly width: number
  readonly numeric: boolean
  readonly draggedField: { current: string | undefined }
}) => {
  const sorted = sort?.field === field ? sort.direction : undefined
  const resize = (event: PointerEvent<HTMLElement>): void => {
    event.preventDefault()
    event.stopPropagation()
    const handle = event.currentTarget
    const from = event.clientX
    handle.setPointerCapture(event.pointerId)
    const move = (moved: globalThis.PointerEvent): void => onWidth(field, Math.min(WIDEST, Math.max(NARROWEST, width + moved.clientX - from)))
    handle.addEventListener("pointermove", move)
    handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), { once: true })
  }
  const kind = fieldKind(field)
  return (
    <>
      <button
        type="button"
        disabled={!isSortable(field)}
        draggable
        title={`${field}${goal === undefined ? "" : ` (${goal})`}`}
        className={`flex h-full w-full min-w-0 flex-col justify-center px-2 ${numeric ? "items-end text-right" : "items-start text-left"} ${isSortable(field) ? "hover:text-ink" : ""}`}
        onClick={() => onSort(field)}
        onDragStart={(event) => {
          draggedField.current = field
          event.dataTransfer.effectAllowed = "move"
        }}
        onDragOver={(event) => event.preventDefault()}
        onDrop={() => draggedField.current === undefined || draggedField.current === field ? undefined : onMove(draggedField.current, field)}
      >
        <span className="max-w-full truncate text-soft">{kind === "run" || kind === "tags" && field === "tags" || kind === "note" ? "" : kind === "metrics" ? (goal === undefined ? "metric" : `metric ${goal === "maximize" ? "▲" : "▼"}`) : kind === "params" ? "param" : "tag"}</span>
        <span className="flex max-w-full gap-1 font-semibold text-ink"><span className="truncate">{fieldLabel(field)}</span>{sorted === undefined ? null : <span aria-hidden="true" className="text-accent">{sorted === "asc" ? "↑" : "↓"}</span>}</span>
      </button>
      <span
        role="separator"
        aria-orientation="vertical"
        aria-label={`Width of ${fieldLabel(field)}`}
        aria-valuenow={width}
        aria-valuemin={NARROWEST}
        aria-valuemax={WIDEST}
        tabIndex={0}
        className="absolute inset-y-2 right-0 w-2 cursor-col-resize touch-none border-r border-line hover:border-r-2 hover:border-accent"
        onPointerDown={resize}
        onKeyDown={(event) => {
          if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return
          event.preventDefault()
          onWidth(field, Math.min(WIDEST, Math.max(NARROWEST, width + (event.key === "ArrowLeft" ? -16 : 16))))
        }}
      />
    </>
  )
}

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

/** Up and down go from run to run. */
const moveFocus = (event: KeyboardEvent<HTMLElement>): void => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
  if (!(event.target instanceof HTMLElement) || event.target.dataset["run"] === undefined) return
  const row = Number(event.target.dataset["run"]) + (event.key === "ArrowDown" ? 1 : -1)
  const next = event.currentTarget.querySelector<HTMLElement>(`[data-run="${row}"]`)
  if (next === null) return
  event.preventDefault()
  next.focus()
}

export const RunsTable = (props: RunsTableProps) => {
  const { baselines, columns, drawn, goals, hasMore, onChange, onMore, onSelect, rows, selected, widths } = props
  const scroller = useRef<HTMLDivElement>(null)
  const draggedField = useRef<string>(undefined)
  const lastTicked = useRef<number>(undefined)
  const hidden = useHiddenRuns()
  const pointed = usePointedRun()
  const wide = useWide()
  const first = wide ? 290 : 190
  const errors = rows.some(({ error }) => error !== null)
  const sizes = columns.map((field) => widths[field] ?? widthOf(field, errors))
  const total = first + sizes.reduce((sum, size) => sum + size, 0)

  const rowItems = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12, getItemKey: (n) => rows[n]!.id, paddingStart: HEAD })
  const columnItems = useVirtualizer({ horizontal: true, count: columns.length, getScrollElement: () => scroller.current, estimateSize: (n) => sizes[n]!, overscan: 3, paddingStart: first, getItemKey: (n) => columns[n]! })
  const layout = sizes.join()
  useEffect(() => columnItems.measure(), [layout, first, columnItems])

  const shownRows = rowItems.getVirtualItems()
  const shownColumns = columnItems.getVirtualItems()
  const lastShown = shownRows.at(-1)?.index ?? 0
  useEffect(() => {
    if (hasMore && lastShown >= rows.length - 30) onMore()
  }, [hasMore, lastShown, rows.length, onMore])

  const figures = useMemo(() => new Map(columns.filter((field) => fieldKind(field) !== "tags" && field !== "note").map((field) => [field, figuresOf(rows, field, goals.get(field))])), [rows, columns, goals])
  const allTicked = rows.length > 0 && rows.every(({ id }) => selected.has(id))
  const offset = (shownColumns[0]?.start ?? first) - first
  const sticky = "sticky left-0 z-10 flex shrink-0 items-center gap-1 border-r border-line pr-2 pl-2"

  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="region"
      aria-label="Runs, to scroll"
      className="relative overflow-auto rounded border border-line text-small [overflow-anchor:none]"
      style={{ height: `min(max(calc(100vh - 12rem), 20rem), ${rowItems.getTotalSize() + 18}px)` }}
      onKeyDown={moveFocus}
      onMouseLeave={() => pointAtRun(undefined)}
    >
      <div role="table" aria-label="Runs" aria-rowcount={hasMore ? -1 : rows.length + 1} aria-colcount={columns.length + 1} style={{ width: total, minWidth: "100%", height: rowItems.getTotalSize() }} className="relative">
        <div role="rowgroup" className="sticky top-0 z-20">
          <div role="row" aria-rowindex={1} className="flex border-b border-line bg-paper" style={{ height: HEAD }}>
            <div role="columnheader" aria-colindex={1} className={`${sticky} bg-paper font-semibold`} style={{ width: first }}>
              <input type="checkbox" aria-label="Select all that are loaded" className="m-1 size-4 shrink-0 accent-accent" checked={allTicked} onChange={() => onSelect(rows.map(({ id }) => id), !allTicked)} />
              <span className="pl-7">run</span>
            </div>
            {shownColumns.map(({ index, key, size }, n) => {
              const field = columns[index]!
              return (
                <div key={key} role="columnheader" aria-colindex={index + 2} aria-sort={props.sort?.field === field ? (props.sort.direction === "asc" ? "ascending" : "descending") : undefined} className="relative shrink-0" style={{ width: size, marginLeft: n === 0 ? offset : 0 }}>
                  <Header field={field} width={size} goal={goals.get(field)} numeric={figures.get(field) !== undefined || field === "run.duration"} sort={props.sort} onSort={props.onSort} onWidth={props.onWidth} onMove={props.onMove} draggedField={draggedField} />
                </div>
              )
            })}
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
                {shownColumns.map(({ index: at, key: columnKey, size }, n) => {
                  const field = columns[at]!
                  return (
                    <div key={columnKey} role="cell" aria-colindex={at + 2} className="flex min-w-0 shrink-0 items-center overflow-hidden px-2 whitespace-nowrap" style={{ width: size, marginLeft: n === 0 ? offset : 0, ...barOf(row, field, figures.get(field)) }}>
                      <Cell row={row} field={field} figures={figures.get(field)} onChange={onChange} />
                    </div>
                  )
                })}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
