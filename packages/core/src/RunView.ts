/**
 * A run for reading: what `uniflow.runs.get` gives and `uniflow experiment show --json` prints.
 *
 * Plain data with stable names, except that `toJSON` writes numbers that JSON does not have as `"NaN"`, `"Infinity"`
 * and `"-Infinity"`.
 */
import type { Reason } from "./Decision.ts"
import type { AttemptRecord, ParamValues, RunRecord, RunStatus, SeriesSummary, StoredError, StepRecord } from "./RunRecord.ts"
import { metricValues, type RunSnapshot } from "./RunSnapshot.ts"

/** A step of a run; items of a map are counted, not listed. */
export interface StepView {
  readonly name: string
  readonly decision: StepRecord["decision"]
  readonly status: StepRecord["status"]
  readonly reasons: ReadonlyArray<Reason>
  readonly attempt: number
  readonly generation: number
  /** Begin and duration of the execution whose result stands, wherever it was. */
  readonly startedAtMs: number
  readonly durationMs: number
  readonly retries: number
  readonly output: { readonly digest: string; readonly sizeBytes: number; readonly mediaType: string } | null
  readonly source: StepRecord["source"]
  readonly error: StoredError | null
  /** Items of a map, by what was done with them. */
  readonly items?: { readonly [decision: string]: number }
}

/** An artifact of a run: a step's output (then `name` is the step's) or one that was put under a name. */
export interface ArtifactView {
  readonly name: string
  readonly step: string
  readonly kind: "output" | "named"
  readonly digest: string
  readonly sizeBytes: number
  readonly mediaType: string
}

export interface RunView {
  readonly id: string
  readonly pipeline: string
  readonly experiment: string
  readonly status: RunStatus
  readonly params: ParamValues
  /** Last values: `step.key`, and the bare key where one step alone has it. */
  readonly metrics: { readonly [name: string]: number }
  readonly series: { readonly [name: string]: SeriesSummary }
  readonly tags: { readonly [key: string]: string }
  readonly note: string | null
  readonly seed: number
  readonly parent: string | null
  readonly createdAtMs: number
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  readonly error: StoredError | null
  readonly failedStep: string | null
  readonly goals: RunRecord["goals"]
  readonly steps: ReadonlyArray<StepView>
  readonly attempts: ReadonlyArray<AttemptRecord>
  readonly artifacts: ReadonlyArray<ArtifactView>
  /** Steps that are being executed now. */
  readonly active: ReadonlyArray<{ readonly step: string; readonly startedAtMs: number; readonly done: number | null; readonly total: number | null }>
}

const asData = <A>(entries: Iterable<readonly [string, A]>): { readonly [name: string]: A } => {
  const target: Record<string, A> = {}
  for (const [name, value] of entries) Object.defineProperty(target, name, { value, enumerable: true })
  return target
}

/** The view of a snapshot. */
export const make = (snapshot: RunSnapshot): RunView => {
  const { run, steps, series, artifacts } = snapshot
  const items = new Map<string, Record<string, number>>()
  for (const { address, step, record } of steps) {
    if (address === step) continue
    const counts = items.get(step) ?? {}
    const kind = record.status === "failed" ? "failed" : record.decision
    counts[kind] = (counts[kind] ?? 0) + 1
    items.set(step, counts)
  }
  const own = steps.filter(({ address, step }) => address === step)
  const plainSeries = series.filter(({ address }) => !address.includes("["))
  const values = metricValues(plainSeries)
  return {
    id: run.id,
    pipeline: run.pipeline,
    experiment: run.experiment,
    status: run.status,
    params: run.params,
    metrics: asData([...values].map(([name, { summary }]) => [name, summary.last])),
    series: asData(plainSeries.map(({ address, key, summary }) => [`${address}.${key}`, summary])),
    tags: run.tags,
    note: run.note,
    seed: run.seed,
    parent: run.parent,
    createdAtMs: run.createdAtMs,
    startedAtMs: run.startedAtMs,
    endedAtMs: run.endedAtMs,
    error: run.error,
    failedStep: run.failedStep,
    goals: run.goals,
    steps: own.map(({ address, record, outcome }) => ({
      name: address,
      decision: record.decision,
      status: record.status,
      reasons: record.reasons,
      attempt: record.attempt,
      generation: record.generation,
      startedAtMs: outcome.startedAtMs,
      durationMs: outcome.durationMs,
      retries: outcome.retries,
      output: record.output === null ? null : { digest: record.output.digest, sizeBytes: record.output.sizeBytes, mediaType: record.output.mediaType },
      source: outcome.source,
      error: record.error,
      ...(items.has(address) ? { items: items.get(address)! } : {})
    })),
    attempts: snapshot.attempts,
    artifacts: [
      ...own.flatMap(({ address, record }) =>
        record.output === null ? [] : [{ name: address, step: address, kind: "output" as const, digest: record.output.digest, sizeBytes: record.output.sizeBytes, mediaType: record.output.mediaType }]),
      ...artifacts.map(({ name, address, digest, sizeBytes, mediaType }) => ({ name, step: address, kind: "named" as const, digest, sizeBytes, mediaType }))
    ],
    active: snapshot.active.map(({ address, startedAtMs, done, total }) => ({ step: address, startedAtMs, done, total }))
  }
}

/** JSON text of a view, or of any other data with numbers that JSON does not have. */
export const stringify = (data: unknown, indent?: number): string =>
  JSON.stringify(data, (_, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value), indent)
