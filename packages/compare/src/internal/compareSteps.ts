/** Steps of runs by name; the items of a map are counted, not listed. */
import type { RunSnapshot, StepState } from "@uniflow/core"
import { changeBetween } from "../Change.ts"
import type { ComparedStep, ItemCounts, StepValue } from "../Comparison.ts"
import { allNames, compared } from "./comparing.ts"

/** The time of the execution that made a result; another run's execution does not count as this one's. */
const executionMs = ({ outcome }: StepState): number | undefined => (outcome.decision === "executed" ? outcome.durationMs : undefined)

const errorOf = ({ outcome }: StepState): StepValue["error"] =>
  outcome.error === null ? undefined : { name: outcome.error.name, message: outcome.error.message }

const countItems = (items: ReadonlyArray<StepState>, active: ReadonlySet<string>): ItemCounts | undefined => {
  const addresses = new Set([...items.map(({ address }) => address), ...active])
  if (addresses.size === 0) return undefined
  const ended = items.filter(({ address }) => !active.has(address))
  const completed = ended.filter(({ record }) => record.status !== "failed")
  const decided = (decision: string): number => completed.filter(({ record }) => record.decision === decision).length
  return {
    total: addresses.size,
    executed: decided("executed"),
    restored: decided("restored"),
    cached: decided("cached"),
    skipped: decided("skipped"),
    failed: ended.length - completed.length,
    active: active.size,
    durationMs: ended.reduce((total, state) => total + (executionMs(state) ?? 0), 0)
  }
}

type Value = Omit<StepValue, "change">

const stepsOf = ({ active, run, steps }: RunSnapshot): ReadonlyMap<string, Value> => {
  interface Group {
    own: StepState | undefined
    readonly items: Array<StepState>
    ownActive: RunSnapshot["active"][number] | undefined
    readonly itemsActive: Map<string, RunSnapshot["active"][number]>
  }
  const groups = new Map<string, Group>()
  const groupOf = (step: string): Group => {
    const group = groups.get(step) ?? { own: undefined, items: [], ownActive: undefined, itemsActive: new Map() }
    groups.set(step, group)
    return group
  }
  for (const state of steps) {
    if (state.address === state.step) groupOf(state.step).own = state
    else groupOf(state.step).items.push(state)
  }
  for (const one of active) {
    if (one.address === one.step) groupOf(one.step).ownActive = one
    else groupOf(one.step).itemsActive.set(one.address, one)
  }
  return new Map([...groups].map(([step, { items, itemsActive, own, ownActive }]): [string, Value] => {
    const counts = countItems(items, new Set(itemsActive.keys()))
    const unfinished = ownActive ?? [...itemsActive.values()][0]
    const state = own ?? items.at(-1)
    if (unfinished !== undefined || own === undefined) {
      return [step, {
        status: run.status === "running" ? "running" : counts !== undefined && counts.failed > 0 ? "failed" : "interrupted",
        decision: undefined,
        reasons: [],
        attempt: unfinished?.attempt ?? state?.record.attempt ?? run.attempts,
        durationMs: undefined,
        items: counts,
        error: undefined
      }]
    }
    return [step, {
      status: own.record.status,
      decision: own.record.decision,
      reasons: own.record.reasons,
      attempt: own.record.attempt,
      durationMs: executionMs(own),
      items: counts,
      error: errorOf(own)
    }]
  }))
}

/** Compares the steps of runs. */
export const compareSteps = (snapshots: ReadonlyArray<RunSnapshot>): ReadonlyArray<ComparedStep> => {
  const runs = snapshots.map(stepsOf)
  return allNames(runs.map((steps) => steps.keys())).map((step) => {
    const found = runs.map((steps) => steps.get(step))
    const durations = found.map((value) => (value?.status === "completed" ? value.durationMs : undefined))
    const base = durations[0]
    const values = found.map((value, at): StepValue | undefined => {
      const duration = durations[at]
      return value === undefined
        ? undefined
        : { ...value, change: at === 0 || base === undefined || duration === undefined ? undefined : changeBetween(base, duration) }
    })
    // Reasons name hashes and runs: two decisions that are alike do not differ by them.
    const look = ({ decision, durationMs, items, status }: StepValue): unknown => ({ decision, durationMs, items, status })
    return { step, ...compared(values.map((value) => (value === undefined ? undefined : look(value)))), values }
  })
}
