/** Runs as points between two of their fields. A drag selects those inside, a click one, a double click opens it; arrows go from point to point. */
import { type KeyboardEvent, type PointerEvent, useCallback, useMemo, useRef, useState } from "react"
import type { RunRow } from "../api.ts"
import type { Axis } from "./axes.ts"
import { Canvas, canvasFont, cssColor, faint, fitted, useScheme, useWidth } from "./canvas.tsx"
import { shortId } from "./fields.ts"
import { pointAtRun, usePointedRun } from "./runLook.ts"

const HEIGHT = 340
const TOP = 14
const BOTTOM = 46
const RIGHT = 16
const REACH = 14

export interface RunPictureProps {
  readonly rows: ReadonlyArray<RunRow>
  readonly colorOf: (row: RunRow) => string
  readonly selected: ReadonlySet<string>
  readonly onSelect: (ids: ReadonlyArray<string>, on: boolean) => void
  readonly onOpen: (id: string) => void
  readonly canvas: { current: HTMLCanvasElement | null }
}

interface Point {
  readonly row: RunRow
  readonly px: number
  readonly py: number
}

interface Box {
  readonly fromX: number
  readonly fromY: number
  readonly toX: number
  readonly toY: number
}

const placeIn = (event: PointerEvent<HTMLElement>): { readonly px: number; readonly py: number } => {
  const { left, top } = event.currentTarget.getBoundingClientRect()
  return { px: event.clientX - left, py: event.clientY - top }
}

const circle = (context: CanvasRenderingContext2D, { px, py }: Point, radius: number): void => {
  context.beginPath()
  context.arc(px, py, radius, 0, 2 * Math.PI)
}

