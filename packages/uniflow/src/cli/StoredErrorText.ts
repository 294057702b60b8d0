/**
 * Stored errors for people: what was thrown, and the places in the user's own code that led there.
 */
import { relative, isAbsolute } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { escapeControls, type Tone } from "@uniflow/compare"
import type { StoredError } from "@uniflow/core"
import { escapeLines } from "./Failure.ts"

export interface ErrorTextOptions {
  readonly tone: (text: string, tone: Tone | undefined) => string
  /** How many places at most. */
  readonly frames: number
  /** How many lines of the message at most. */
  readonly lines: number
}

/** What a step threw, without the error that says that the step failed. */
export const rootOf = (error: StoredError): StoredError => (error.tag === "StepFailed" || error.name === "StepFailed" ? error.cause ?? error : error)

/** Whether the error is UniFlow's own: its message says all, and its stack nothing. */
export const isOwn = (error: StoredError): boolean => error.tag !== undefined && error.tag !== "StepFailed"

const place = (path: string): string => {
  const below = relative(process.cwd(), path)
  return below !== "" && !below.startsWith("..") && !isAbsolute(below) ? below : path
}

/** Places in a stack, without those of Node and of packages where there are others; paths below the working directory are relative. */
const framesOf = (stack: string | undefined): ReadonlyArray<string> => {
  const frames = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line))
  const own = frames.filter((line) => !/node:internal|[/\\]node_modules[/\\]|\(<anonymous>\)/.test(line))
  return (own.length > 0 ? own : frames).map((line) =>
    line.trim().replace(/file:\/\/[^\s()]*?(?=:\d+)/, (url) => {
      try {
        return place(fileURLToPath(url))
      } catch {
        return url
      }
    }))
}

/** Lines that tell an error and what caused it, not indented. */
export const errorLines = (error: StoredError, options: ErrorTextOptions): ReadonlyArray<string> => {
  const { frames, lines, tone } = options
  const named = error.message === "" ? error.name : `${error.name}: ${error.message}`
  const told = escapeLines(named).split("\n")
  return [
    ...told.slice(0, lines).map((line) => tone(line, "bad")),
    ...(told.length > lines ? [tone("…", "bad")] : []),
    ...framesOf(error.stack).slice(0, frames).map((line) => tone(`  ${escapeControls(line)}`, "faint")),
    ...(error.cause === undefined ? [] : [tone("caused by", "faint"), ...errorLines(error.cause, options)])
  ]
}
