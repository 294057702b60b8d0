// Reports what is recorded as done one commit before it is.
import { Effect } from "effect"
import type { StoreError } from "@uniflow/core"
import { broken } from "./broken.ts"

export const target = broken("acknowledges before it commits", ({ commit }) => {
  const behind = new Map<number, Effect.Effect<void, StoreError>>()
  return {
    commit: (writer, changes) => {
      const before = behind.get(writer.token) ?? Effect.void
      const recording = Effect.suspend(() => commit(writer, changes))
      if (changes.some(({ _tag }) => _tag === "AttemptEnded")) return Effect.andThen(before, recording)
      behind.set(writer.token, recording)
      return before
    }
  }
})
