/**
 * The time that a run did not have to spend: how long the executions took whose results it restored or took from other
 * runs.
 */
import type { RunSnapshot, StepRecord } from "@uniflow/core"

const MAX_SOURCES = 16

/** Looks for the execution behind a taken result in the run that made it; undefined where that run is gone. */
const executionOf = async (
  record: StepRecord,
  historyOf: (runId: string) => Promise<ReadonlyArray<StepRecord>>
): Promise<StepRecord | undefined> => {
  let at = record
  for (let hops = 0; at.source !== null && hops < MAX_SOURCES; hops++) {
    const { address, generation, runId } = at.source
    const found = (await historyOf(runId)).find((one) => one.address === address && one.generation === generation && one.decision !== "restored")
    if (found === undefined) return undefined
    at = found
  }
  return at
}

/**
 * Saved milliseconds of the newest attempt. Of a map that was executed, its reused items count. Results whose source
 * run is gone count nothing.
 */
export const timeSavedMs = async (snapshot: RunSnapshot, historyOf: (runId: string) => Promise<ReadonlyArray<StepRecord>>): Promise<number> => {
  const attempt = snapshot.run.attempts
  const known = new Map<string, Promise<ReadonlyArray<StepRecord>>>()
  const cached = (runId: string): Promise<ReadonlyArray<StepRecord>> => {
    const found = known.get(runId) ?? historyOf(runId).catch(() => [])
    known.set(runId, found)
    return found
  }
  const reused = new Set(snapshot.steps.filter(({ address, step, record }) => address === step && record.decision !== "executed").map(({ step }) => step))
  let saved = 0
  for (const { address, outcome, record, step } of snapshot.steps) {
    if (record.attempt !== attempt || (record.decision !== "restored" && record.decision !== "cached")) continue
    if (address !== step && reused.has(step)) continue
    saved += (await executionOf(outcome, cached))?.durationMs ?? 0
  }
  return saved
}
