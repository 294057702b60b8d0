/** A found run as a row of a list. */
import { jsonified } from "@uniflow/compare"
import { type Filter, FindRuns, type FoundRun } from "@uniflow/core"
import type { RunRow } from "../Api.ts"

export const rowOf = (found: FoundRun, fields: ReadonlyArray<readonly [string, Filter.Field]> = []): RunRow => {
  const { attempts, createdAtMs, endedAtMs, error, experiment, failedStep, goals, id, note, parent, pipeline, startedAtMs, status, tags } = found.run
  return {
    id, pipeline, experiment, status, createdAtMs, startedAtMs, endedAtMs, attempts, parent, tags, note, goals,
    error: error === null ? null : { step: failedStep, name: error.name, message: error.message.split("\n")[0]!.slice(0, 500) },
    values: Object.fromEntries(fields.flatMap(([text, field]) => {
      const value = FindRuns.valueOf(found, field)
      return value === undefined ? [] : [[text, jsonified(value)]]
    }))
  }
}
