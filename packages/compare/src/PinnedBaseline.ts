/**
 * The pinned baseline of an experiment: the run that tables compare with, and that retention keeps.
 *
 * It is a tag, `uniflow.baseline`, with the moment of pinning as its value. An experiment has one: pinning another run takes the pin from the first.
 */
import { type Filter, FindRuns, type FoundRun, InvalidInput, Retention, RunNotFound, RunStore, type StoreError } from "@uniflow/core"
import { Clock, Effect } from "effect"

const pinned = Effect.fnUntraced(function*(experiment: string): Effect.fn.Return<ReadonlyArray<FoundRun>, StoreError, RunStore> {
  const where: Filter.Filter = { _tag: "Not", filter: { _tag: "IsNull", field: { _tag: "Tag", name: Retention.BASELINE_TAG } } }
  const next = yield* Effect.orDie(FindRuns.pages({ experiment, where, limit: 100 }))
  const runs = yield* next
  return runs.toSorted((a, b) => ((b.run.tags[Retention.BASELINE_TAG] ?? "") < (a.run.tags[Retention.BASELINE_TAG] ?? "") ? -1 : 1))
})

const annotate = (runId: string, value: string | null) =>
  Effect.flatMap(RunStore, (store) => store.annotate(runId, [{ _tag: "Tagged", tags: { [Retention.BASELINE_TAG]: value } }]))

/** The pinned run of an experiment, if there is one. */
export const pinnedBaseline = (experiment: string): Effect.Effect<FoundRun | undefined, StoreError, RunStore> =>
  Effect.map(pinned(experiment), ([first]) => first)

/** Makes a completed run the baseline of its experiment; tells which run was it before. Fails with `RunNotFound`, and with `InvalidInput` for a run that is not completed. */
export const pinBaseline = Effect.fn("@uniflow/compare/pinBaseline")(function*(
  runId: string
): Effect.fn.Return<{ readonly experiment: string; readonly before: string | undefined }, InvalidInput | RunNotFound | StoreError, RunStore> {
  const store = yield* RunStore
  const run = yield* store.run(runId)
  if (run === undefined) return yield* new RunNotFound({ runId })
  if (run.status !== "completed") return yield* new InvalidInput({ what: `Run ${runId}`, issue: `it is ${run.status}; a baseline is a completed run.` })
  const before = yield* pinned(run.experiment)
  // The new one first: there is no moment without a baseline, and of two the newer pin counts.
  yield* annotate(runId, new Date(yield* Clock.currentTimeMillis).toISOString())
  for (const { run: other } of before) if (other.id !== runId) yield* annotate(other.id, null)
  return { experiment: run.experiment, before: before.find(({ run: other }) => other.id !== runId)?.run.id }
})

/** Takes the pin from the baseline of an experiment; tells which run had it. */
export const unpinBaseline = Effect.fn("@uniflow/compare/unpinBaseline")(function*(
  experiment: string
): Effect.fn.Return<string | undefined, RunNotFound | StoreError, RunStore> {
  const before = yield* pinned(experiment)
  for (const { run } of before) yield* annotate(run.id, null)
  return before[0]?.run.id
})
