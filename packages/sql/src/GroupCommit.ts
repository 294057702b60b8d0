/**
 * Commits together what waits at the same moment.
 *
 * Whoever submits a unit first becomes the leader: when the event loop has turned it takes everything that waits, has
 * the driver do it in one transaction, and tells each waiter what became of its unit. What was submitted meanwhile is
 * led by the first of those that wait. There is no fiber in the background, and a lone writer waits for one turn only.
 */
import { Effect } from "effect"
import type { StoreError } from "@uniflow/core"
import type { SqlDriverService, SqlOutcome, SqlUnit } from "./SqlDriver.ts"

interface Waiter {
  readonly unit: SqlUnit
  readonly resume: (effect: Effect.Effect<SqlOutcome, StoreError>) => void
}

/** Records a unit durably; resolves to `Refused` when its guard changed no row. Cannot be interrupted. */
export type GroupCommit = (unit: SqlUnit) => Effect.Effect<Exclude<SqlOutcome, { readonly _tag: "Failed" }>, StoreError>

/** A queue of its own over a driver. */
export const make = (driver: Pick<SqlDriverService, "batch" | "schedule">): GroupCommit => {
  let waiting: Array<Waiter> = []
  let led = false

  const lead = (leader: Waiter): Effect.Effect<SqlOutcome, StoreError> =>
    Effect.suspend(() => {
      const taken = waiting
      waiting = []
      return Effect.onExit(driver.batch(taken.map(({ unit }) => unit)), (exit) =>
        Effect.sync(() => {
          const next = waiting[0]
          if (next === undefined) led = false
          else driver.schedule(() => next.resume(lead(next)))
          for (let i = 0; i < taken.length; i++) {
            if (taken[i] === leader) continue
            taken[i]!.resume(exit._tag === "Success" ? Effect.succeed(exit.value[i]!) : Effect.failCause(exit.cause))
          }
        })).pipe(Effect.map((outcomes) => outcomes[taken.indexOf(leader)]!))
    })

  return (unit) =>
    Effect.callback<SqlOutcome, StoreError>((resume) => {
      const waiter: Waiter = { unit, resume }
      waiting.push(waiter)
      if (led) return
      led = true
      driver.schedule(() => resume(lead(waiter)))
    }).pipe(
      Effect.flatMap((outcome) => outcome._tag === "Failed" ? Effect.fail(outcome.error) : Effect.succeed(outcome)),
      Effect.uninterruptible
    )
}
