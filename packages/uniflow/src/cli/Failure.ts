/**
 * Errors as the command tells them: one clear line, without a stack unless it is asked for, or a JSON object.
 *
 * Messages may quote what is stored or typed, so everything is escaped.
 */
import { escapeControls } from "@uniflow/compare"
import { type ExitCode, exitCodeOf } from "./ExitCode.ts"

/** What was typed is not acceptable. */
export class UsageError extends Error {
  readonly _tag = "UsageError"
}

/** What was asked for is not there. */
export class NotFound extends Error {
  readonly _tag = "NotFound"
}

/** An error, ready to be told. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly exitCode: ExitCode
  readonly stack: string | undefined
}

const tagOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string" ? error._tag : undefined

const messageOf = (error: unknown): string => {
  if (error instanceof Error) return error.message === "" ? error.name : error.message
  return typeof error === "string" ? error : String(error)
}

const stackOf = (error: unknown): string | undefined => {
  const stacks: Array<string> = []
  for (let at = error; at instanceof Error && stacks.length < 10; at = at.cause) stacks.push(at.stack ?? String(at))
  return stacks.length === 0 ? undefined : stacks.join("\ncaused by: ")
}

/** Describes anything that was thrown. */
export const describeFailure = (error: unknown): Failure => {
  const tag = tagOf(error)
  return {
    code: tag ?? (error instanceof Error ? error.name : "Error"),
    message: messageOf(error),
    exitCode: exitCodeOf(tag),
    stack: stackOf(error)
  }
}

/** The message in one line: the first one, with a mark where more would follow. */
export const oneLine = (message: string): string => {
  const [first = "", ...others] = message.trim().split(/\r?\n/)
  return escapeControls(others.some((line) => line.trim() !== "") ? `${first.trimEnd()} …` : first)
}

/** A text of several lines with each line escaped. */
export const escapeLines = (text: string): string => text.split(/\r?\n/).map(escapeControls).join("\n")
