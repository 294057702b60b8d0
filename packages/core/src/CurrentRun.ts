/**
 * The execution that a step's Effect is part of: which run, step and attempt it is.
 *
 * A service for steps written as Effects; functions find the same in their context. Provided by the runner alone.
 */
import { Context } from "effect"

export interface CurrentRunService {
  readonly runId: string
  readonly pipeline: string
  readonly experiment: string
  /** The step's address. */
  readonly step: string
  readonly attempt: number
  readonly seed: number
  readonly idempotencyKey: string
  readonly signal: AbortSignal
}

/** The run that the present step belongs to. */
export class CurrentRun extends Context.Service<CurrentRun, CurrentRunService>()("@uniflow/core/CurrentRun") {}
