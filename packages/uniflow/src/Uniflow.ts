/**
 * UniFlow as people use it: `Uniflow.open()` for a script, `Uniflow.lazy()` for an application.
 *
 * The Promise face of `@uniflow/core` on a folder of this machine, with comparison.
 */
import { compareGroups, type Comparison, compareRuns, type GroupComparison, type GroupOptions } from "@uniflow/compare"
import type { Pipeline, Uniflow as CoreUniflow } from "@uniflow/core"
import { NodeUniflow } from "@uniflow/node"

/** Everything that UniFlow does, as Promises; `S` are the services that steps may require. */
export interface Uniflow<in S = never> extends CoreUniflow.Uniflow<S> {
  /** Compares runs with the first of them; printing the result gives a table. */
  compareRuns(runIds: ReadonlyArray<string>): Promise<Comparison>
  /**
   * Compares groups of runs that repeat the same thing: found and parted (`{ pipeline, groupBy: "params.learningRate" }`) or given as lists (`{ groups }`).
   * Tells for each metric with a goal whether a group is better or worse than the baseline by more than chance, and how many
   * more repeats it takes where that cannot be said; printing the result gives a table. Rejects with `InvalidInput`, `InvalidFilter` or `RunNotFound`.
   */
  compareGroups<P extends Pipeline.Any = Pipeline.Any>(options: GroupOptions<P>): Promise<GroupComparison>
}

const withComparison = <S>(uniflow: CoreUniflow.Uniflow<S>): Uniflow<S> =>
  "compareRuns" in uniflow
    ? uniflow as Uniflow<S>
    : Object.assign(uniflow, {
      compareRuns: (runIds: ReadonlyArray<string>) => uniflow.runPromise(compareRuns(runIds)),
      compareGroups: <P extends Pipeline.Any>(options: GroupOptions<P>) => uniflow.runPromise(compareGroups(options))
    })

/**
 * Opens UniFlow on `.uniflow/` of the workspace, or on another folder. Close it at the end (`close`, or `await using`).
 *
 * Rejects with `StoreError` when the folder is one that the next build would delete, or on a network file system.
 */
export const open = async <S = never, E = never>(options?: NodeUniflow.OpenOptions<S, E>): Promise<Uniflow<S>> =>
  withComparison(await NodeUniflow.open(options))

/**
 * The instance that a whole process shares: opened at its first use, the same after a hot reload, and never what
 * keeps the process alive.
 */
export const lazy = <S = never, E = never>(options?: NodeUniflow.OpenOptions<S, E>): Uniflow<S> => withComparison(NodeUniflow.lazy(options))
