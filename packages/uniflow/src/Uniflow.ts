/**
 * UniFlow as people use it: `Uniflow.open()` for a script, `Uniflow.lazy()` for an application.
 *
 * The Promise face of `@uniflow/core` on a folder of this machine, with comparison.
 */
import { compareGroups, type Comparison, compareRuns, type GroupComparison, type GroupOptions } from "@uniflow/compare"
import type { Pipeline, RunResult, Uniflow as CoreUniflow } from "@uniflow/core"
import { NodeUniflow } from "@uniflow/node"
import { storesAt, urlFromEnvironment } from "./StoreUrl.ts"

/** What a fork gives: the result of its run, and how it compares with the run that it was made from. */
export interface ForkResult<P extends Pipeline.Any = Pipeline.Any> extends RunResult<P> {
  /** The run that it was made from. */
  readonly parent: string
  /** Compares it with its parent, which comes first; read when it is asked for. Rejects with `RunNotFound` where the parent was deleted meanwhile. */
  comparison(): Promise<Comparison>
}

/** Everything that UniFlow does, as Promises; `S` are the services that steps may require. */
export interface Uniflow<in S = never> extends CoreUniflow.Uniflow<S> {
  /**
   * Makes a new run from another one, its parent: with its params (those in `params` aside), seed and experiment, and every checkpoint of it that
   * still answers; from the step `from` on everything is executed. Named by `runId`, else by a new id; `result.id` says which, and
   * `result.comparison()` what came of the difference.
   */
  fork<P extends Pipeline.Any>(
    pipeline: P & CoreUniflow.Runnable<P, S>,
    parent: string,
    options?: CoreUniflow.ForkStartOptions<P>
  ): Promise<ForkResult<P>>
  /** Compares runs with the first of them; printing the result gives a table. */
  compareRuns(runIds: ReadonlyArray<string>): Promise<Comparison>
  /**
   * Compares groups of runs that repeat the same thing: found and parted (`{ pipeline, groupBy: "params.learningRate" }`) or given as lists (`{ groups }`).
   * Tells for each metric with a goal whether a group is better or worse than the baseline by more than chance, and how many
   * more repeats it takes where that cannot be said; printing the result gives a table. Rejects with `InvalidInput`, `InvalidFilter` or `RunNotFound`.
   */
  compareGroups<P extends Pipeline.Any = Pipeline.Any>(options: GroupOptions<P>): Promise<GroupComparison>
}

const withComparison = <S>(uniflow: CoreUniflow.Uniflow<S>): Uniflow<S> => {
  if ("compareRuns" in uniflow) return uniflow as Uniflow<S>
  const { fork } = uniflow
  return Object.assign(uniflow, {
    fork: async <P extends Pipeline.Any>(pipeline: P & CoreUniflow.Runnable<P, S>, parent: string, options?: CoreUniflow.ForkStartOptions<P>): Promise<ForkResult<P>> => {
      const result = await fork(pipeline, parent, options)
      return Object.assign(result, { parent, comparison: () => uniflow.runPromise(compareRuns([parent, result.id])) })
    },
    compareRuns: (runIds: ReadonlyArray<string>) => uniflow.runPromise(compareRuns(runIds)),
    compareGroups: <P extends Pipeline.Any>(options: GroupOptions<P>) => uniflow.runPromise(compareGroups(options))
  })
}

/** Where UniFlow is opened, and with what. */
export interface OpenOptions<S = never, E = never> extends Omit<NodeUniflow.OpenOptions<S, E>, "stores"> {
  /**
   * Where runs and artifacts are kept instead of a folder: `postgres://user:password@host/database`, which needs `@uniflow/postgres`;
   * `?schema=name` for another schema than `uniflow`. Default: `UNIFLOW_URL`, unless `directory` is given.
   */
  readonly url?: string | undefined
}

const placed = <S, E>({ url, ...options }: OpenOptions<S, E>): NodeUniflow.OpenOptions<S, E> => {
  const at = url ?? (options.directory === undefined ? urlFromEnvironment() : undefined)
  return at === undefined ? options : { ...options, stores: storesAt(at) }
}

/**
 * Opens UniFlow on `.uniflow/` of the workspace, on another folder, or on a database. Close it at the end (`close`, or `await using`).
 *
 * Rejects with `StoreError` when the folder is one that the next build would delete, or on a network file system.
 */
export const open = async <S = never, E = never>(options: OpenOptions<S, E> = {}): Promise<Uniflow<S>> =>
  withComparison(await NodeUniflow.open(placed(options)))

/**
 * The instance that a whole process shares: opened at its first use, the same after a hot reload, and never what
 * keeps the process alive.
 */
export const lazy = <S = never, E = never>(options: OpenOptions<S, E> = {}): Uniflow<S> => withComparison(NodeUniflow.lazy(placed(options)))
