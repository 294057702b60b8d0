/** The header of a column: sorts, is dragged to move the column (or moved with Alt and an arrow key), and has its width at its edge and a menu. */
import { type PointerEvent, useState } from "react"
import { fieldKind, fieldLabel, isSortable } from "./fields.ts"

export const NARROWEST = 60
export const WIDEST = 800

export interface Sort {
  readonly field: string
  readonly direction: "asc" | "desc"
}

const bounded = (width: number): number => Math.min(WIDEST, Math.max(NARROWEST, width))

const kindText = (field: string, goal: "maximize" | "minimize" | undefined): string => {
  const kind = fieldKind(field)
  if (kind === "metrics") return goal === undefined ? "metric" : `metric ${goal === "maximize" ? "▲" : "▼"}`
  return kind === "params" ? "param" : kind === "tags" && field !== "tags" ? "tag" : ""
}

export interface ColumnHeaderProps {
  readonly field: string
  readonly goal: "maximize" | "minimize" | undefined
  readonly width: number
  readonly numeric: boolean
  readonly sort: Sort | undefined
  readonly dragged: { current: string | undefined }
  readonly onSort: (field: string) => void
  /** Is told while it is dragged, and at the end. */
  readonly onWidth: (field: string, width: number, isLast: boolean) => void
  readonly onMove: (field: string, to: string) => void
  /** By one column to the left (-1) or right (1). */
  readonly onStep: (field: string, by: -1 | 1) => void
  readonly onMenu: (field: string, anchor: Element) => void
}

export const ColumnHeader = ({ dragged, field, goal, numeric, onMenu, onMove, onSort, onStep, onWidth, sort, width }: ColumnHeaderProps) => {
  const [over, setOver] = useState(false)
  const sorted = sort?.field === field ? sort.direction : undefined
  const resize = (event: PointerEvent<HTMLElement>): void => {
    event.preventDefault()
    event.stopPropagation()
    const handle = event.currentTarget
    const from = event.clientX
    let last = width
    handle.setPointerCapture(event.pointerId)
    const move = (moved: globalThis.PointerEvent): void => onWidth(field, last = bounded(width + moved.clientX - from), false)
    handle.addEventListener("pointermove", move)
    handle.addEventListener("lostpointercapture", () => {
      handle.removeEventListener("pointermove", move)
      onWidth(field, last, true)
    }, { once: true })
  }
  return (
    <>
      <button
        type="button"
        data-column={field}
        aria-disabled={!isSortable(field)}
        aria-keyshortcuts="Alt+ArrowLeft Alt+ArrowRight"
        draggable
        title={`${field}${goal === undefined ? "" : ` (${goal})`}`}
        className={`flex h-full w-full min-w-0 flex-col justify-center pr-7 pl-2 ${numeric ? "items-end text-right" : "items-start text-left"} ${isSortable(field) ? "hover:text-ink" : "cursor-default"} ${over ? "bg-accent/15" : ""}`}
        onClick={() => (isSortable(field) ? onSort(field) : undefined)}
        onKeyDown={(event) => {
          if (!event.altKey || event.key !== "ArrowLeft" && event.key !== "ArrowRight") return
          event.preventDefault()
          onStep(field, event.key === "ArrowLeft" ? -1 : 1)
        }}
        onDragStart={(event) => {
          dragged.current = field
          event.dataTransfer.effectAllowed = "move"
        }}
        onDragEnter={() => setOver(dragged.current !== undefined && dragged.current !== field)}
        onDragLeave={() => setOver(false)}
        onDragOver={(event) => event.preventDefault()}
        onDragEnd={() => {
          dragged.current = undefined
        }}
        onDrop={(event) => {
          event.preventDefault()
          setOver(false)
          if (dragged.current !== undefined && dragged.current !== field) onMove(dragged.current, field)
        }}
      >
        <span className="max-w-full truncate text-soft">{kindText(field, goal)}</span>
        <span className="flex max-w-full gap-1 font-semibold text-ink"><span className="truncate">{fieldLabel(field)}</span>{sorted === undefined ? null : <span aria-hidden="true" className="text-accent">{sorted === "asc" ? "↑" : "↓"}</span>}</span>
      </button>
      <button type="button" aria-label={`Menu of ${fieldLabel(field)}`} aria-haspopup="dialog" className="absolute right-2 bottom-1 size-6 rounded text-soft hover:bg-band hover:text-ink" onClick={(event) => onMenu(field, event.currentTarget)}><span aria-hidden="true">⋮</span></button>
      <span
        role="separator"
        aria-orientation="vertical"
        aria-label={`Width of ${fieldLabel(field)}`}
        aria-valuenow={Math.round(width)}
        aria-valuemin={NARROWEST}
        aria-valuemax={WIDEST}
        tabIndex={0}
        className="absolute inset-y-2 right-0 w-2 cursor-col-resize touch-none border-r border-line hover:border-r-2 hover:border-accent"
        onPointerDown={resize}
        onKeyDown={(event) => {
          if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return
          event.preventDefault()
          onWidth(field, bounded(width + (event.key === "ArrowLeft" ? -16 : 16)), true)
        }}
      />
    </>
  )
}
