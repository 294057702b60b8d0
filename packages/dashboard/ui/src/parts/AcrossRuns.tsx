/** All runs that match in one picture: as points between two fields, or as lines over several. */
import { Popover } from "@base-ui/react/popover"
import { Link, useNavigate } from "@tanstack/react-router"
import { formatCount, formatNumber } from "@uniflow/compare"
import { useMemo, useRef, useState } from "react"
import type { FieldList, RunRow } from "../api.ts"
import { type Axis, axisOf } from "./axes.ts"
import { Button } from "./Button.tsx"
import { cssColor, mixed, useScheme } from "./canvas.tsx"
import { Choice } from "./Choice.tsx"
import { FieldPick } from "./FieldPick.tsx"
import { fieldKind, isRowField, shortId, splitFields } from "./fields.ts"
import { savePicture } from "./picture.ts"
import { knownColorValue, runColorValue, useHiddenRuns } from "./runLook.ts"
import { type Range, RunParallels, within } from "./RunParallels.tsx"
import { RunScatter } from "./RunScatter.tsx"
import { Failure } from "./States.tsx"
import { useManyRuns } from "./useManyRuns.ts"

const MOST_TABLE_ROWS = 500
const MOST_AXES = 12
/** Of more runs than this only those that have one already are in their own colour. */
const MOST_COLORED = 100
const ROW_FIELDS = ["run.started", "run.created", "run.duration", "run.status", "run.experiment", "run.pipeline", "run.attempts"]

/** What of it stands in the address. */
export interface AcrossSettings {
  /** "scatter" or "parallel". */
  readonly across?: string | undefined
  /** Fields by commas: x and y of the scatter. */
  readonly xy?: string | undefined
  /** Fields by commas. */
  readonly axes?: string | undefined
  /** Fields on a logarithmic scale, by commas. */
  readonly logs?: string | undefined
  /** The field that colours; each run has its own colour without it. */
  readonly tint?: string | undefined
}

export interface AcrossRunsProps {
  readonly experiment: string | undefined
  readonly where: string | undefined
  /** When the runs may last have changed, as Unix time in milliseconds. */
  readonly changedAtMs: number
  readonly list: FieldList
  /** Names of fields beyond those of the list, as a search found them. */
  readonly names: ReadonlyArray<string>
  readonly onSearch: (text: string) => void
  readonly settings: AcrossSettings
  readonly onChange: (change: AcrossSettings) => void
  readonly selected: ReadonlySet<string>
  readonly onSelect: (ids: ReadonlyArray<string>, on: boolean) => void
  readonly onFilter: (where: string) => void
}

/** What is looked at where nobody chose: a metric with a goal over the time of its run; what varies, and the metrics. */
const defaultsOf = ({ fields }: FieldList): { readonly xy: readonly [string, string]; readonly axes: ReadonlyArray<string> } => {
  const metrics = fields.filter(({ field }) => fieldKind(field) === "metrics").toSorted((a, b) => Number(b.goal !== null) - Number(a.goal !== null)).map(({ field }) => field)
  const params = fields.filter(({ field, varies }) => varies && fieldKind(field) === "params").map(({ field }) => field)
  return { xy: ["run.started", metrics[0] ?? "run.duration"], axes: [...params.slice(0, 5), ...metrics.slice(0, 3)].slice(0, 7) }
}

/** The colour of each run, from that of its value where a field colours. */
const useColors = (rows: ReadonlyArray<RunRow>, axis: Axis | undefined): (row: RunRow) => string => {
  const scheme = useScheme()
  return useMemo(() => {
    const soft = cssColor("soft")
    const [low, high] = [cssColor("run-1"), cssColor("accent")]
    const colors = new Map(rows.map((row) => {
      const at = axis?.at(row)
      // In 32 steps: what has the same colour is drawn at once.
      return [row.id, axis === undefined ? (rows.length <= MOST_COLORED ? runColorValue(row.id) : knownColorValue(row.id) ?? soft) : at === undefined ? soft : mixed(low, high, Math.round(at * 32) / 32)] as const
    }))
    return (row) => colors.get(row.id) ?? soft
  }, [rows, axis, scheme])
}

const Legend = ({ axis }: { readonly axis: Axis }) => (
  <span className="flex items-center gap-1.5 text-soft">
    <span>{axis.textAt(0)}</span>
    <span aria-hidden="true" className="h-2 w-20 rounded-full" style={{ background: "linear-gradient(to right, var(--run-1), var(--accent))" }} />
    <span>{axis.textAt(1)}</span>
  </span>
)

