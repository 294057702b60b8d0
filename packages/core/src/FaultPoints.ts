/**
 * Named places before and after each write, fsync, rename and commit, where a test may end the process.
 *
 * Stores call `at("commit:before")` and its like; nothing happens unless a test provides another implementation. The
 * crash harness of `@uniflow/testkit` enumerates all points, and fails when one was never reached.
 */
import { Context } from "effect"

export interface FaultPointsService {
  readonly at: (point: string) => void
}

/** The fault points in use; doing nothing by default. */
export const FaultPoints: Context.Reference<FaultPointsService> = Context.Reference<FaultPointsService>("@uniflow/core/FaultPoints", {
  defaultValue: () => ({ at: () => {} })
})
