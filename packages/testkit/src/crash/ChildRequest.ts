/**
 * What a child process of the harness is told: on its command line as JSON, and later line by line on its input.
 *
 * `kill` ends the process by SIGKILL at the n-th passing of a fault point, `tell` reports the passing and goes on, so
 * that the kill from outside lands right after it, and `full` throws what Node and SQLite throw when the disk is full.
 */
import { Schema } from "effect"

export const Fault = Schema.Struct({ point: Schema.String, nth: Schema.Int, action: Schema.Literals(["kill", "tell", "full"]) })
export type Fault = typeof Fault.Type

export const ChildRequest = Schema.Struct({
  /** URL of the module that exports the target. */
  target: Schema.String,
  place: Schema.String,
  /** `work`: the whole workload. `hold`: runs that begin and end when they are told to (`HolderRace`). */
  mode: Schema.Literals(["work", "hold"]),
  /** File of the expected-state log. */
  log: Schema.String,
  /** File that takes the name of every fault point that is passed. */
  trace: Schema.String,
  fault: Schema.NullOr(Fault)
})
export type ChildRequest = typeof ChildRequest.Type

/** What a child that holds runs is told: to work on one, to let it end, to close. */
export const Order = Schema.Union([
  Schema.Struct({ order: Schema.Literal("run"), run: Schema.String }),
  Schema.Struct({ order: Schema.Literal("release"), run: Schema.String }),
  Schema.Struct({ order: Schema.Literal("close") })
])
export type Order = typeof Order.Type

/** What a child says on its output, one JSON object per line. */
export const Said = Schema.Union([
  Schema.Struct({ said: Schema.Literal("ready") }),
  /** The fault point was passed for the n-th time. */
  Schema.Struct({ said: Schema.Literal("passed") }),
  Schema.Struct({ said: Schema.Literal("done") }),
  Schema.Struct({ said: Schema.Literal("failed"), tag: Schema.String, message: Schema.String }),
  /** The step of a held run was entered. */
  Schema.Struct({ said: Schema.Literal("entered"), run: Schema.String, attempt: Schema.Int }),
  /** How the work on a run ended: its decision, or the tag (and reason) of the error, and the holder that it names. */
  Schema.Struct({ said: Schema.Literal("ended"), run: Schema.String, how: Schema.String, holder: Schema.NullOr(Schema.Int) })
])
export type Said = typeof Said.Type
