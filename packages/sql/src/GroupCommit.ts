/**
 * Commits together what waits at the same moment.
 *
 * Whoever submits a unit first becomes the leader: when the event loop has turned, everything that waits is done by the
 * driver in one transaction, and each waiter is told what became of its unit. What was submitted meanwhile is
 * led by the first of those that wait. There is no fiber in the background, and a lone writer waits for one turn only.
 */
import { Effect } from "effect"
import type { StoreError } from "@uniflow/core"
import type { SqlDriverService, SqlOutcome, SqlUnit } from "./SqlDriver.ts"

/** A writer that was alone for so many commits in a row waits for others with each such many-th only. */
const ALONE = 16

type Applied = Exclude<SqlOutcome, { readonly _tag: "Failed" }>

interface Waiter {
  readonly unit: SqlUnit
  readonly resume: (effect: Effect.Effect<Applied, StoreError>) => void
}

/** Records a unit durably; resolves to `Refused` when its guard changed no row. Cannot be interrupted. */
export type GroupCommit = (unit: SqlUnit) => Effect.Effect<Applied, StoreError>

const settled = (outcome: SqlOutcome): Effect.Effect<Applied, StoreError> =>
  outcome._tag === "Failed" ? Effect.fail(outcome.error) : Effect.succeed(outcome)

/** A queue of its own over a driver. */
export const make = (driver: Pick<SqlDriverService, "batch" | "batchNow" | "schedule">): GroupCommit => {
  let waiting: Array<Waiter> = []
  let led = false
  /** Commits in a row that had one unit. */
  let alone = 0

  /** What was submitted meanwhile is led by the first of those that wait. */
  const next = (): void => {
    const leader = waiting[0]
    if (leader === undefined) led = false
    else driver.schedule(() => lead(leader))
  }

  const lead = (leader: Waiter): void => {
    const taken = waiting
    waiting = []
    const units = taken.map(({ unit }) => unit)
    alone = units.length === 1 ? alone + 1 : 0
    const outcomes = driver.batchNow?.(units)
    if (outcomes !== undefined) {
      next()
      for (let i = 0; i < taken.length; i++) taken[i]!.resume(settled(outcomes[i]!))
      return
    }
    leader.resume(Effect.onExit(driver.batch(units), (exit) =>
      Effect.sync(() => {
        next()
        for (let i = 0; i < taken.length; i++) {
          if (taken[i] !== leader) taken[i]!.resume(exit._tag === "Success" ? settled(exit.value[i]!) : Effect.failCause(exit.cause))
        }
      })).pipe(Effect.flatMap((outcomes) => settled(outcomes[taken.indexOf(leader)]!))))
  }

  return (unit) =>
    Effect.uninterruptible(Effect.callback<Applied, StoreError>((resume) => {
      if (!led && alone >= ALONE && alone % ALONE !== 0) {
        const outcomes = driver.batchNow?.([unit])
        if (outcomes !== undefined) {
          alone++
          return resume(settled(outcomes[0]!))
        }
      }
      const waiter: Waiter = { unit, resume }
      waiting.push(waiter)
      if (led) return
      led = true
      driver.schedule(() => lead(waiter))
    }))
}