export const RunScatter = ({ canvas, colorOf, onOpen, onSelect, rows, selected, x, y }: RunPictureProps & { readonly x: Axis; readonly y: Axis }) => {
  const place = useRef<HTMLDivElement>(null)
  const over = useRef<HTMLCanvasElement>(null)
  const width = useWidth(place)
  const scheme = useScheme()
  const pointed = usePointedRun()
  const [box, setBox] = useState<Box>()
  // As wide as the longest text beside the axis, about.
  const left = Math.min(width < 480 ? 80 : 120, 32 + 7 * Math.max(3, ...y.ticks.map(({ label }) => label.length)))

  const points = useMemo(() => rows.flatMap((row): ReadonlyArray<Point> => {
    const [atX, atY] = [x.at(row), y.at(row)]
    return atX === undefined || atY === undefined ? [] : [{ row, px: left + 10 + atX * (width - left - RIGHT - 20), py: TOP + 10 + (1 - atY) * (HEIGHT - TOP - BOTTOM - 20) }]
  }).toSorted((a, b) => a.px - b.px), [rows, x, y, width, left])
  const one = points.find(({ row }) => row.id === pointed)

  const draw = useCallback((context: CanvasRenderingContext2D) => {
    const [line, soft, ink] = [cssColor("line"), cssColor("soft"), cssColor("ink")]
    const [low, right] = [HEIGHT - BOTTOM, width - RIGHT]
    context.font = canvasFont()
    context.strokeStyle = faint(line, 0.7)
    context.fillStyle = soft
    context.textBaseline = "middle"
    context.textAlign = "right"
    for (const { at, label } of y.ticks) {
      const py = Math.round(TOP + 10 + (1 - at) * (low - TOP - 20)) + 0.5
      context.beginPath()
      context.moveTo(left, py)
      context.lineTo(right, py)
      context.stroke()
      context.fillText(fitted(context, label, left - 10), left - 8, py)
    }
    context.textAlign = "center"
    let free = 0
    for (const { at, label } of x.ticks) {
      const px = Math.round(left + 10 + at * (right - left - 20)) + 0.5
      context.beginPath()
      context.moveTo(px, TOP)
      context.lineTo(px, low)
      context.stroke()
      const text = fitted(context, label, 120)
      const half = context.measureText(text).width / 2
      const middle = Math.min(width - half - 2, px)
      if (middle - half < free) continue
      context.fillText(text, middle, low + 13)
      free = middle + half + 10
    }
    context.fillStyle = ink
    context.font = canvasFont(600)
    context.fillText(fitted(context, x.label, right - left), (left + right) / 2, low + 34)
    context.save()
    context.translate(9, (TOP + low) / 2)
    context.rotate(-Math.PI / 2)
    context.fillText(fitted(context, y.label, low - TOP), 0, 0)
    context.restore()
    const many = points.length > 500
    for (const point of points) {
      const color = colorOf(point.row)
      circle(context, point, many ? 3 : 4)
      context.fillStyle = faint(color, many ? 0.55 : 0.75)
      context.fill()
      if (!selected.has(point.row.id)) continue
      circle(context, point, 7)
      context.strokeStyle = color
      context.lineWidth = 2
      context.stroke()
      context.lineWidth = 1
    }
    // The scheme is in the colours.
  }, [points, x, y, width, left, colorOf, selected, scheme])

  const drawOver = useCallback((context: CanvasRenderingContext2D) => {
    if (one === undefined) return
    circle(context, one, 6)
    context.fillStyle = colorOf(one.row)
    context.fill()
    context.strokeStyle = cssColor("ink")
    context.lineWidth = 2
    context.stroke()
  }, [one, colorOf, scheme])

  const nearest = (px: number, py: number): Point | undefined => {
    const near = points.map((point) => ({ point, distance: Math.hypot(point.px - px, point.py - py) })).filter(({ distance }) => distance <= REACH)
    return near.reduce<typeof near[number] | undefined>((best, next) => (best === undefined || next.distance < best.distance ? next : best), undefined)?.point
  }
  const toggle = ({ row }: Point): void => onSelect([row.id], !selected.has(row.id))
  const move = (event: PointerEvent<HTMLElement>): void => {
    const { px, py } = placeIn(event)
    if (box === undefined) pointAtRun(nearest(px, py)?.row.id)
    else setBox({ ...box, toX: px, toY: py })
  }
  const up = (event: PointerEvent<HTMLElement>): void => {
    if (box === undefined) return
    const { px, py } = placeIn(event)
    const { fromX, fromY } = box
    setBox(undefined)
    if (Math.hypot(px - fromX, py - fromY) < 5) {
      const hit = nearest(px, py)
      if (hit !== undefined) toggle(hit)
      return
    }
    const inside = points.filter((point) => point.px >= Math.min(px, fromX) && point.px <= Math.max(px, fromX) && point.py >= Math.min(py, fromY) && point.py <= Math.max(py, fromY))
    if (inside.length > 0) onSelect(inside.map(({ row }) => row.id), true)
  }
  const key = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key]
    const at = one === undefined ? -1 : points.indexOf(one)
    const next = by !== undefined ? points[at === -1 ? 0 : Math.min(points.length - 1, Math.max(0, at + by))] : event.key === "Home" ? points[0] : event.key === "End" ? points.at(-1) : undefined
    if (next !== undefined) pointAtRun(next.row.id)
    else if (event.key === " " && one !== undefined) toggle(one)
    else if (event.key === "Enter" && one !== undefined) onOpen(one.row.id)
    else return
    event.preventDefault()
  }

  return (
    <div
      ref={place}
      role="application"
      aria-roledescription="scatter plot"
      aria-label={`${y.label} against ${x.label} of ${points.length} runs: arrows go from run to run, Space selects, Enter opens`}
      tabIndex={0}
      className="relative touch-none select-none"
      style={{ height: HEIGHT }}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        const { px, py } = placeIn(event)
        event.currentTarget.setPointerCapture(event.pointerId)
        setBox({ fromX: px, fromY: py, toX: px, toY: py })
      }}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={() => setBox(undefined)}
      onPointerLeave={() => pointAtRun(undefined)}
      onDoubleClick={() => one === undefined ? undefined : onOpen(one.row.id)}
      onKeyDown={key}
    >
      <Canvas canvas={canvas} draw={draw} width={width} height={HEIGHT} />
      <Canvas canvas={over} draw={drawOver} width={width} height={HEIGHT} />
      {box === undefined || Math.hypot(box.toX - box.fromX, box.toY - box.fromY) < 5 ? null : (
        <div aria-hidden="true" className="pointer-events-none absolute border border-accent bg-accent/10" style={{ left: Math.min(box.fromX, box.toX), top: Math.min(box.fromY, box.toY), width: Math.abs(box.toX - box.fromX), height: Math.abs(box.toY - box.fromY) }} />
      )}
      {one === undefined || box !== undefined ? null : (
        <div role="status" className="pointer-events-none absolute z-10 max-w-64 rounded border border-line bg-paper px-2 py-1 text-small shadow" style={{ ...one.px > width / 2 ? { right: width - one.px + 12 } : { left: one.px + 12 }, ...one.py > HEIGHT / 2 ? { bottom: HEIGHT - one.py } : { top: one.py } }}>
          <p className="truncate font-semibold">{shortId(one.row.id)}</p>
          <p>{x.label}: {x.text(one.row)}</p>
          <p>{y.label}: {y.text(one.row)}</p>
        </div>
      )}
    </div>
  )
}
