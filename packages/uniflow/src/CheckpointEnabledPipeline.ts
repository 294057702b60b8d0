/**
 * A pipeline bound to a run id: running it again resumes that run.
 */
import type { Pipeline, RunResult, Uniflow as CoreUniflow } from "@uniflow/core"
import * as Uniflow from "./Uniflow.ts"

/** A pipeline bound to a run. */
export interface CheckpointEnabledPipeline<P extends Pipeline.Any> {
  readonly pipeline: P
  readonly runId: string
  /** Runs the pipeline under its run id: what answers is restored, the rest is executed. Rejects with one of `RunError`. */
  run(...params: {} extends Pipeline.Params<P> ? [params?: Pipeline.Params<P>] : [params: Pipeline.Params<P>]): Promise<RunResult<P>>
}

/** Binds a pipeline to a run id, on the process's shared instance or on another one. */
export const checkpointEnabledPipeline = <P extends Pipeline.Any, S = never>(
  pipeline: P & (NoInfer<CoreUniflow.Runnable<P, S>>),
  options: { readonly runId: string; readonly uniflow?: Uniflow.Uniflow<S> }
): CheckpointEnabledPipeline<P> => ({
  pipeline,
  runId: options.runId,
  // Whether the steps' services are there was checked above; the params are the pipeline's own.
  run: (...[params]) => (options.uniflow ?? Uniflow.lazy<S>()).run(pipeline as never, { runId: options.runId, params } as never) as Promise<RunResult<P>>
})
