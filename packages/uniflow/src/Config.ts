/**
 * What `uniflow.config.ts` exports: the pipelines that the command may run, and what they need.
 *
 * Pure data: importing a config never starts a run and opens nothing. The command looks for the file from the
 * working directory upwards to the root of the workspace.
 */
import type { Pipeline, Retention, Uniflow } from "@uniflow/core"
import type { Layer } from "effect"

/** Refuses a pipeline whose steps require services that the config's `layer` does not give. */
type Runnable<P extends ReadonlyArray<Pipeline.Any>, S> = { readonly [K in keyof P]: P[K] & Uniflow.Runnable<P[K], S> }

/** A config: `P` are its pipelines, `S` the services that `layer` gives. */
export interface Config<P extends ReadonlyArray<Pipeline.Any> = ReadonlyArray<Pipeline.Any>, S = unknown, E = unknown> {
  /** The pipelines that `uniflow run` and `uniflow resume` find by their names. */
  readonly pipelines: P
  /** Services that steps written as Effects require. */
  readonly layer?: Layer.Layer<S, E> | undefined
  /** The folder that holds everything, relative to this file. Default: `UNIFLOW_DIR`, else `.uniflow` in the root of the workspace. */
  readonly directory?: string | undefined
  /** Where runs and artifacts are kept instead of a folder: `postgres://…`, as `Uniflow.open({ url })` takes it. Default: `UNIFLOW_URL`. */
  readonly url?: string | undefined
  /**
   * Which runs are removed by themselves when a command that runs pipelines has ended, with the bytes that nobody refers to
   * (`Uniflow.open({ retention })` is for programs); and what `uniflow prune` removes when it is given no rules. Nothing by default.
   */
  readonly retention?: Retention.Rules | undefined
}

/**
 * Types a config: `export default defineConfig({ pipelines: [digits] })` in `uniflow.config.ts`. Returns it as it is.
 */
export const defineConfig = <const P extends ReadonlyArray<Pipeline.Any>, S = never, E = never>(
  config: Config<P & Runnable<NoInfer<P>, NoInfer<S>>, S, E>
): Config<P, S, E> => config
