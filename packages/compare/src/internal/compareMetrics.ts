/**
 * Metrics of runs, lined up by name.
 *
 * A key that one step alone has in all runs is named by the key, as in `run.metrics`; runs of different pipelines meet
 * under a key even if their steps have different names. What the items of a map log under one key is one metric of the
 * step, over all their points, and always named `step.key`.
 */
import { metricValues, type RunSnapshot, type SeriesRecord } from "@uniflow/core"
import { bestOf, changeBetween, type Goal } from "../Change.ts"
import type { ComparedMetric, MetricValue } from "../Comparison.ts"
import { compared, stepsByAddress } from "./comparing.ts"

type Figures = Omit<MetricValue, "change">

interface Metric {
  readonly name: string
  readonly key: string
  readonly figures: Figures
}

interface RunMetrics {
  readonly pipeline: string
  readonly goals: ReadonlyMap<string, Goal>
  readonly metrics: ReadonlyMap<MetricId, Metric>
  /** Keys that steps logged, items of maps aside. */
  readonly keys: ReadonlySet<string>
  /** Those that one step alone has. */
  readonly bare: ReadonlyMap<string, MetricId>
}

/** Step and key; their names joined by a dot could be those of another pair. */
type MetricId = string
const metricId = (step: string, key: string): MetricId => JSON.stringify([step, key])

const figuresOf = (step: string, series: ReadonlyArray<SeriesRecord>, isMap: boolean): Figures => {
  const summaries = series.map(({ summary }) => summary)
  const count = summaries.reduce((total, one) => total + one.count, 0)
  const nans = summaries.reduce((total, one) => total + one.nans, 0)
  const numbers = summaries.filter((one) => one.count > one.nans)
  const none = numbers.length === 0
  return {
    step,
    last: isMap ? undefined : summaries[0]?.last,
    min: none ? Number.NaN : numbers.reduce((least, { min }) => Math.min(least, min), Number.POSITIVE_INFINITY),
    max: none ? Number.NaN : numbers.reduce((most, { max }) => Math.max(most, max), Number.NEGATIVE_INFINITY),
    mean: none ? Number.NaN : numbers.reduce((total, { sum }) => total + sum, 0) / (count - nans),
    count,
    nans,
    items: isMap ? series.length : undefined
  }
}

/** The newest generation of each series: an unfinished one may stand beside what it replaces. */
const newest = (series: ReadonlyArray<SeriesRecord>): ReadonlyArray<SeriesRecord> => {
  const found = new Map<string, SeriesRecord>()
  for (const one of series) {
    const id = metricId(one.address, one.key)
    const other = found.get(id)
    if (other === undefined || one.generation >= other.generation) found.set(id, one)
  }
  return [...found.values()]
}

const metricsOf = (snapshot: RunSnapshot): RunMetrics => {
  const stepOf = stepsByAddress(snapshot)
  const groups = new Map<MetricId, { readonly step: string; readonly first: SeriesRecord; readonly series: Array<SeriesRecord> }>()
  for (const one of newest(snapshot.series)) {
    const step = stepOf(one.address)
    const group = groups.get(metricId(step, one.key))
    if (group === undefined) groups.set(metricId(step, one.key), { step, first: one, series: [one] })
    else group.series.push(one)
  }
  const metrics = new Map<MetricId, Metric>()
  for (const [id, { first, series, step }] of groups) {
    const isMap = series.some(({ address }) => address !== step)
    metrics.set(id, { name: `${step}.${first.key}`, key: first.key, figures: figuresOf(step, series, isMap) })
  }
  const bare = new Map<string, MetricId>()
  const plain = [...groups.values()].filter(({ series, step }) => series.every(({ address }) => address === step)).map(({ first }) => first)
  for (const [name, { address, key }] of metricValues(plain)) {
    if (name === key) bare.set(key, metricId(address, key))
  }
  return {
    pipeline: snapshot.run.pipeline,
    goals: new Map(Object.entries(snapshot.run.goals)),
    metrics,
    keys: new Set(plain.map(({ key }) => key)),
    bare
  }
}

/** Whether a key means one and the same metric wherever a run has it. */
const isOneMetric = (key: string, runs: ReadonlyArray<RunMetrics>): boolean => {
  const byPipeline = new Map<string, MetricId>()
  return runs.filter(({ keys }) => keys.has(key)).every(({ bare, pipeline }) => {
    const id = bare.get(key)
    if (id === undefined) return false
    const known = byPipeline.get(pipeline) ?? id
    byPipeline.set(pipeline, id)
    return known === id
  })
}

const goalOf = (key: string, names: ReadonlySet<string>, runs: ReadonlyArray<RunMetrics>): Goal | undefined => {
  const declared = new Set(runs.flatMap(({ goals }) => {
    const goal = [...names].map((name) => goals.get(name)).find((one) => one !== undefined) ?? goals.get(key)
    return goal === undefined ? [] : [goal]
  }))
  return declared.size === 1 ? [...declared][0] : undefined
}

const lineUp = (name: string, key: string, found: ReadonlyArray<Figures | undefined>, runs: ReadonlyArray<RunMetrics>): ComparedMetric => {
  const names = new Set(found.flatMap((one) => (one === undefined ? [] : [`${one.step}.${key}`])))
  const goal = goalOf(key, names, runs)
  const figure = found.some((one) => one?.items !== undefined) ? "mean" : "last"
  const figures = found.map((one) => (one === undefined ? undefined : one[figure]))
  const base = figures[0]
  const values = found.map((one, at): MetricValue | undefined => {
    const value = figures[at]
    return one === undefined
      ? undefined
      : { ...one, change: at === 0 || base === undefined || value === undefined ? undefined : changeBetween(base, value, goal) }
  })
  return { name, key, goal, figure, best: bestOf(figures, goal), values, differs: compared(found).differs }
}

/** Compares the metrics of runs. */
export const compareMetrics = (snapshots: ReadonlyArray<RunSnapshot>): ReadonlyArray<ComparedMetric> => {
  const runs = snapshots.map(metricsOf)
  const keys = new Map([...new Set(runs.flatMap((run) => [...run.keys]))].map((key) => [key, isOneMetric(key, runs)]))
  const metrics = new Map<string, ComparedMetric>()
  for (const run of runs) {
    for (const [id, { figures: { items }, key, name }] of run.metrics) {
      const one = items === undefined && keys.get(key) === true
      const found = one ? key : id
      if (metrics.has(found)) continue
      const all = runs.map((other) => other.metrics.get(one ? other.bare.get(key) ?? "" : id)?.figures)
      metrics.set(found, lineUp(one ? key : name, key, all, runs))
    }
  }
  const goals = [...new Set(runs.flatMap(({ goals: declared }) => [...declared.keys()]))]
  const rank = ({ key, name, values }: ComparedMetric): number => {
    const names = [name, key, ...values.flatMap((value) => (value === undefined ? [] : [`${value.step}.${key}`]))]
    const at = goals.findIndex((goal) => names.includes(goal))
    return at < 0 ? goals.length : at
  }
  return [...metrics.values()].toSorted((a, b) => rank(a) - rank(b))
}
