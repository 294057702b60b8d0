import { RunId, RunNotFound, type RunRecord, RunStore } from "@uniflow/core"
import { Effect } from "effect"
import type { AnyUniflow } from "./Context.ts"
import { nearest } from "./Suggestion.ts"

/** Refuses what is no run id before anything is opened. */
export const checkRunId = (id: string): Promise<string> => Effect.runPromise(RunId.check(id))

/** A run's record; rejects with `RunNotFound`, which names a run with a similar id where there is one. */
export const recordOf = async (uniflow: AnyUniflow, id: string): Promise<RunRecord> => {
  const run = await uniflow.runPromise(Effect.flatMap(RunStore, (store) => store.run(id)))
  if (run !== undefined) return run
  const near = nearest(id, (await uniflow.runs.find({ limit: 200 }).toArray()).map((one) => one.id))
  throw new RunNotFound({ runId: id, hint: near === undefined ? undefined : `Did you mean "${near}"? uniflow experiment list shows the runs of this store.` })
}

/** What a command about a run answers where nothing was ever recorded. */
export const nothingRecorded = (id: string) => (path: string): Promise<never> =>
  Promise.reject(new RunNotFound({ runId: id, hint: `Nothing was ever recorded in ${path} (uniflow doctor says why it is this folder).` }))
