/**
 * What a finished run gives: outputs, last metric values, decisions, and why each step ran.
 *
 * Outputs are loaded when they are read, and kept from then on. On a store that cannot be read without waiting they
 * were all loaded before.
 */
import type { Decision } from "./Decision.ts"
import * as Explanation from "./Explanation.ts"
import type { Objects } from "./internal/Objects.ts"
import { loadOutputNow } from "./internal/manifest.ts"
import type * as Pipeline from "./Pipeline.ts"
import type { ParamValues, SeriesRecord, StepRecord } from "./RunRecord.ts"
import { metricValues } from "./RunSnapshot.ts"
import type { Any as AnyStep } from "./Step.ts"

export interface RunResult<P extends Pipeline.Any = Pipeline.Any> {
  readonly id: string
  readonly status: "completed"
  readonly pipeline: string
  readonly experiment: string
  /** As they are recorded: JSON, secrets as keyed hashes. */
  readonly params: ParamValues
  readonly seed: number
  /** Number of the attempt that this result is of. */
  readonly attempt: number
  /** Wall time of this attempt in milliseconds. */
  readonly durationMs: number
  /**
   * Outputs by step name, loaded when read.
   *
   * Reading one throws `CorruptArtifact` when its bytes are missing or damaged; running the run again executes its step.
   */
  readonly outputs: Pipeline.Outputs<P>
  /** Last values of metrics: `step.key`, and the bare key where one step alone has it. Those of a map's items are in its snapshot. */
  readonly metrics: { readonly [name: string]: number }
  /** What was done with each step, and why. */
  readonly decisions: { readonly [K in keyof Pipeline.Outputs<P>]: Decision }
  /** What could not be tracked, in words; empty when everything was. */
  readonly warnings: ReadonlyArray<string>
  /** The decisions with all their reasons, printable. */
  explain(): Explanation.Explanation
}

/** What a part of a run gives: of the steps that were not part of it, nothing. */
export interface PartialResult<P extends Pipeline.Any = Pipeline.Any> extends Omit<RunResult<P>, "status" | "outputs" | "decisions"> {
  /** `interrupted` where steps of the pipeline are missing: the run can be gone on with. */
  readonly status: "completed" | "interrupted"
  readonly outputs: Partial<Pipeline.Outputs<P>>
  readonly decisions: Partial<RunResult<P>["decisions"]>
}

/** What a result is made of. */
export interface Parts {
  readonly id: string
  readonly pipeline: Pipeline.Any
  readonly experiment: string
  readonly params: ParamValues
  readonly seed: number
  readonly attempt: number
  readonly durationMs: number
  /** Whether every step of the pipeline has its record. */
  readonly isWhole: boolean
  readonly records: ReadonlyMap<AnyStep, StepRecord>
  readonly series: ReadonlyArray<SeriesRecord>
  readonly objects: Objects
  /** Outputs that were loaded before, where the store cannot be read at once. */
  readonly loaded: ReadonlyMap<AnyStep, unknown>
  readonly warnings: ReadonlyArray<string>
}

const lazy = (target: object, name: string, read: () => unknown): void => {
  Object.defineProperty(target, name, {
    enumerable: true,
    configurable: true,
    get() {
      const value = read()
      Object.defineProperty(target, name, { value, enumerable: true, configurable: true })
      return value
    }
  })
}

const outputsOf = ({ loaded, objects, records }: Parts): object => {
  const outputs = {}
  for (const [step, record] of records) {
    lazy(outputs, step.name, () => (loaded.has(step) ? loaded.get(step) : loadOutputNow(objects, step, record.output!)))
  }
  return outputs
}

const decisionOf = ({ decision, reasons, attempt, durationMs }: StepRecord): Decision => ({ decision, reasons, attempt, durationMs })

const decisionsOf = ({ records }: Parts): object => {
  const decisions = {}
  for (const [step, record] of records) Object.defineProperty(decisions, step.name, { value: decisionOf(record), enumerable: true })
  return decisions
}

/** Puts a result together; what has an entry per step is made when it is asked for. */
export const make = <P extends Pipeline.Any>(parts: Parts): RunResult<P> => {
  let outputs: Pipeline.Outputs<P> | undefined
  let decisions: RunResult<P>["decisions"] | undefined
  const generations = parts.series.length === 0 ? undefined : new Map(Array.from(parts.records, ([step, record]) => [step.name, record.generation]))
  const present = parts.series.filter(({ address, generation }) => generations?.get(address) === generation)
  const metrics: Record<string, number> = {}
  for (const [name, { summary }] of metricValues(present)) Object.defineProperty(metrics, name, { value: summary.last, enumerable: true })
  return {
    id: parts.id,
    // A part of a run is given as a `PartialResult`.
    status: (parts.isWhole ? "completed" : "interrupted") as "completed",
    pipeline: parts.pipeline.name,
    experiment: parts.experiment,
    params: parts.params,
    seed: parts.seed,
    attempt: parts.attempt,
    durationMs: parts.durationMs,
    // Their names and types are those of the pipeline's steps, which the records were made from.
    get outputs() {
      return outputs ??= outputsOf(parts) as Pipeline.Outputs<P>
    },
    metrics,
    get decisions() {
      return decisions ??= decisionsOf(parts) as RunResult<P>["decisions"]
    },
    warnings: parts.warnings,
    explain: () => Explanation.make(parts.id, Array.from(parts.records, ([step, record]) => ({ name: step.name, ...decisionOf(record) })))
  }
}
