// Reports what is recorded as done some milliseconds before it is.
import { Effect } from "effect"
import { broken } from "./broken.ts"

export const target = broken("acknowledges before it commits", ({ commit }) => ({
  commit: (writer, changes) => {
    const recording = commit(writer, changes)
    const isEnd = changes.some(({ _tag }) => _tag === "AttemptEnded")
    return isEnd ? Effect.delay(recording, 30) : Effect.asVoid(Effect.forkDetach(Effect.delay(recording, 8)))
  }
}))
