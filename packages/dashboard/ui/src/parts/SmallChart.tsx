/** One metric of one run over its index, small: the mean of each bucket over the band from its least to its most. Loaded only where it is shown. */
import { formatNumber } from "@uniflow/compare"
import { useQuery } from "@tanstack/react-query"
import { useEffect, useRef } from "react"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import { api, type Bucket } from "../api.ts"
import { figureOf } from "./figures.ts"

const HEIGHT = 120

const dataOf = (buckets: ReadonlyArray<Bucket>): uPlot.AlignedData => {
  const column = (of: (bucket: Bucket) => number | string): Array<number | null> => buckets.map((bucket) => {
    const value = figureOf(of(bucket))
    return value === undefined || !Number.isFinite(value) ? null : value
  })
  return [buckets.map(({ fromIndex }) => Number(fromIndex)), column(({ mean }) => mean), column(({ min }) => min), column(({ max }) => max)]
}

const optionsOf = (box: HTMLElement): uPlot.Options => {
  const style = getComputedStyle(box)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const font = `12px ${style.fontFamily}`
  const axis = { stroke: colour("--soft"), font, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } }
  return {
    width: Math.max(120, box.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: { x: { time: false } },
    axes: [
      { ...axis, size: 22, gap: 2, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8], values: (_, ticks) => ticks.map((tick) => formatNumber(tick, 3)) },
      { ...axis, size: 48, gap: 4, space: 28, values: (_, ticks) => ticks.map((tick) => formatNumber(tick, 3)) }
    ],
    series: [{}, { stroke: colour("--accent"), width: 2, points: { show: false } }, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }],
    bands: [{ series: [3, 2], fill: `${colour("--accent")}33` }]
  }
}

const Plot = ({ buckets, label }: { readonly buckets: ReadonlyArray<Bucket>; readonly label: string }) => {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = box.current!
    const data = dataOf(buckets)
    let plot = new uPlot(optionsOf(element), data, element)
    const again = (): void => {
      plot.destroy()
      plot = new uPlot(optionsOf(element), data, element)
    }
    const scheme = matchMedia("(prefers-color-scheme: dark)")
    scheme.addEventListener("change", again)
    let width = element.clientWidth
    const observer = new ResizeObserver(() => {
      if (element.clientWidth === width) return
      width = element.clientWidth
      plot.setSize({ width: Math.max(120, width), height: HEIGHT })
    })
    observer.observe(element)
    return () => {
      scheme.removeEventListener("change", again)
      observer.disconnect()
      plot.destroy()
    }
  }, [buckets])
  return <div ref={box} role="img" aria-label={label} style={{ height: HEIGHT }} className="overflow-hidden" />
}

export const SmallChart = ({ name, runId }: { readonly runId: string; readonly name: string }) => {
  const { data, error } = useQuery({ queryKey: ["run", runId, "metric", name], queryFn: () => api.metric(runId, name, 300) })
  if (error) return <p style={{ height: HEIGHT }} className="text-small text-bad">{error.message}</p>
  if (data === undefined) return <div role="status" aria-busy="true" aria-label="Loading" style={{ height: HEIGHT }} className="animate-pulse rounded bg-band" />
  const last = data.buckets.at(-1)
  return <Plot buckets={data.buckets} label={`${name} over ${data.buckets.length} buckets of its index, ending at ${last === undefined ? "nothing" : formatNumber(Number(last.last))}`} />
}
