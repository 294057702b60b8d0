/** The charts of a workspace: one for each metric, of the same runs, along the same axis. */
import { Popover } from "@base-ui/react/popover"
import { formatCount, formatNumber, MISSING } from "@uniflow/compare"
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useMemo, useRef, useState } from "react"
import { api, type Curve, type RunRow } from "../api.ts"
import { Choice } from "./Choice.tsx"
import { plotData } from "./curveData.ts"
import { savePicture } from "./picture.ts"
import { type Along, formatAlong, Plot, PLOT_HEIGHT } from "./Plot.tsx"
import { shortId } from "./fields.ts"
import { runColor } from "./runLook.ts"
import { Failure } from "./States.tsx"


const BUCKETS = 400
const MOST_TABLE_ROWS = 500

export interface ChartSettings {
  readonly metrics: ReadonlyArray<string>
  readonly along: Along
  readonly log: boolean
  readonly smooth: number
}

/** The points of a chart as text, for who does not see it and for who wants to copy them. */
const DataTable = ({ along, curves }: { readonly curves: ReadonlyArray<Curve>; readonly along: Along }) => {
  const { data, series } = plotData(curves, { smooth: 0, log: false })
  const lines = series.flatMap(({ part, run }, n) => (part === "line" ? [{ run, values: data[n + 1]! }] : []))
  const rows = Array.from({ length: Math.min(MOST_TABLE_ROWS, data[0].length) }, (_, n) => n)
  return (
    <div tabIndex={0} role="region" aria-label="Data" style={{ height: PLOT_HEIGHT }} className="overflow-auto border-t border-line text-small">
      <table className="w-full text-right">
        <thead className="sticky top-0 bg-paper">
          <tr><th scope="col" className="px-2 py-1 font-normal text-soft">{along}</th>{lines.map(({ run }) => <th key={run} scope="col" title={run} className="px-2 whitespace-nowrap py-1 font-normal"><span aria-hidden="true" className="mr-1 inline-block h-2 w-2 rounded-full" style={{ background: runColor(run) }} />{shortId(run, 18)}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((n) => (
            <tr key={n} className="border-t border-line/60">
              <th scope="row" className="px-2 font-normal text-soft">{formatAlong(along, data[0][n]!)}</th>
              {lines.map(({ run, values }) => <td key={run} className="px-2">{values[n] === undefined ? "" : values[n] === null ? MISSING : formatNumber(values[n])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {data[0].length > rows.length ? <p className="px-2 py-1 text-soft">The first {rows.length} of {formatCount(data[0].length, "row")}; zoom in for others.</p> : null}
    </div>
  )
}

interface ChartProps {
  readonly metric: string
  readonly goal: "maximize" | "minimize" | null
  readonly runs: ReadonlyArray<RunRow>
  readonly settings: ChartSettings
  readonly zoom: readonly [number, number] | undefined
  readonly onZoom: (range: readonly [number, number] | undefined) => void
}

const small = "rounded px-1.5 py-0.5 text-small text-soft hover:bg-band hover:text-ink"

const Chart = ({ goal, metric, onZoom, runs, settings, zoom }: ChartProps) => {
  const [asTable, setAsTable] = useState(false)
  const canvas = useRef<HTMLCanvasElement>(null)
  const ids = runs.map(({ id }) => id)
  const by = settings.along
  const [from, to] = zoom ?? []
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["curves", metric, by, ids, from, to],
    queryFn: () => api.curves({ runs: ids, name: metric, by, buckets: BUCKETS, from, to }),
    enabled: ids.length > 0,
    meta: { runs: ids },
    placeholderData: keepPreviousData
  })
  const look = useMemo(() => ({ smooth: settings.smooth, log: settings.log }), [settings.smooth, settings.log])
  const key = ids.join()
  const curves = useMemo(() => data?.curves.filter(({ run }) => key.split(",").includes(run)) ?? [], [data, key])
  const empty = data !== undefined && curves.every(({ x }) => x.length === 0)
  return (
    <section aria-label={metric} className="min-w-0 rounded border border-line">
      <header className="flex items-baseline gap-2 px-3 pt-2">
        <h2 className="min-w-0 truncate font-semibold" title={metric}>{metric}</h2>
        {goal === null ? null : <span className="text-small whitespace-nowrap text-soft"><span aria-hidden="true">{goal === "maximize" ? "▲" : "▼"}</span> {goal}</span>}
        <span className="ml-auto flex">
          <button type="button" className={small} aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>{asTable ? "Chart" : "Data"}</button>
          <button type="button" className={small} disabled={asTable} onClick={() => canvas.current === null ? undefined : savePicture(canvas.current, metric, curves.map(({ run }) => run))}>PNG</button>
        </span>
      </header>
      {error ? <div className="p-3"><Failure error={error} /></div> : null}
      <div className={`px-1 pb-1 ${isPlaceholderData ? "opacity-70" : ""}`} style={{ minHeight: PLOT_HEIGHT + 4 }}>
        {asTable
          ? <DataTable curves={curves} along={settings.along} />
          : empty
          ? <p className="px-2 py-16 text-center text-small text-soft">These runs have no points of {metric} here.</p>
          : curves.length > 0
          ? <Plot curves={curves} look={look} along={settings.along} zoom={zoom} onZoom={onZoom} canvas={canvas} label={`${metric} of ${formatCount(curves.length, "run")}; its data are in the table that "Data" shows`} />
          : <div aria-busy={error ? undefined : true} style={{ height: PLOT_HEIGHT }} />}
      </div>
    </section>
  )
}

const alongs: ReadonlyArray<readonly [Along, string]> = [["index", "index"], ["relative", "time since the begin"], ["time", "wall time (UTC)"]]

export interface ChartsProps {
  /** The runs that are drawn. */
  readonly runs: ReadonlyArray<RunRow>
  /** Every metric with a curve. */
  readonly all: ReadonlyArray<{ readonly name: string; readonly goal: "maximize" | "minimize" | null }>
  readonly settings: ChartSettings
  readonly onChange: (change: Partial<ChartSettings>) => void
  /** Which runs these are, such as "the 3 selected runs". */
  readonly which: string
}

export const Charts = ({ all, onChange, runs, settings, which }: ChartsProps) => {
  const [zoom, setZoom] = useState<readonly [number, number]>()
  const { along, log, metrics, smooth } = settings
  const control = "rounded border border-line bg-paper px-2 py-1 text-small"
  return (
    <section aria-label="Charts" className="mb-5">
      <div className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-2 text-small">
        <Popover.Root>
          <Popover.Trigger className={`${control} hover:bg-band`}>Metrics ({metrics.length} of {all.length})</Popover.Trigger>
          <Choice label="Metrics" all={all.map(({ name }) => name)} chosen={metrics} onChange={(chosen) => onChange({ metrics: chosen })} />
        </Popover.Root>
        <label className="flex items-center gap-1.5">
          <span className="text-soft">Along</span>
          <select className={control} value={along} onChange={(event) => {
            setZoom(undefined)
            onChange({ along: event.target.value as Along })
          }}>
            {alongs.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          </select>
        </label>
        <label className="flex items-center gap-1.5"><input type="checkbox" className="accent-accent" checked={log} onChange={(event) => onChange({ log: event.target.checked })} />Log scale</label>
        <label className="flex items-center gap-1.5">
          <span className="text-soft">Smoothing</span>
          <input type="range" min={0} max={0.99} step={0.01} value={smooth} className="w-28 accent-accent" onChange={(event) => onChange({ smooth: Number(event.target.value) })} />
          <span className="w-8">{formatNumber(smooth)}</span>
        </label>
        <button type="button" className={`${control} hover:bg-band ${zoom === undefined ? "invisible" : ""}`} onClick={() => setZoom(undefined)}>Show all</button>
        <span className="ml-auto text-soft">{which}</span>
      </div>
      {metrics.length === 0 ? null : (
        <div className="grid gap-3 [grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr))]">
          {metrics.map((metric) => <Chart key={metric} metric={metric} goal={all.find(({ name }) => name === metric)?.goal ?? null} runs={runs} settings={settings} zoom={zoom} onZoom={setZoom} />)}
        </div>
      )}
    </section>
  )
}
