/**
 * What the killed processes knew to be done, line by line, in a file of its own beside the store.
 *
 * A step writes when it begins and when a store has told it that something is durable. Each line is flushed to the disk
 * before the step goes on, so that the log never knows less than the process did. What it says is held against the
 * store after each kill.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs"
import { Schema } from "effect"

const Step = { run: Schema.String, address: Schema.String, attempt: Schema.Int }

/** One thing that a process knew. */
export const ExpectedLine = Schema.Union([
  /** The run was taken by an attempt, `ms` milliseconds after it was asked for. */
  Schema.Struct({ event: Schema.Literal("taken"), run: Schema.String, attempt: Schema.Int, ms: Schema.Number }),
  /** A step's function was entered: what it reads is recorded. */
  Schema.Struct({ event: Schema.Literal("begin"), ...Step }),
  /** A manual checkpoint was saved: how often under this name. */
  Schema.Struct({ event: Schema.Literal("saved"), ...Step, name: Schema.String, version: Schema.Int }),
  /** A manual checkpoint was loaded: which version, 0 where there was none. */
  Schema.Struct({ event: Schema.Literal("loaded"), ...Step, name: Schema.String, version: Schema.Int }),
  /** An artifact was put. */
  Schema.Struct({ event: Schema.Literal("put"), ...Step, name: Schema.String, digest: Schema.String }),
  /** The run's result came back. */
  Schema.Struct({ event: Schema.Literal("completed"), run: Schema.String }),
  /** From here on the run may be gone. */
  Schema.Struct({ event: Schema.Literal("removing"), run: Schema.String })
])
export type ExpectedLine = typeof ExpectedLine.Type

/** A log that is being written by one process. */
export interface ExpectedLog {
  readonly write: (line: ExpectedLine) => void
  readonly close: () => void
}

/** Opens the log, and makes it where there is none. */
export const open = (path: string): ExpectedLog => {
  const file = openSync(path, "a")
  return {
    write: (line) => {
      writeSync(file, `${JSON.stringify(line)}\n`)
      fsyncSync(file)
    },
    close: () => closeSync(file)
  }
}

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(ExpectedLine))

/** Every line, oldest first; half a line at the end, of a process that was killed while it wrote, says nothing. */
export const read = (path: string): ReadonlyArray<ExpectedLine> => {
  const lines = readFileSync(path, { encoding: "utf8", flag: "a+" }).split("\n")
  return lines.slice(0, -1).filter((line) => line.startsWith("{") && line.endsWith("}")).map((line) => decode(line))
}
