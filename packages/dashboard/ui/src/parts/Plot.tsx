/** One plot of curves on a canvas, by uPlot: crosshair shared with all others, zoom by dragging, the values at the crosshair beside it. */
import { formatDuration, formatNumber, formatTime } from "@uniflow/compare"
import { useEffect, useRef } from "react"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import type { Curve } from "../api.ts"
import { clock } from "./axes.ts"
import { cssColor, faint, useScheme } from "./canvas.tsx"
import { type CurveLook, plotData, valueAt } from "./curveData.ts"
import { shortId } from "./fields.ts"
import { pointAtRun, runColorValue, usePointedRun } from "./runLook.ts"

export const PLOT_HEIGHT = 210
const MOST_VALUES = 12

export type Along = "index" | "relative" | "time"

/** A place on the x axis as people read it. */
export const formatAlong = (along: Along, x: number): string => (along === "index" ? formatNumber(x, 12) : along === "relative" ? formatDuration(x) : `${formatTime(x)} UTC`)

export interface PlotProps {
  readonly curves: ReadonlyArray<Curve>
  readonly look: CurveLook
  readonly along: Along
  readonly label: string
  readonly zoom: readonly [number, number] | undefined
  readonly onZoom: (range: readonly [number, number] | undefined) => void
  /** Is given the canvas when there is one, for a picture. */
  readonly canvas: { current: HTMLCanvasElement | null }
}

/** Fills the box beside the crosshair; texts only. */
const showValues = (box: HTMLElement, u: uPlot, lines: ReadonlyArray<{ readonly at: number; readonly run: string }>, along: Along): void => {
  const { idx, left = -1 } = u.cursor
  if (idx === null || idx === undefined || left < 0) {
    box.hidden = true
    return
  }
  const rows = lines.flatMap(({ at, run }) => {
    const value = valueAt(u.data[at]!, idx)
    return value === undefined ? [] : [{ run, value }]
  }).toSorted((a, b) => b.value - a.value)
  const text = (content: string, className = ""): HTMLElement => {
    const span = document.createElement("span")
    span.textContent = content
    span.className = className
    return span
  }
  const shown = rows.slice(0, MOST_VALUES).map(({ run, value }) => {
    const row = document.createElement("div")
    row.className = "flex items-center gap-2"
    const mark = text("", "h-0.5 w-3 shrink-0 rounded")
    mark.style.background = runColorValue(run)
    row.append(mark, text(shortId(run), "min-w-0 grow truncate"), text(formatNumber(value), "pl-2 font-semibold"))
    return row
  })
  box.replaceChildren(
    text(formatAlong(along, u.data[0][idx]!), "text-soft"),
    ...shown,
    ...rows.length > MOST_VALUES ? [text(`and ${rows.length - MOST_VALUES} more`, "text-soft")] : []
  )
  box.hidden = false
  const half = left > u.over.clientWidth / 2
  box.style.left = half ? "" : `${u.over.offsetLeft + left + 12}px`
  box.style.right = half ? `${u.root.clientWidth - u.over.offsetLeft - left + 12}px` : ""
}

