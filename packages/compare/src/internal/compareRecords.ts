/** The records of runs and their params. */
import type { ParamValues, RunSnapshot } from "@uniflow/core"
import type { ComparedParam, ComparedRun } from "../Comparison.ts"
import { allNames, compared } from "./comparing.ts"

/** Time that the attempts worked: one without a recorded end counts up to the last thing that it recorded. */
const workedMs = ({ attempts, history }: RunSnapshot): { readonly durationMs: number | undefined; readonly durationIsLowerBound: boolean } => {
  let durationMs: number | undefined
  let durationIsLowerBound = false
  for (const { attempt, endedAtMs, startedAtMs } of attempts) {
    const lastMs = endedAtMs ?? history.reduce(
      (last, record) => (record.attempt === attempt ? Math.max(last, record.startedAtMs + record.durationMs) : last),
      startedAtMs
    )
    durationIsLowerBound ||= endedAtMs === null
    if (endedAtMs !== null || lastMs > startedAtMs) durationMs = (durationMs ?? 0) + Math.max(0, lastMs - startedAtMs)
  }
  return { durationMs, durationIsLowerBound: durationIsLowerBound && durationMs !== undefined }
}

/** A run as a comparison shows it. */
export const describeRun = (snapshot: RunSnapshot): ComparedRun => {
  const { attempts, run } = snapshot
  return {
    id: run.id,
    pipeline: run.pipeline,
    experiment: run.experiment,
    status: run.status,
    startedAtMs: attempts.reduce((first, { startedAtMs }) => Math.min(first, startedAtMs), run.startedAtMs),
    ...workedMs(snapshot),
    attempts: run.attempts,
    parent: run.parent ?? undefined,
    tags: run.tags,
    note: run.note ?? undefined,
    error: run.error === null
      ? undefined
      : { step: run.failedStep ?? undefined, name: run.error.name, message: run.error.message }
  }
}

/** Params by name, in the order of the first run's. */
export const compareParams = (snapshots: ReadonlyArray<RunSnapshot>): ReadonlyArray<ComparedParam> => {
  const params = snapshots.map(({ run }) => new Map<string, ParamValues[string]>(Object.entries(run.params)))
  return allNames(params.map((one) => one.keys())).map((name) => ({ name, ...compared(params.map((one) => one.get(name))) }))
}
