/** Runs as lines over axes that stand beside each other. A range dragged on an axis, or moved by keys, leaves the runs within it. */
import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useRef } from "react"
import type { RunRow } from "../api.ts"
import type { Axis } from "./axes.ts"
import { Canvas, canvasFont, cssColor, faint, fitted, useScheme, useWidth } from "./canvas.tsx"
import { shortId } from "./fields.ts"
import type { RunPictureProps } from "./RunScatter.tsx"
import { pointAtRun, usePointedRun } from "./runLook.ts"

const HEIGHT = 340
const TOP = 44
const BOTTOM = 16
const LENGTH = HEIGHT - TOP - BOTTOM
const REACH = 8
const LEAST_WIDTH = 96

/** The part of an axis that is left, from 0 to 1 each. */
export type Range = readonly [from: number, to: number]
export type Ranges = ReadonlyMap<string, Range>

/** The runs that are within each of the ranges. */
export const within = (rows: ReadonlyArray<RunRow>, axes: ReadonlyArray<Axis>, ranges: Ranges): ReadonlyArray<RunRow> => {
  const asked = axes.flatMap((axis) => (ranges.has(axis.field) ? [{ axis, range: ranges.get(axis.field)! }] : []))
  return rows.filter((row) => asked.every(({ axis, range }) => {
    const at = axis.at(row)
    return at !== undefined && at >= range[0] - 1e-9 && at <= range[1] + 1e-9
  }))
}

const yOf = (at: number): number => TOP + (1 - at) * LENGTH
const clamped = (at: number): number => Math.min(1, Math.max(0, at))

interface RangeOfAxisProps {
  readonly axis: Axis
  readonly x: number
  readonly range: Range | undefined
  readonly onRange: (range: Range | undefined) => void
}

/** What an axis is taken hold of by: a strip to drag along, and two handles for keys. */
const RangeOfAxis = ({ axis, onRange, range, x }: RangeOfAxisProps) => {
  const dragged = useRef<{ readonly anchor: number; moved: boolean }>(null)
  const [from, to] = range ?? [0, 1]
  const step = axis.categories === undefined ? 0.02 : 1 / axis.categories
  const placed = (event: PointerEvent<HTMLElement>): number => clamped(1 - (event.clientY - event.currentTarget.getBoundingClientRect().top) / LENGTH)
  const set = (a: number, b: number): void => onRange(Math.min(a, b) <= 0 && Math.max(a, b) >= 1 ? undefined : [Math.min(a, b), Math.max(a, b)])
  const key = (end: "from" | "to") => (event: KeyboardEvent): void => {
    const by = { ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step, PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1 }[event.key]
    if (event.key === "Escape" || event.key === "Delete") onRange(undefined)
    else if (by === undefined) return
    else if (end === "from") set(Math.min(to, clamped(from + by)), to)
    else set(from, Math.max(from, clamped(to + by)))
    event.preventDefault()
  }
  const handle = (end: "from" | "to", at: number) => (
    <span
      role="slider"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={`${end === "from" ? "Least" : "Most"} ${axis.label}`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(at * 100)}
      aria-valuetext={axis.textAt(at)}
      onKeyDown={key(end)}
      className={`absolute left-0 flex size-6 -translate-y-1/2 items-center justify-center focus:opacity-100 ${range === undefined ? "opacity-0" : ""}`}
      style={{ top: (1 - at) * LENGTH }}
    >
      <span aria-hidden="true" className="h-1.5 w-4 rounded-full bg-accent" />
    </span>
  )
  return (
    <div
      className="absolute w-6 cursor-ns-resize touch-none"
      title={`Drag along ${axis.label} to leave a range of it; a click takes it away`}
      style={{ left: x - 12, top: TOP, height: LENGTH }}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        const at = placed(event)
        event.currentTarget.setPointerCapture(event.pointerId)
        // Near an end it is that end that moves.
        const anchor = range === undefined ? at : Math.abs(at - from) * LENGTH < REACH ? to : Math.abs(at - to) * LENGTH < REACH ? from : at
        dragged.current = { anchor, moved: false }
      }}
      onPointerMove={(event) => {
        const drag = dragged.current
        if (drag === null) return
        const at = placed(event)
        if (!drag.moved && Math.abs(at - drag.anchor) * LENGTH < 3) return
        drag.moved = true
        set(drag.anchor, at)
      }}
      onPointerUp={() => {
        if (dragged.current?.moved === false) onRange(undefined)
        dragged.current = null
      }}
      onPointerCancel={() => (dragged.current = null)}
    >
      {range === undefined ? null : <span aria-hidden="true" className="absolute left-2 w-2 border border-accent bg-accent/25" style={{ top: (1 - to) * LENGTH, height: (to - from) * LENGTH }} />}
      {handle("to", to)}
      {handle("from", from)}
    </div>
  )
}

