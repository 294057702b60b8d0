/**
 * Summaries of the metrics of runs, kept for as long as the run stays as it is: a page of charts asks for one metric after the other, and a run may have
 * thousands of others.
 */
import { type Filter, type FoundRun, RunNotFound, RunStore } from "@uniflow/core"
import { Effect } from "effect"
import { allOf, runOf } from "./Visitor.ts"

type Summaries = Pick<FoundRun, "run" | "metrics">

/** So many summaries are kept at most, about 200 bytes each. */
const MOST_KEPT = 200_000

/** Makes a reader of runs by ids. It gives them in the order of the ids, and fails where one of them does not exist for who asks. */
export const runSummaries = () => {
  const kept = new Map<string, Summaries>()
  let size = 0
  const forget = (id: string): void => {
    size -= kept.get(id)?.metrics.length ?? 0
    kept.delete(id)
  }
  const keep = (found: Summaries): void => {
    forget(found.run.id)
    kept.set(found.run.id, found)
    size += found.metrics.length
    for (const oldest of kept.keys()) {
      if (size <= MOST_KEPT) break
      forget(oldest)
    }
  }
  return Effect.fnUntraced(function*(ids: ReadonlyArray<string>, where: Filter.Filter | undefined) {
    const store = yield* RunStore
    // Who sees some runs alone is asked about anew each time: what decides may have changed.
    const records = where === undefined ? yield* Effect.forEach(ids, (id) => runOf(id, where)) : []
    const known = new Map(records.flatMap(({ id, revision }) => (kept.get(id)?.run.revision === revision ? [[id, kept.get(id)!] as const] : [])))
    const missing = ids.filter((id) => !known.has(id))
    if (missing.length > 0) {
      for (const found of yield* store.find({ where: allOf({ _tag: "In", field: { _tag: "Run", name: "id" }, values: missing, negated: false }, where), limit: missing.length })) {
        known.set(found.run.id, found)
        keep(found)
      }
    }
    return yield* Effect.forEach(ids, (id) => {
      const one = known.get(id)
      return one === undefined ? Effect.fail(new RunNotFound({ runId: id })) : Effect.succeed(one)
    })
  })
}
