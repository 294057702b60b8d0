/**
 * A run as readers see it at one moment: its record, its attempts, and for every step the present state.
 *
 * Put together from what the run store keeps; what comparison, the command and pages are built on. Outputs are not
 * loaded, only named by their digests.
 */
import { Effect } from "effect"
import type { Decision } from "./Decision.ts"
import type { ActiveStep, ArtifactRecord, AttemptRecord, CheckpointRecord, RunRecord, SeriesRecord, StepRecord } from "./RunRecord.ts"
import { RunStore } from "./RunStore.ts"
import { isGeneration, restored } from "./internal/History.ts"
import { RunNotFound, type StoreError } from "./UniflowError.ts"

/** The present state of a step, or of an item of a map. */
export interface StepState {
  readonly address: string
  readonly step: string
  /** The newest record; its decision and reasons are the step's. */
  readonly record: StepRecord
  /** The record of the generation that answers: `record` itself unless it was restored. */
  readonly outcome: StepRecord
}

export interface RunSnapshot {
  readonly run: RunRecord
  readonly attempts: ReadonlyArray<AttemptRecord>
  /** In the order in which they were last decided; items of maps included. */
  readonly steps: ReadonlyArray<StepState>
  /** Every decision and outcome, oldest first. */
  readonly history: ReadonlyArray<StepRecord>
  /** What is being executed; nothing unless the run is running. */
  readonly active: ReadonlyArray<ActiveStep>
  /** Series of the generations that answer now, and of steps that are being executed. */
  readonly series: ReadonlyArray<SeriesRecord>
  readonly artifacts: ReadonlyArray<ArtifactRecord>
  readonly checkpoints: ReadonlyArray<CheckpointRecord>
}

/**
 * The present state of every address in a run's records. A completed attempt that recorded no decision restored each
 * step as it last stood.
 */
export const statesOf = (run: RunRecord, history: ReadonlyArray<StepRecord>): Map<string, StepState> => {
  const keyOf = ({ address, generation }: StepRecord): string => `${generation} ${address}`
  const generations = new Map(history.filter(isGeneration).map((record) => [keyOf(record), record]))
  const outcomeOf = (record: StepRecord): StepRecord => generations.get(keyOf(record)) ?? record
  const last = new Map(history.map((record) => [record.address, record]))
  const states = new Map<string, StepState>()
  for (const record of history) {
    const { address, step } = record
    const map = last.get(step)
    // Where a map was restored, an item executed since is no part of it.
    if (run.status === "completed" && address !== step && map && record.seq > outcomeOf(map).seq) continue
    states.delete(address)
    states.set(address, { address, step, record, outcome: outcomeOf(record) })
  }
  // What a map went over before and does not go over any more is no part of it; it was not decided about since.
  for (const { address, record, step } of states.values()) {
    const map = address === step ? undefined : states.get(step)
    if (map !== undefined && record.attempt < map.outcome.attempt) states.delete(address)
  }
  if (run.status === "completed" && history.every((record) => record.attempt < run.attempts)) {
    for (const [address, state] of states) {
      if (address !== state.step) continue
      const record = restored(state.record, [{ component: "match" }], false, state.record.startedAtMs)
      states.set(address, { ...state, record: { ...record, attempt: run.attempts } })
    }
  }
  return states
}

/** Reads a run with everything recorded of it, logs and points aside. */
export const snapshot = Effect.fnUntraced(function*(
  runId: string
): Effect.fn.Return<RunSnapshot, RunNotFound | StoreError, RunStore> {
  const store = yield* RunStore
  const run = yield* store.run(runId)
  if (run === undefined) return yield* new RunNotFound({ runId })
  const history = yield* store.steps(runId)
  const states = statesOf(run, history)
  const active = yield* store.active(runId)
  const running = new Set(active.map((step) => step.address))
  const isPresent = (address: string, generation: number): boolean => {
    const state = states.get(address)
    return state === undefined || running.has(address) ? generation > (state?.outcome.generation ?? 0) : generation === state.outcome.generation
  }
  return {
    run,
    attempts: yield* store.attempts(runId),
    steps: [...states.values()],
    history,
    active: run.status === "running" ? active : [],
    series: (yield* store.series(runId)).filter(({ address, generation }) => isPresent(address, generation)),
    artifacts: (yield* store.artifacts(runId)).filter(({ address, generation }) => isPresent(address, generation)),
    checkpoints: yield* store.checkpoints(runId)
  }
})

/** A metric's name in a run: the bare key where one step alone has it, `step.key` always. */
export const metricValues = (series: ReadonlyArray<SeriesRecord>): Map<string, SeriesRecord> => {
  const values = new Map<string, SeriesRecord>()
  const bare = new Map<string, SeriesRecord | undefined>()
  for (const one of series) {
    values.set(`${one.address}.${one.key}`, one)
    bare.set(one.key, bare.has(one.key) ? undefined : one)
  }
  for (const [key, one] of bare) if (one !== undefined && !values.has(key)) values.set(key, one)
  return values
}

/** The decision of a state, as `run.decisions` shows it. */
export const decisionOf = ({ record }: StepState): Decision => ({
  decision: record.decision,
  reasons: record.reasons,
  attempt: record.attempt,
  durationMs: record.durationMs
})
