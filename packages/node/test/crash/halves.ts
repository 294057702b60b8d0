// Records a step in one commit and what belongs to it in the next.
import { Effect } from "effect"
import { broken, halfway } from "./broken.ts"

export const target = broken("records a step before what belongs to it", ({ commit }) => ({
  commit: (writer, changes) => {
    const steps = changes.filter(({ _tag }) => _tag === "StepRecorded" || _tag === "BlobKept")
    const rest = changes.filter((change) => !steps.includes(change))
    if (steps.length === 0 || rest.length === 0) return commit(writer, changes)
    return commit(writer, steps).pipe(Effect.andThen(halfway), Effect.andThen(commit(writer, rest)))
  }
}), ["broken:halfway"])
