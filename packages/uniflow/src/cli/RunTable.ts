/**
 * Runs as a table, newest first: state, id, pipeline, when, how long, and the metrics in which they differ.
 */
import { type Cell, formatDuration, formatNumbers, MISSING, renderTable, type TableOptions } from "@uniflow/compare"
import { Filter, type RunRecord } from "@uniflow/core"
import { lookOfStatus } from "./Look.ts"
import { ago } from "./RelativeTime.ts"

/** A run with its last metric values by name. */
export interface ListedRun {
  readonly run: RunRecord
  readonly metrics: { readonly [name: string]: number }
  /** The columns that were asked for; else the metrics in which runs differ are shown. */
  readonly values?: ReadonlyArray<readonly [name: string, value: unknown, field: Filter.Field]> | undefined
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
    ? metrics.map((name) => formatNumbers(runs.map((listed) => (Object.hasOwn(listed.metrics, name) ? listed.metrics[name] : undefined))))
    : asked.map((_, at) => textsOf(runs.map(({ values }) => values?.[at]?.[1]), asked[at]![2], options.nowMs))
  return renderTable({
    columns: [{}, { gap: 1, minWidth: 12 }, { minWidth: 6 }, {}, {}, { align: "right" }, ...metrics.map(() => ({ align: "right" as const }))],
    header: { cells: ["", "run", "pipeline", "status", "started", "took", ...metrics] },
    rows: runs.map(({ run }, at) => {
      const look = lookOfStatus(run.status)
      const took = durationOf(run, options.nowMs)
      const cells: Array<Cell | string> = [
        { text: look.symbol, tone: look.tone },
        { text: run.id, whole: run.id.length <= 24 },
        run.experiment === run.pipeline ? run.pipeline : `${run.pipeline} (${run.experiment})`,
        { text: run.status, tone: look.tone },
        { text: ago(run.startedAtMs, options.nowMs), tone: "faint" },
        { text: took === undefined ? MISSING : formatDuration(Math.max(0, took)), whole: true }
      ]
      return { cells: [...cells, ...texts.map((column) => ({ text: column[at] ?? MISSING, whole: asked === undefined }))] }
    })
  }, options)
}
