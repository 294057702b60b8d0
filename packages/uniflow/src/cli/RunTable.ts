/**
 * Runs as a table, newest first: state, id, pipeline, when, how long, and the metrics in which they differ, with their
 * differences to the pinned baseline of their experiment, if it has one.
 */
import { type Cell, changeBetween, formatDelta, formatDuration, formatNumbers, formatPercent, MISSING, renderTable, type TableOptions } from "@uniflow/compare"
import { Filter, type RunRecord } from "@uniflow/core"
import { lookOfStatus } from "./Look.ts"
import { ago } from "./RelativeTime.ts"

/** A run with its last metric values by name. */
export interface ListedRun {
  readonly run: RunRecord
  readonly metrics: { readonly [name: string]: number }
  /** The columns that were asked for; else the metrics in which runs differ are shown. */
  readonly values?: ReadonlyArray<readonly [name: string, value: unknown, field: Filter.Field]> | undefined
  /** The pinned baseline of its experiment, itself or another run. */
  readonly baseline?: { readonly id: string; readonly metrics: ListedRun["metrics"] } | undefined
}

const own = (metrics: ListedRun["metrics"], name: string): number | undefined => (Object.hasOwn(metrics, name) ? metrics[name] : undefined)

/** How a metric differs from the pinned baseline's. */
const deltaCell = ({ baseline, metrics, run }: ListedRun, name: string): Cell => {
  const base = baseline === undefined || baseline.id === run.id ? undefined : own(baseline.metrics, name)
  const value = own(metrics, name)
  if (base === undefined || value === undefined) return { text: "", whole: true }
  const goal = Object.hasOwn(run.goals, name) ? run.goals[name] : run.goals[name.slice(name.indexOf(".") + 1)]
  const { better, delta, percent } = changeBetween(base, value, goal)
  const text = percent !== undefined ? (percent === 0 ? "=" : formatPercent(percent)) : delta === undefined ? "" : formatDelta(delta)
  return { text, tone: better === "better" ? "good" : better === "worse" ? "bad" : "faint", whole: true }
}

/** Time since the newest attempt began, or that it took; undefined where it never ended. */
export const durationOf = (run: RunRecord, nowMs: number): number | undefined =>
  run.endedAtMs !== null ? run.endedAtMs - run.startedAtMs : run.status === "running" ? nowMs - run.startedAtMs : undefined

/** Names of metrics whose values differ among the runs: those with a goal first, then those that most runs have. */
export const varyingMetrics = (runs: ReadonlyArray<ListedRun>, most: number): ReadonlyArray<string> => {
  const values = new Map<string, Array<number>>()
  for (const { metrics } of runs) for (const [name, value] of Object.entries(metrics)) values.set(name, [...(values.get(name) ?? []), value])
  const goals = new Set(runs.flatMap(({ run }) => Object.keys(run.goals)))
  return [...values]
    .filter(([name, all]) => (runs.length === 1 || all.length < runs.length || new Set(all).size > 1 || goals.has(name)) && !isQualifiedTwin(name, values))
    .sort(([a, all], [b, others]) => Number(goals.has(b)) - Number(goals.has(a)) || others.length - all.length)
    .slice(0, most)
    .map(([name]) => name)
}

/** `step.key` beside a bare `key` says the same again. */
const isQualifiedTwin = (name: string, values: ReadonlyMap<string, unknown>): boolean => {
  const dot = name.indexOf(".")
  return dot >= 0 && values.has(name.slice(dot + 1))
}

/** A column's values: numbers aligned with each other, dates and durations as people read them. */
const textsOf = (values: ReadonlyArray<unknown>, field: Filter.Field, nowMs: number): ReadonlyArray<string> => {
  const kind = field._tag === "Run" ? Filter.RUN_FIELDS[field.name] : undefined
  if (kind === undefined && values.every((value) => value === undefined || typeof value === "number")) return formatNumbers(values as ReadonlyArray<number | undefined>)
  return values.map((value) =>
    value === undefined || value === null
      ? MISSING
      : typeof value === "number" && kind === "date"
      ? ago(value, nowMs)
      : typeof value === "number" && kind === "duration"
      ? formatDuration(Math.max(0, value))
      : typeof value === "string" ? value : JSON.stringify(value))
}

/** The table; metrics give way where the terminal is narrow. */
export const renderRuns = (runs: ReadonlyArray<ListedRun>, options: TableOptions & { readonly nowMs: number }): string => {
  const columns = options.columns ?? Number.POSITIVE_INFINITY
  const asked = runs[0]?.values
  const metrics = asked?.map(([name]) => name) ?? varyingMetrics(runs, columns < 72 ? 0 : columns < 100 ? 1 : columns < 130 ? 3 : 4)
  const texts = asked === undefined
    ? metrics.map((name) => formatNumbers(runs.map((listed) => own(listed.metrics, name))))
    : asked.map((_, at) => textsOf(runs.map(({ values }) => values?.[at]?.[1]), asked[at]![2], options.nowMs))
  const deltas = asked === undefined && runs.some(({ baseline }) => baseline !== undefined)
  return renderTable({
    columns: [
      {}, { gap: 1, minWidth: 12 }, { minWidth: 6 }, {}, {}, { align: "right" },
      ...metrics.flatMap(() => [{ align: "right" as const }, ...deltas ? [{ gap: 1, align: "right" as const }] : []])
    ],
    header: { cells: ["", "run", "pipeline", "status", "started", "took", ...metrics.flatMap((name) => [name, ...deltas ? [""] : []])] },
    rows: runs.map((listed, at) => {
      const { baseline, run } = listed
      const look = lookOfStatus(run.status)
      const took = durationOf(run, options.nowMs)
      const cells: Array<Cell | string> = [
        { text: look.symbol, tone: look.tone },
        { text: baseline?.id === run.id ? `${run.id} (baseline)` : run.id, whole: run.id.length <= 24 },
        run.experiment === run.pipeline ? run.pipeline : `${run.pipeline} (${run.experiment})`,
        { text: run.status, tone: look.tone },
        { text: ago(run.startedAtMs, options.nowMs), tone: "faint" },
        { text: took === undefined ? MISSING : formatDuration(Math.max(0, took)), whole: true }
      ]
      const shown = texts.flatMap((column, metric): ReadonlyArray<Cell> => [{ text: column[at] ?? MISSING, whole: asked === undefined }, ...deltas ? [deltaCell(listed, metrics[metric]!)] : []])
      return { cells: [...cells, ...shown] }
    })
  }, options)
}
