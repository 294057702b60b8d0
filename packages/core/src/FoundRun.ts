/**
 * A run as a search finds it: its record, Git of its newest attempt, and a summary of each metric.
 *
 * Summaries are of the generation of each step that was recorded, or logged points, last; metrics of a map's items are
 * not among them. `MemoryRunStore` answers a query by the functions here, and SQL stores by statements that say the same.
 */
import type { AttemptEnvironment } from "./Environment.ts"
import type { Field, FilterValue, MetricFigure, Order } from "./internal/filterModel.ts"
import { comparable, type Fact, factName, gitFacts, paramFacts, tagFacts } from "./Facts.ts"
import type { RunRecord } from "./RunRecord.ts"

/** The figures of a metric; NaN where the point is NaN, or every point is. */
export interface MetricSummary {
  readonly address: string
  readonly key: string
  readonly generation: number
  readonly last: number
  readonly min: number
  readonly max: number
}

/** Where a run stands in an order: a value for each of its keys, undefined where it has none, and its id. */
export interface SortKey {
  readonly values: ReadonlyArray<FilterValue | undefined>
  readonly id: string
}

export interface FoundRun {
  readonly run: RunRecord
  readonly git: AttemptEnvironment["git"]
  readonly metrics: ReadonlyArray<MetricSummary>
  readonly sortKey: SortKey
}

/** A summary as a name finds it: `address.key`, or the bare key where one step alone has it. */
export const metricNamed = (metrics: ReadonlyArray<MetricSummary>, name: string): MetricSummary | undefined => {
  let bare: MetricSummary | undefined
  let bares = 0
  let full: MetricSummary | undefined
  for (const metric of metrics) {
    if (metric.key === name) {
      bare = metric
      bares++
    }
    // Of several that read the same, the one with the shortest address.
    if (`${metric.address}.${metric.key}` === name && (full === undefined || metric.address.length < full.address.length)) full = metric
  }
  return full ?? (bares === 1 ? bare : undefined)
}

/** Whether a metric maximizes or minimizes, by its name in the filter, its full name or its bare key. */
const goalOf = (goals: RunRecord["goals"], metric: MetricSummary): "maximize" | "minimize" | undefined => {
  for (const name of [`${metric.address}.${metric.key}`, metric.key]) if (Object.hasOwn(goals, name)) return goals[name]
  return undefined
}

/** The figure of a summary; undefined for `best` without a goal. */
export const figureOf = (metric: MetricSummary, figure: MetricFigure, goals: RunRecord["goals"]): number | undefined => {
  if (figure !== "best") return metric[figure]
  const goal = goalOf(goals, metric)
  return goal === undefined ? undefined : goal === "maximize" ? metric.max : metric.min
}

/** A value that is there: undefined stands for one that cannot be compared, NaN for that of a metric. */
export interface Present {
  readonly value: FilterValue | undefined
}

/** Looks values of one run up. */
export type Lookup = (field: Field) => Present | undefined

/** The values of a run by field. */
export const lookupOf = ({ git, metrics, run }: Omit<FoundRun, "sortKey">): Lookup => {
  let facts: Map<string, Fact[1]> | undefined
  const present = (value: FilterValue | null | undefined): Present | undefined => (value === null || value === undefined ? undefined : { value })
  return (field) => {
    const name = factName(field)
    if (name !== undefined) {
      facts ??= new Map([...paramFacts(run.params), ...tagFacts(run.tags), ...(git === undefined ? [] : gitFacts({ git }))])
      return facts.has(name) ? { value: facts.get(name) } : undefined
    }
    if (field._tag === "Metric") {
      const metric = metricNamed(metrics, field.name)
      return metric === undefined ? undefined : present(figureOf(metric, field.figure, run.goals))
    }
    if (field._tag !== "Run") return undefined
    switch (field.name) {
      case "id":
      case "name":
        return present(run.id)
      case "created":
        return present(run.createdAtMs)
      case "started":
        return present(run.startedAtMs)
      case "ended":
        return present(run.endedAtMs)
      case "duration":
        return present(run.endedAtMs === null ? null : run.endedAtMs - run.startedAtMs)
      case "pipeline":
      case "experiment":
      case "status":
      case "parent":
      case "failedStep": {
        const text = run[field.name]
        return present(text === null ? null : comparable(text))
      }
      case "seed":
      case "attempts":
        return present(run[field.name])
      default:
        return undefined
    }
  }
}

/** Newest first. */
export const NEWEST_FIRST: ReadonlyArray<Order> = [{ field: { _tag: "Run", name: "created" }, direction: "desc" }]

/** Where a run stands in an order. */
export const sortKeyOf = (order: ReadonlyArray<Order>, id: string, lookup: Lookup): SortKey => ({
  values: order.map(({ field }) => {
    const value = lookup(field)?.value
    return typeof value === "number" && value !== value ? undefined : value
  }),
  id
})

/** By code points, as databases compare bytes of UTF-8. */
export const compareText = (a: string, b: string): number => {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  if (at === length) return a.length - b.length
  const x = a.charCodeAt(at)
  const y = b.charCodeAt(at)
  // Surrogates stand for code points above all others.
  const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff
  return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1
}

/** Numbers, and true and false as 1 and 0, before text, before what is not there. */
const rankOf = (value: FilterValue | undefined): number => (value === undefined ? 2 : typeof value === "string" ? 1 : 0)

/** Infinities have no difference. */
const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0)

/** Order of two places: by each key in turn, then by id in the direction of the last key. */
export const compareKeys = (order: ReadonlyArray<Order>) => (a: SortKey, b: SortKey): number => {
  for (const [n, { direction }] of order.entries()) {
    const x = a.values[n]
    const y = b.values[n]
    const ranks = rankOf(x) - rankOf(y)
    if (ranks !== 0) return ranks
    if (x === undefined || y === undefined) continue
    const difference = typeof x === "string" ? compareText(x, y as string) : compareNumbers(Number(x), Number(y))
    if (difference !== 0) return direction === "asc" ? difference : -difference
  }
  return order.at(-1)?.direction === "desc" ? compareText(b.id, a.id) : compareText(a.id, b.id)
}
