/**
 * What a step's `run` is given: inputs, params, and the means to save, to track and to be stopped.
 *
 * Everything here belongs to one execution of one step. Used after the execution has ended it throws
 * `CheckpointMisuse`.
 */
import type { Stream } from "effect"
import type { Fields, Output } from "./AnySchema.ts"
import type { ArtifactInfo } from "./ArtifactStore.ts"
import type { RandomStream } from "./RandomStream.ts"
import type { StepClock } from "./StepClock.ts"
import type { StoreError } from "./UniflowError.ts"

/** Values by checkpoint name where the step declares schemas; anything by any name where it does not. */
export interface Checkpoints<C extends Fields = {}> {
  /** Saves a new version of a named value; it survives a crash from the moment the Promise resolves. */
  save<K extends keyof C & string>(name: K, value: Output<C[K]>): Promise<void>
  save(name: keyof C extends never ? string : never, value: unknown): Promise<void>
  /** The newest version; rejects with `CheckpointNotFound` when none answers. Must precede the step's first logged point. */
  load<K extends keyof C & string>(name: K): Promise<Output<C[K]>>
  load<T = unknown>(name: string): Promise<T>
  /** The newest version, or undefined when none answers. Must precede the step's first logged point. */
  latest<K extends keyof C & string>(name: K): Promise<Output<C[K]> | undefined>
  latest<T = unknown>(name: string): Promise<T | undefined>
  /** Whether a version answers. */
  exists(name: string): Promise<boolean>
  /** The versions that answer, oldest first. */
  list(name?: string): Promise<ReadonlyArray<CheckpointInfo>>
  /** Removes all versions of a name. */
  remove(name: string): Promise<void>
}

/** A version of a manual checkpoint. */
export interface CheckpointInfo {
  readonly name: string
  /** From 1, counted per name. */
  readonly version: number
  /** Unix time in milliseconds. */
  readonly savedAtMs: number
  readonly sizeBytes: number
}

export interface StepMetrics {
  /**
   * Logs a point of each series. Buffered: readers see it within a second, it is final with the step or with a
   * manual checkpoint. The index, when it is not given, counts on from the series' last point (or from the
   * checkpoint that was loaded), beginning at 0.
   *
   * @throws InvalidInput when a value is not a number or a key is empty or longer than 256 characters.
   */
  log(values: { readonly [key: string]: number }, options?: { readonly index?: number }): void
}

/** Bytes for `artifacts.put`: in memory, a web or Effect stream, or a file of this machine. */
export type ArtifactContent =
  | Uint8Array
  | string
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Stream.Stream<Uint8Array, StoreError>
  | { readonly file: string }

export interface StepArtifacts {
  /**
   * Keeps bytes under a name (up to 256 characters; slashes are part of the name, not folders). The media type is
   * guessed from the name when it is not given. Resolves when the bytes are durable.
   */
  put(name: string, content: ArtifactContent, options?: { readonly mediaType?: string }): Promise<ArtifactInfo>
}

export interface StepLog {
  (message: string): void
  readonly debug: (message: string) => void
  readonly info: (message: string) => void
  readonly warn: (message: string) => void
  readonly error: (message: string) => void
}

export interface StepContext<out I = unknown, out P = unknown, C extends Fields = {}> {
  /** Outputs of the input steps, by the names under `inputs`. Each execution gets its own copies. */
  readonly inputs: I
  readonly params: P
  /** Aborted when the run is cancelled, its process is asked to stop, or the step's time is over. */
  readonly signal: AbortSignal
  readonly runId: string
  /** The step's address: its name, and the item's key inside a map. */
  readonly step: string
  /** Number of the run's attempt, from 1. */
  readonly attempt: number
  readonly checkpoint: Checkpoints<C>
  readonly metrics: StepMetrics
  readonly artifacts: StepArtifacts
  /** Random numbers that depend on the run's seed and the step's address alone, and go on where a loaded checkpoint stood. */
  readonly random: RandomStream
  /** The time as the step sees it; it goes on where a loaded checkpoint stood. */
  readonly clock: StepClock
  /** Keeps a line with the run. */
  readonly log: StepLog
  /** Shows how far the step has come, in any unit. */
  readonly progress: (done: number, total?: number, message?: string) => void
  /** The same for every execution of this step in this run, for services that accept one; new after `--rerun`. */
  readonly idempotencyKey: string
}
