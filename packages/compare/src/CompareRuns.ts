/**
 * Comparing runs that a store keeps.
 */
import { type ArtifactStore, InvalidInput, type RunNotFound, type RunStore, snapshot, type StoreError } from "@uniflow/core"
import { Effect } from "effect"
import { codeChanges } from "./CodeChange.ts"
import { compare, type Comparison } from "./Comparison.ts"

/**
 * Reads runs by id and compares them with the first. Fails with `InvalidInput` for fewer than two ids, with
 * `RunNotFound` for one that the store does not have.
 */
export const compareRuns = Effect.fn("@uniflow/compare/compareRuns")(function*(
  runIds: ReadonlyArray<string>
): Effect.fn.Return<Comparison, InvalidInput | RunNotFound | StoreError, RunStore | ArtifactStore> {
  const [only] = runIds
  if (runIds.length < 2) {
    return yield* new InvalidInput({
      what: "compareRuns",
      issue: only === undefined
        ? "there is no run to compare; give at least two run ids."
        : `run "${only}" has nothing to be compared with; give at least two run ids. uniflow experiment show ${only} shows one run.`
    })
  }
  const comparison = compare(yield* Effect.forEach(runIds, snapshot, { concurrency: 4 }))
  return comparison.withCodeChanges(yield* codeChanges(comparison))
})