interface Line {
  readonly row: RunRow
  /** Where it is on each axis. */
  readonly ys: ReadonlyArray<number | undefined>
}

const trace = (context: CanvasRenderingContext2D, { ys }: Line, xs: ReadonlyArray<number>): void => {
  let down = false
  ys.forEach((y, n) => {
    if (y === undefined) down = false
    else if (down) context.lineTo(xs[n]!, y)
    else {
      context.moveTo(xs[n]!, y)
      down = true
    }
  })
}

export interface RunParallelsProps extends RunPictureProps {
  readonly axes: ReadonlyArray<Axis>
  readonly ranges: Ranges
  readonly onRange: (field: string, range: Range | undefined) => void
}

export const RunParallels = ({ axes, canvas, colorOf, onOpen, onRange, onSelect, ranges, rows, selected }: RunParallelsProps) => {
  const place = useRef<HTMLDivElement>(null)
  const over = useRef<HTMLCanvasElement>(null)
  const seen = useWidth(place)
  const scheme = useScheme()
  const pointed = usePointedRun()
  // Axes that do not fit are scrolled to.
  const width = Math.max(seen, axes.length * LEAST_WIDTH)
  const xs = useMemo(() => axes.map((_, n) => Math.round(56 + (axes.length === 1 ? 0 : n / (axes.length - 1)) * (width - 112))), [axes, width])
  const lines = useMemo(() => rows.map((row): Line => ({ row, ys: axes.map((axis) => {
    const at = axis.at(row)
    return at === undefined ? undefined : yOf(at)
  }) })), [rows, axes])
  const kept = useMemo(() => new Set(within(rows, axes, ranges)), [rows, axes, ranges])
  const one = lines.find(({ row }) => row.id === pointed)

  const draw = useCallback((context: CanvasRenderingContext2D) => {
    const [paper, line, soft, ink] = [cssColor("paper"), cssColor("line"), cssColor("soft"), cssColor("ink")]
    context.lineJoin = "round"
    const strokeAll = (color: string, own: ReadonlyArray<Line>, opacity: number, thickness: number): void => {
      context.strokeStyle = faint(color, opacity)
      context.lineWidth = thickness
      for (const each of own) {
        context.beginPath()
        trace(context, each, xs)
        context.stroke()
      }
    }
    if (kept.size < lines.length) strokeAll(line, lines.filter(({ row }) => !kept.has(row)), 0.5, 1)
    const opacity = Math.min(0.85, Math.max(0.12, 12 / Math.sqrt(kept.size)))
    for (const [color, own] of Map.groupBy(lines.filter(({ row }) => kept.has(row)), ({ row }) => colorOf(row))) {
      strokeAll(color, own.filter(({ row }) => !selected.has(row.id)), selected.size > 0 ? opacity / 2 : opacity, 1.25)
      strokeAll(color, own.filter(({ row }) => selected.has(row.id)), 1, 2.5)
    }
    context.lineWidth = 1
    context.textBaseline = "middle"
    axes.forEach((axis, n) => {
      const x = xs[n]!
      context.strokeStyle = soft
      context.beginPath()
      context.moveTo(x + 0.5, TOP)
      context.lineTo(x + 0.5, TOP + LENGTH)
      context.stroke()
      context.textAlign = "center"
      context.fillStyle = ink
      context.font = canvasFont(600)
      const room = Math.min(axes.length === 1 ? width : (width - 112) / (axes.length - 1) - 8, 2 * Math.min(x, width - x))
      context.fillText(fitted(context, axis.label, room), x, 12)
      context.font = canvasFont()
      context.fillStyle = soft
      if (axis.log) context.fillText("log", x, 28)
      const last = n === axes.length - 1 && n > 0
      context.textAlign = last ? "right" : "left"
      for (const { at, label } of axis.ticks) {
        const text = fitted(context, label, last ? 90 : 80)
        const [start, y] = [x + (last ? -8 : 8), yOf(at)]
        // Lines run beneath the figures.
        context.lineWidth = 4
        context.strokeStyle = paper
        context.strokeText(text, start, y)
        context.fillText(text, start, y)
        context.lineWidth = 1
      }
    })
  }, [axes, lines, kept, xs, width, colorOf, selected, scheme])

  const drawOver = useCallback((context: CanvasRenderingContext2D) => {
    if (one === undefined) return
    for (const [color, thickness] of [[cssColor("paper"), 6], [colorOf(one.row), 3]] as const) {
      context.strokeStyle = color
      context.lineWidth = thickness
      context.beginPath()
      trace(context, one, xs)
      context.stroke()
    }
  }, [one, xs, colorOf, scheme])

  const nearest = (px: number, py: number): Line | undefined => {
    const right = xs.findIndex((x) => x >= px)
    if (right <= 0) return undefined
    const [from, to] = [xs[right - 1]!, xs[right]!]
    let best: Line | undefined
    let distance = REACH
    for (const line of lines) {
      const [a, b] = [line.ys[right - 1], line.ys[right]]
      if (a === undefined || b === undefined || !kept.has(line.row)) continue
      const off = Math.abs(a + ((b - a) * (px - from)) / (to - from) - py)
      if (off < distance) [best, distance] = [line, off]
    }
    return best
  }
  return (
    <div ref={place} role="group" aria-label={`Parallel coordinates of ${lines.length} runs over ${axes.map(({ label }) => label).join(", ")}`} className="overflow-x-auto">
      <div
        className="relative select-none"
        style={{ height: HEIGHT, width: width === 0 ? undefined : width }}
        onPointerMove={(event) => {
          const { left, top } = event.currentTarget.getBoundingClientRect()
          pointAtRun(nearest(event.clientX - left, event.clientY - top)?.row.id)
        }}
        onPointerLeave={() => pointAtRun(undefined)}
        onClick={(event) => event.target instanceof HTMLCanvasElement && one !== undefined ? onSelect([one.row.id], !selected.has(one.row.id)) : undefined}
        onDoubleClick={(event) => event.target instanceof HTMLCanvasElement && one !== undefined ? onOpen(one.row.id) : undefined}
      >
        <Canvas canvas={canvas} draw={draw} width={width} height={HEIGHT} />
        <Canvas canvas={over} draw={drawOver} width={width} height={HEIGHT} />
        {axes.map((axis, n) => <RangeOfAxis key={axis.field} axis={axis} x={xs[n]!} range={ranges.get(axis.field)} onRange={(range) => onRange(axis.field, range)} />)}
      </div>
      <p role="status" className="h-6 truncate px-3 text-small text-soft">
        {one === undefined ? "" : <><span className="font-semibold text-ink">{shortId(one.row.id)}</span> {axes.map((axis) => `${axis.label} ${axis.text(one.row)}`).join(" · ")}</>}
      </p>
    </div>
  )
}
