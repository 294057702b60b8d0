/**
 * Runs that stand as running although their process is proven dead: the record changes only when somebody takes them.
 */
import { ProcessIdentity, type RunRecord } from "@uniflow/core"
import { Effect } from "effect"
import type { AnyUniflow } from "./Context.ts"

/** Ids of the abandoned ones among these runs. */
export const abandonedOf = async (uniflow: AnyUniflow, runs: ReadonlyArray<Pick<RunRecord, "id" | "status" | "holder">>): Promise<ReadonlySet<string>> => {
  const running = runs.filter(({ status }) => status === "running")
  if (running.length === 0) return new Set()
  const lives = await uniflow.runPromise(Effect.flatMap(ProcessIdentity, ({ look }) =>
    Effect.forEach(running, ({ holder }) => (holder === null ? Effect.succeed("dead" as const) : look(holder)))))
  return new Set(running.filter((_, at) => lives[at] === "dead").map(({ id }) => id))
}