export const Plot = ({ along, canvas, curves, label, look, onZoom, zoom }: PlotProps) => {
  const place = useRef<HTMLDivElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const zoomed = useRef(onZoom)
  zoomed.current = onZoom
  const zoomTo = useRef(zoom)
  zoomTo.current = zoom
  const scheme = useScheme()
  const pointed = usePointedRun()
  const pointedNow = useRef(pointed)
  pointedNow.current = pointed

  useEffect(() => {
    const element = place.current!
    const { data, series } = plotData(curves, look)
    const soft = cssColor("soft")
    const grid = { stroke: faint(cssColor("line"), 0.7), width: 1 }
    const colors = new Map(series.map(({ run }) => [run, runColorValue(run)]))
    const dim = (run: string): number => (pointedNow.current === undefined || !colors.has(pointedNow.current) || pointedNow.current === run ? 1 : 0.15)
    const single = data[0].length === 1
    const lines = series.flatMap(({ part, run }, n) => (part === "line" ? [{ run, at: n + 1 }] : []))
    const font = `12px ${getComputedStyle(document.body).fontFamily}`
    const axis: uPlot.Axis = { stroke: soft, font, grid, ticks: { ...grid, size: 4 }, gap: 4 }
    const u = new uPlot({
      width: Math.max(200, element.clientWidth),
      height: PLOT_HEIGHT,
      padding: [10, 12, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        sync: { key: `uniflow-${along}`, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        focus: { prox: 24 },
        points: { show: (_, at) => {
          const one = series[at - 1]
          const point = document.createElement("div")
          if (one?.part !== "line") point.hidden = true
          return point
        }, size: 7, fill: (_, at) => colors.get(series[at - 1]!.run)!, stroke: (_, at) => colors.get(series[at - 1]!.run)! },
        bind: {
          // The plots share one range: back to all of it for all of them.
          dblclick: () => () => {
            zoomed.current(undefined)
            return null
          }
        }
      },
      focus: { alpha: 1 },
      scales: {
        x: { time: along === "time", range: (_, min, max) => zoomTo.current === undefined ? (min === max ? [min - 1, max + 1] : [min, max]) : [...zoomTo.current] as [number, number] },
        y: look.log ? { distr: 3 } : { range: (_, min, max) => uPlot.rangeNum(min, max === min ? min + (Math.abs(min) || 1) * 0.1 : max, 0.08, true) }
      },
      ms: 1,
      axes: [
        { ...axis, size: 28, space: 70, ...along === "index" ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1e8, 1e9], values: (_, ticks) => ticks.map((tick) => formatNumber(tick)) } : along === "relative" ? { values: (_, ticks) => ticks.map((tick) => formatDuration(tick)) } : { values: (_, ticks, _axis, _space, step) => ticks.map((tick) => clock(tick, step)) } },
        { ...axis, size: (_, values) => 14 + 7 * Math.max(3, ...(values ?? []).map((value) => String(value ?? "").length)), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : formatNumber(tick, 4))) }
      ],
      series: [{}, ...series.map(({ part, run }): uPlot.Series => {
        const color = colors.get(run)!
        return {
          label: run,
          scale: "y",
          stroke: () => part === "line" ? faint(color, dim(run)) : part === "raw" ? faint(color, 0.28 * dim(run)) : "transparent",
          width: part === "line" ? (pointedNow.current === run ? 2.5 : 1.5) : part === "raw" ? 1 : 0,
          points: { show: part === "line" && (single || data[0].length <= 40), size: 5, fill: () => faint(color, dim(run)), stroke: () => faint(color, dim(run)) }
        }
      })],
      bands: series.flatMap(({ part, run }, n): ReadonlyArray<uPlot.Band> => (part === "max" ? [{ series: [n + 1, n], fill: () => faint(colors.get(run)!, 0.13 * dim(run)) }] : [])),
      hooks: {
        setCursor: [(u) => { if (box.current !== null) showValues(box.current, u, lines, along) }],
        setSeries: [(_, at) => pointAtRun(at === null ? undefined : series[at - 1]?.run)],
        setSelect: [(u) => {
          const { left, width } = u.select
          if (width < 4) return
          zoomed.current([u.posToVal(left, "x"), u.posToVal(left + width, "x")])
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false)
        }]
      }
    }, data, element)
    plot.current = u
    canvas.current = u.ctx.canvas
    u.ctx.canvas.setAttribute("role", "img")
    u.ctx.canvas.setAttribute("aria-label", label)
    const resized = new ResizeObserver(() => u.setSize({ width: Math.max(200, element.clientWidth), height: PLOT_HEIGHT }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      canvas.current = null
      plot.current = null
      u.destroy()
    }
  }, [curves, look, along, label, scheme, canvas])

  useEffect(() => plot.current?.setData(plot.current.data, true), [zoom])
  // The stroke functions look at what is pointed at; the width is a number.
  useEffect(() => {
    const u = plot.current
    if (u === null) return
    for (const one of u.series.slice(1)) if (one.width !== 0 && one.width !== 1) one.width = one.label === pointed ? 2.5 : 1.5
    u.redraw(false)
  }, [pointed])

  return (
    <div className="relative" onMouseLeave={() => pointAtRun(undefined)}>
      <div ref={place} style={{ height: PLOT_HEIGHT }} />
      <div ref={box} hidden className="pointer-events-none absolute top-2 z-10 max-w-64 rounded border border-line bg-paper px-2 py-1 text-small shadow" />
    </div>
  )
}
