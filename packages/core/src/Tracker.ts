/**
 * Tracking from inside a step: metric points, log lines, artifacts and progress.
 *
 * The service for steps written as Effects; functions find the same in their context. Logging never waits: points
 * and lines are buffered, and recorded within a second.
 */
import { Context, type Effect } from "effect"
import type { ArtifactInfo } from "./ArtifactStore.ts"
import type { LogLevel } from "./RunRecord.ts"
import type { ArtifactContent } from "./StepContext.ts"
import type { CheckpointMisuse, InvalidInput, StoreError } from "./UniflowError.ts"

export interface TrackerService {
  /** Logs a point of each series; see `StepMetrics.log`. */
  readonly metrics: (values: { readonly [key: string]: number }, options?: { readonly index?: number }) => Effect.Effect<void, InvalidInput>
  /** Keeps a line with the run. */
  readonly log: (message: string, level?: LogLevel) => Effect.Effect<void>
  /** Keeps bytes under a name; see `StepArtifacts.put`. */
  readonly artifact: (
    name: string,
    content: ArtifactContent,
    options?: { readonly mediaType?: string }
  ) => Effect.Effect<ArtifactInfo, InvalidInput | CheckpointMisuse | StoreError>
  readonly progress: (done: number, total?: number, message?: string) => Effect.Effect<void>
}

/** Tracking of the present step. */
export class Tracker extends Context.Service<Tracker, TrackerService>()("@uniflow/core/Tracker") {}
