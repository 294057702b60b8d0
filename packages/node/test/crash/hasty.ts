// Reports a step as done that is recorded only later: when one that has read it is recorded.
import type { StepRecord } from "@uniflow/core"
import { FaultPoints, type Change } from "@uniflow/core"
import { Effect } from "effect"
import { broken } from "./broken.ts"

/** A step that others wait for, and those that have begun because it was reported. */
const EARLY = "items"
const LATER = "embed"

const recordOf = (change: Change, step: string): StepRecord | undefined =>
  change._tag === "StepRecorded" && change.record.step === step ? change.record : undefined

const unrecorded = Effect.map(FaultPoints, ({ at }) => at("broken:unrecorded"))

export const target = broken("acknowledges before it records", ({ commit }) => {
  const waiting = new Map<string, Effect.Effect<void>>()
  return {
    commit: Effect.fnUntraced(function*(writer, changes) {
      const early = changes.filter((change) => recordOf(change, EARLY) !== undefined)
      if (early.length > 0) {
        waiting.set(writer.runId, Effect.orDie(commit(writer, early)))
        const rest = changes.filter((change) => !early.includes(change))
        return yield* commit(writer, rest)
      }
      const due = changes.some((change) => recordOf(change, LATER) !== undefined) ? waiting.get(writer.runId) : undefined
      if (due !== undefined) {
        waiting.delete(writer.runId)
        yield* unrecorded
        yield* due
      }
      yield* commit(writer, changes)
    })
  }
}, ["broken:unrecorded"])
