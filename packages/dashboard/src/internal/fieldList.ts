/** Which fields runs have. Of thousands of metrics: names are counted as they are, and written as fields only where they are sent. */
import { Filter, type FoundRun, RunStore } from "@uniflow/core"
import { Effect } from "effect"
import type { FieldList } from "../Api.ts"

const MOST_RUNS = 1_000
const MOST_FIELDS = 2_000

interface Seen {
  readonly field: Filter.Field
  readonly first: unknown
  readonly goal: "maximize" | "minimize" | null
  varies: boolean
  runs: number
  curve: boolean
}

const same = (a: unknown, b: unknown): boolean => Object.is(a, b) || typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b)

/** Counts a value of a field in a run. */
const count = (fields: Map<string, Seen>, name: string, value: unknown, make: (name: string) => Pick<Seen, "field" | "goal">, curve = false): void => {
  const known = fields.get(name)
  if (known === undefined) {
    fields.set(name, { ...make(name), first: value, varies: false, runs: 1, curve })
    return
  }
  known.runs++
  known.varies ||= !same(known.first, value)
  known.curve ||= curve
}

/** The fields of the newest runs that match, those that vary first; `search` leaves those whose names hold it. */
export const fieldList = Effect.fnUntraced(function*(where: Filter.Filter, search = "") {
  const found = yield* (yield* RunStore).find({ where, limit: MOST_RUNS })
  const params = new Map<string, Seen>()
  const tags = new Map<string, Seen>()
  // By key alone where one step of the run has it, and by step and key: names are put together only where both are needed.
  const short = new Map<string, Seen>()
  const full = new Map<string, Map<string, Seen>>()
  for (const one of found) {
    for (const [name, value] of Object.entries(one.run.params)) count(params, name, value, () => ({ field: { _tag: "Param", path: [name] }, goal: null }))
    for (const [name, value] of Object.entries(one.run.tags)) count(tags, name, value, () => ({ field: { _tag: "Tag", name }, goal: null }))
    const metricOf = (name: string): Pick<Seen, "field" | "goal"> => ({ field: { _tag: "Metric", name, figure: "last" }, goal: one.run.goals[name] ?? null })
    const once = new Map<string, FoundRun["metrics"][number] | undefined>()
    for (const metric of one.metrics) {
      const { address, key, last, max, min } = metric
      once.set(key, once.has(key) ? undefined : metric)
      let own = full.get(address)
      if (own === undefined) full.set(address, own = new Map())
      count(own, key, last, () => metricOf(`${address}.${key}`), min < max)
    }
    for (const [key, metric] of once) if (metric !== undefined) count(short, key, metric.last, metricOf, metric.min < metric.max)
  }
  // A metric has two names: the full one is told where the short one does not say it for all runs, and comes before a key that reads the same.
  const metrics = new Map(short)
  for (const [address, own] of full) for (const [key, seen] of own) if (short.get(key)?.runs !== seen.runs) metrics.set(`${address}.${key}`, seen)
  const wanted = search.toLowerCase()
  const all = ([["params", params], ["tags", tags], ["metrics", metrics]] as const).flatMap(([kind, fields]) =>
    [...fields].flatMap(([name, seen]) => (wanted === "" || `${kind}.${name}`.toLowerCase().includes(wanted) ? [{ ...seen, varies: seen.varies || seen.runs < found.length }] : [])))
  const list: FieldList = {
    fields: all.toSorted((a, b) => Number(b.varies) - Number(a.varies) || Number(b.goal !== null) - Number(a.goal !== null) || b.runs - a.runs)
      .slice(0, MOST_FIELDS).map(({ curve, field, goal, runs, varies }) => ({ field: Filter.fieldText(field), varies, runs, goal, curve })),
    truncated: all.length > MOST_FIELDS
  }
  return list
})