const DataTable = ({ axes, rows }: { readonly axes: ReadonlyArray<Axis>; readonly rows: ReadonlyArray<RunRow> }) => (
  <div tabIndex={0} role="region" aria-label="Data" className="h-[340px] overflow-auto">
    <table className="w-full text-right text-small">
      <thead className="sticky top-0 bg-paper"><tr><th scope="col" className="px-2 py-1 text-left font-normal text-soft">run</th>{axes.map(({ field, label }) => <th key={field} scope="col" className="px-2 py-1 font-normal whitespace-nowrap text-soft">{label}</th>)}</tr></thead>
      <tbody>
        {rows.slice(0, MOST_TABLE_ROWS).map((row) => (
          <tr key={row.id} className="border-t border-line/60">
            <th scope="row" className="px-2 text-left font-normal whitespace-nowrap"><Link to="/runs/$runId" params={{ runId: row.id }} title={row.id} className="inline-block min-w-6 leading-6">{shortId(row.id)}</Link></th>
            {axes.map((axis) => <td key={axis.field} className="px-2 whitespace-nowrap">{axis.text(row)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
    {rows.length > MOST_TABLE_ROWS ? <p className="px-2 py-1 text-soft">The first {formatNumber(MOST_TABLE_ROWS)} of {formatCount(rows.length, "run")}.</p> : null}
  </div>
)

type Kind = "scatter" | "parallel"

export const AcrossRuns = (props: AcrossRunsProps) => {
  const { changedAtMs, experiment, list, names, onChange, onFilter, onSearch, onSelect, selected, settings, where } = props
  const kind: Kind = settings.across === "parallel" ? "parallel" : "scatter"
  const navigate = useNavigate()
  const [asTable, setAsTable] = useState(false)
  const [ranges, setRanges] = useState<ReadonlyMap<string, Range>>(new Map())
  const canvas = useRef<HTMLCanvasElement>(null)
  const hidden = useHiddenRuns()
  const all = useMemo(() => [...new Set([...ROW_FIELDS, ...names])], [names])

  const defaults = useMemo(() => defaultsOf(list), [list])
  const [x = defaults.xy[0], y = defaults.xy[1]] = splitFields(settings.xy)
  const chosen = settings.axes === undefined ? defaults.axes : splitFields(settings.axes).slice(0, MOST_AXES)
  const shown = kind === "scatter" ? [x, y] : chosen
  const tint = settings.tint ?? ""
  const logs = splitFields(settings.logs)
  const asked = [...new Set([...shown, ...tint === "" ? [] : [tint]])]
  const { data, error, isPlaceholderData } = useManyRuns({ experiment, where, select: asked.filter((field) => !isRowField(field)).toSorted().join(",") }, changedAtMs)

  const rows = useMemo(() => data?.runs.filter(({ id }) => !hidden.has(id)) ?? [], [data, hidden])
  const key = [...shown, "", ...logs].join()
  const axes = useMemo(() => shown.map((field) => axisOf(rows, field, logs.includes(field))), [rows, key])
  const tintAxis = useMemo(() => (tint === "" ? undefined : axisOf(rows, tint, logs.includes(tint))), [rows, tint, key])
  const colorOf = useColors(rows, tintAxis)
  const left = kind === "parallel" && ranges.size > 0 ? within(rows, axes, ranges) : undefined
  const placeless = kind === "scatter" ? rows.filter((row) => axes.some((axis) => axis.at(row) === undefined)).length : 0
  const title = kind === "scatter" ? `${axes[1]!.label} against ${axes[0]!.label}` : axes.map(({ label }) => label).join(", ")

  const setLog = (field: string, on: boolean): void => onChange({ logs: (on ? [...logs, field] : logs.filter((one) => one !== field)).join(",") || undefined })
  const setRange = (field: string, range: Range | undefined): void => {
    const next = new Map(ranges)
    if (range === undefined) next.delete(field)
    else next.set(field, range)
    setRanges(next)
  }
  const filter = (): void => {
    const conditions = axes.flatMap((axis) => (ranges.has(axis.field) ? [axis.condition(...ranges.get(axis.field)!)] : []))
    const before = where === undefined || where.trim() === "" ? [] : [/\bor\b/i.test(where) ? `(${where})` : where]
    setRanges(new Map())
    onFilter([...before, ...conditions].join(" and "))
  }
  const picture = { rows, colorOf, selected, onSelect, canvas, onOpen: (id: string) => void navigate({ to: "/runs/$runId", params: { runId: id } }) }
  const small = "min-h-6 rounded px-1.5 text-small text-soft hover:bg-band hover:text-ink disabled:opacity-50"
  const logBox = (axis: Axis, name: string) => (
    <label className={`flex items-center gap-1.5 ${axis.categories === undefined ? "" : "text-soft"}`}><input type="checkbox" className="accent-accent" disabled={axis.categories !== undefined} checked={axis.log} onChange={(event) => setLog(axis.field, event.target.checked)} />{name}</label>
  )

  return (
    <>
      <div className="mb-2 flex flex-wrap items-center gap-x-3 gap-y-2 text-small">
        {kind === "scatter" ? (
          <>
            <FieldPick label="x" all={all} value={x} onSearch={onSearch} onChange={(field) => onChange({ xy: `${field},${y}` })} />
            {logBox(axes[0]!, "Log x")}
            <FieldPick label="y" all={all} value={y} onSearch={onSearch} onChange={(field) => onChange({ xy: `${x},${field}` })} />
            {logBox(axes[1]!, "Log y")}
          </>
        ) : (
          <>
            <Popover.Root>
              <Popover.Trigger className="min-h-7 rounded border border-line px-2 py-0.5 hover:bg-band">Axes ({axes.length})</Popover.Trigger>
              <Choice label="Axes" all={all} chosen={chosen} onSearch={onSearch} onReset={() => onChange({ axes: undefined })} onChange={(next) => onChange({ axes: next.slice(0, MOST_AXES).join(",") })} />
            </Popover.Root>
            <Popover.Root>
              <Popover.Trigger className="min-h-7 rounded border border-line px-2 py-0.5 hover:bg-band">Log scale ({axes.filter(({ log }) => log).length})</Popover.Trigger>
              <Choice label="Axes on a log scale" all={axes.filter(({ categories }) => categories === undefined).map(({ field }) => field)} chosen={axes.filter(({ log }) => log).map(({ field }) => field)} onChange={(next) => onChange({ logs: next.join(",") || undefined })} />
            </Popover.Root>
          </>
        )}
        <FieldPick label="Colour" all={all} value={tint} none="of the run" onSearch={onSearch} onChange={(field) => onChange({ tint: field === "" ? undefined : field })} />
        {tintAxis === undefined || rows.length === 0 ? null : <Legend axis={tintAxis} />}
        <span className="ml-auto flex">
          <button type="button" className={small} aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>{asTable ? "Picture" : "Data"}</button>
          <button type="button" className={small} disabled={asTable || rows.length === 0} onClick={() => canvas.current === null ? undefined : savePicture(canvas.current, title, tint === "" && rows.length <= 20 ? rows.map(({ id }) => id) : [])}>PNG</button>
        </span>
      </div>
      {error === null ? null : <Failure error={error} />}
      <div className={`rounded border border-line ${isPlaceholderData ? "opacity-70" : ""}`} aria-busy={data === undefined && error === null ? true : undefined} style={{ minHeight: 342 }}>
        {data === undefined ? null
          : asTable ? <DataTable axes={axes} rows={left ?? rows} />
          : axes.length === 0 ? <p className="py-28 text-center text-small text-soft">Choose axes: params and metrics of the runs.</p>
          : rows.length === 0 ? <p className="py-28 text-center text-small text-soft">No runs to draw.</p>
          : kind === "scatter" ? <RunScatter {...picture} x={axes[0]!} y={axes[1]!} />
          : <RunParallels {...picture} axes={axes} ranges={ranges} onRange={setRange} />}
      </div>
      <p className="mt-1 flex min-h-7 flex-wrap items-center gap-2 text-small text-soft">
        <span role="status">
          {left !== undefined ? `${formatNumber(left.length)} of ${formatCount(rows.length, "run")} within the ranges` : data === undefined ? "" : `${data.more ? "the newest " : ""}${formatCount(rows.length, "run")}${placeless === 0 ? "" : `, ${formatNumber(placeless)} without a place here`}`}
        </span>
        {left === undefined ? <span>{kind === "scatter" ? "Drag to select runs" : "Drag along an axis to leave a range of it"}</span> : (
          <>
            <Button disabled={left.length === 0} onClick={() => onSelect(left.map(({ id }) => id), true)}>Select them</Button>
            <Button onClick={filter}>Filter by the ranges</Button>
            <Button onClick={() => setRanges(new Map())}>All again</Button>
          </>
        )}
      </p>
    </>
  )
}
