/**
 * Manual checkpoints: named values that a step saves while it runs, and that answer when it is executed again.
 *
 * They belong to the run and the step, survive a crash, and answer as long as the step's fingerprint (the params in
 * `checkpointsIgnore` aside) is the same. The newest two versions of a name are kept. This is the service for steps
 * written as Effects; functions find the same as `context.checkpoint`.
 */
import { Context, type Effect } from "effect"
import type { CheckpointInfo } from "./StepContext.ts"
import type { CheckpointMisuse, CheckpointNotFound, CorruptArtifact, StoreError, UnsavableValue } from "./UniflowError.ts"

export interface PipelineCheckpointService {
  /** Saves a new version; durable when the Effect succeeds. */
  readonly save: (name: string, value: unknown) => Effect.Effect<void, UnsavableValue | CheckpointMisuse | StoreError>
  /** The newest version. Must precede the step's first logged point. */
  readonly load: <T = unknown>(name: string) => Effect.Effect<T, CheckpointNotFound | CheckpointMisuse | CorruptArtifact | StoreError>
  /** The newest version, or undefined when none answers. Must precede the step's first logged point. */
  readonly latest: <T = unknown>(name: string) => Effect.Effect<T | undefined, CheckpointMisuse | CorruptArtifact | StoreError>
  readonly exists: (name: string) => Effect.Effect<boolean, CheckpointMisuse | StoreError>
  readonly list: (name?: string) => Effect.Effect<ReadonlyArray<CheckpointInfo>, CheckpointMisuse | StoreError>
  /** Removes all versions of a name. */
  readonly remove: (name: string) => Effect.Effect<void, CheckpointMisuse | StoreError>
}

/** Manual checkpoints of the present step. */
export class PipelineCheckpoint extends Context.Service<PipelineCheckpoint, PipelineCheckpointService>()(
  "@uniflow/core/PipelineCheckpoint"
) {}
