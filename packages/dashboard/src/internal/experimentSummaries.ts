/** What the first page shows of each experiment, kept for as long as none of its runs changes. */
import { pinnedBaseline } from "@uniflow/compare"
import { Filter, FindRuns, type FoundRun, RunStore } from "@uniflow/core"
import { Effect, Semaphore } from "effect"
import type { ExperimentSummary } from "../Api.ts"
import { rowOf } from "./rowOf.ts"
import { allOf } from "./Visitor.ts"

const MOST_EXPERIMENTS = 200
const TREND = 30

/** Of so many changed runs it is looked up which experiment they are of; after more, everything is read again. */
const MOST_CHANGED = 200

export const isExperiment = (experiment: string | undefined): Filter.Filter | undefined =>
  experiment === undefined ? undefined : { _tag: "Compare", field: { _tag: "Run", name: "experiment" }, comparison: "=", value: experiment }

const isCompleted: Filter.Filter = { _tag: "Compare", field: { _tag: "Run", name: "status" }, comparison: "=", value: "completed" }

const summaryOf = Effect.fnUntraced(function*(counts: Pick<ExperimentSummary, "experiment" | "runs" | "running" | "failed">, where: Filter.Filter | undefined) {
  const store = yield* RunStore
  const own = allOf(isExperiment(counts.experiment), where)
  const newest = yield* store.find({ where: own, limit: TREND })
  const last = newest[0]
  if (last === undefined) return undefined
  const pin = yield* pinnedBaseline(counts.experiment)
  // It may be one that this principal does not see.
  const pinned = pin === undefined || where === undefined ? pin : (yield* store.find({ where: allOf({ _tag: "Compare", field: { _tag: "Run", name: "id" }, comparison: "=", value: pin.run.id }, where), limit: 1 }))[0]
  const [goal] = Object.entries(newest.find(({ run }) => Object.keys(run.goals).length > 0)?.run.goals ?? {})
  const field: Filter.Field | undefined = goal === undefined ? undefined : { _tag: "Metric", name: goal[0], figure: "last" }
  const best = goal === undefined || field === undefined
    ? undefined
    : (yield* store.find({ where: allOf(own, isCompleted), orderBy: [{ field, direction: goal[1] === "maximize" ? "desc" : "asc" }], limit: 1 }))[0]
  const shown = field === undefined ? [] : [[Filter.fieldText(field), field] as const]
  const valueOf = (found: FoundRun): number | undefined => {
    const value = field === undefined ? undefined : FindRuns.valueOf(found, field)
    return typeof value === "number" && Number.isFinite(value) ? value : undefined
  }
  const summary: ExperimentSummary = {
    experiment: counts.experiment,
    runs: counts.runs,
    running: counts.running,
    failed: counts.failed,
    last: rowOf(last, shown),
    baseline: pinned === undefined ? null : rowOf(pinned, shown),
    best: best === undefined || goal === undefined || valueOf(best) === undefined ? null : { run: rowOf(best, shown), metric: goal[0], goal: goal[1] },
    trend: newest.toReversed().flatMap((found) => valueOf(found) ?? [])
  }
  return summary
})

/** The counts of experiments; of what a principal sees they are counted run by run. */
const countsOf = Effect.fnUntraced(function*(where: Filter.Filter | undefined) {
  const store = yield* RunStore
  if (where === undefined) return (yield* store.experiments).slice(0, MOST_EXPERIMENTS)
  const runs = (yield* store.find({ where, limit: 1_000 })).map(({ run }) => run)
  return [...Map.groupBy(runs, ({ experiment }) => experiment)].slice(0, MOST_EXPERIMENTS).map(([experiment, own]) => ({
    experiment,
    runs: own.length,
    running: own.filter(({ status }) => status === "running").length,
    failed: own.filter(({ status }) => status === "failed" || status === "crashed").length
  }))
})

/**
 * Makes a reader of the summaries of all experiments. For who sees every run they are kept: `changes` tells which to read again, and the counts tell of
 * removed runs. Who sees some runs alone is answered anew each time.
 */
export const experimentSummaries = () => {
  const kept = new Map<string, ExperimentSummary>()
  let cursor = 0
  // What one request forgets, another must not answer with.
  const gate = Semaphore.makeUnsafe(1)

  const forgetChanged = Effect.gen(function*() {
    const store = yield* RunStore
    const changed: Array<string> = []
    let at = cursor
    while (true) {
      const next = yield* store.changes(at)
      at = next.cursor
      if (next.runIds.length === 0) break
      changed.push(...next.runIds)
    }
    if (changed.length > MOST_CHANGED) kept.clear()
    else if (kept.size > 0) for (const run of yield* Effect.forEach(changed, (id) => store.run(id))) if (run !== undefined) kept.delete(run.experiment)
    cursor = at
  })

  const isAsCounted = ({ experiment, failed, running, runs }: Parameters<typeof summaryOf>[0]): boolean => {
    const one = kept.get(experiment)
    return one !== undefined && one.runs === runs && one.running === running && one.failed === failed
  }

  const keptSummaries = Effect.gen(function*() {
    yield* forgetChanged
    const counted = yield* countsOf(undefined)
    yield* Effect.forEach(counted.filter((one) => !isAsCounted(one)), Effect.fnUntraced(function*(counts) {
      const summary = yield* summaryOf(counts, undefined)
      if (summary === undefined) kept.delete(counts.experiment)
      else kept.set(counts.experiment, summary)
    }), { concurrency: 4 })
    const all = counted.flatMap(({ experiment }) => kept.get(experiment) ?? [])
    const names = new Set(counted.map(({ experiment }) => experiment))
    for (const experiment of kept.keys()) if (!names.has(experiment)) kept.delete(experiment)
    return all
  })

  return (where: Filter.Filter | undefined) =>
    where === undefined ? gate.withPermit(keptSummaries) : Effect.gen(function*() {
      const summaries = yield* Effect.forEach(yield* countsOf(where), (counts) => summaryOf(counts, where), { concurrency: 4 })
      return summaries.filter((one) => one !== undefined)
    })
}
