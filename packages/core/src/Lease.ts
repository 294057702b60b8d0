/**
 * Whether a run that is held may be taken: the rule that all run stores share (see `RunStoreService.claim`).
 *
 * A holder that this machine knows to be dead may be superseded at once. Where both processes share a monotonic clock
 * the age of the last heartbeat decides. Otherwise nothing but watching the heartbeat for one lease tells.
 */
import { Clock, Duration, Effect } from "effect"
import { type Holder, ProcessIdentity } from "./ProcessIdentity.ts"
import type { RunRecord } from "./RunRecord.ts"
import { RunIsActive } from "./UniflowError.ts"

/** `free`: may be superseded now. `held`: lives. `watch`: only its heartbeat can tell, over one lease. */
export type Verdict = "free" | "held" | "watch"

/** What the calling process can say now of a run's holder. */
export const judge = Effect.fnUntraced(function*(run: RunRecord, holder: Holder): Effect.fn.Return<Verdict> {
  const { look, monotonicMs, self } = yield* ProcessIdentity
  if ((yield* look(holder)) === "dead") return "free"
  const sameClock = holder.nonce === self.nonce || (holder.bootId !== "" && holder.bootId === self.bootId)
  if (!sameClock) return "watch"
  return monotonicMs() - run.heartbeatMonotonicMs >= run.leaseMs ? "free" : "held"
})

/** Longest pause between two readings of a run that is waited for. */
const READ_MS = 250

/** How often its process is looked at: that may cost a process of its own. */
const LOOK_MS = 1000

/**
 * Waits until nobody works on a run any more: it is free, or its holder is dead. Gives it as it was seen last. An end is seen
 * after a tenth of what was waited, and a quarter of a second at the latest; a death on this machine within about a second.
 */
export const untilLetGo = Effect.fnUntraced(function*<E>(
  read: Effect.Effect<RunRecord | undefined, E>
): Effect.fn.Return<RunRecord | undefined, E> {
  const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)
  const begunMs = yield* nowMs
  let seen: RunRecord | undefined
  let beatMs = begunMs
  let lookMs = begunMs
  for (;;) {
    const run = yield* read
    if (run === undefined || run.holder === null) return run
    const now = yield* nowMs
    if (seen?.token !== run.token || seen.heartbeat !== run.heartbeat) beatMs = now
    if (seen?.token !== run.token || now >= lookMs) {
      lookMs = now + LOOK_MS
      const verdict = yield* judge(run, run.holder)
      if (verdict === "free" || (verdict === "watch" && now - beatMs >= run.leaseMs)) return run
    }
    seen = run
    yield* Effect.sleep(Duration.millis(Math.min(READ_MS, 10 + (now - begunMs) / 10)))
  }
})

/** Waits, for one lease at most, until a run as it was seen may be taken; fails as soon as its holder is seen to live. */
export const untilFree = Effect.fnUntraced(function*<E>(
  seen: RunRecord,
  read: Effect.Effect<RunRecord | undefined, E>
): Effect.fn.Return<void, RunIsActive | E> {
  const { holder, id: runId } = seen
  if (holder === null) return
  const verdict = yield* judge(seen, holder)
  if (verdict === "held") return yield* new RunIsActive({ runId, holder })
  if (verdict === "free") return
  for (let part = 0; part < 4; part++) {
    yield* Effect.sleep(Duration.millis(seen.leaseMs / 4))
    const now = yield* read
    if (now === undefined || now.holder === null) return
    if (now.token !== seen.token || now.heartbeat !== seen.heartbeat) return yield* new RunIsActive({ runId, holder: now.holder })
  }
})
