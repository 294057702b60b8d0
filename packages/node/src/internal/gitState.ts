/**
 * What git knows of a working tree: commit, branch, whether anything differs from the commit, and where in the tree a
 * folder is. Where git or the repository is missing, or has no commit, there is no state.
 */
import type { AttemptEnvironment } from "@uniflow/core"
import { Effect } from "effect"
import { git } from "./gitCommand.ts"

/** A listing of git's: as far as it came, and whether it came to its end. */
interface Listing {
  readonly text: string
  readonly complete: boolean
}

const ask = (cwd: string, ...parameters: ReadonlyArray<string>): Effect.Effect<Listing> =>
  Effect.map(git(cwd, parameters), ({ bytes, complete }) => ({ text: bytes.toString("utf8"), complete }))

const isCommit = (text: string): boolean => /^[0-9a-f]{40,64}$/.test(text)

/** Reads `git status --porcelain=v2 --branch`; undefined where there is no commit. */
export const parseStatus = ({ text, complete }: Listing): AttemptEnvironment["git"] => {
  const header = (name: string) => new RegExp(`^# ${name} (.+)$`, "m").exec(text)?.[1]
  const commit = header("branch\\.oid")
  const branch = header("branch\\.head")
  if (commit === undefined || !isCommit(commit)) return undefined
  return {
    commit,
    ...(branch === undefined || branch === "(detached)" ? {} : { branch }),
    // A listing that was cut off had more in it than we can hold, or took too long: no clean tree can be claimed.
    dirty: !complete || text.split("\n").some((line) => line !== "" && !line.startsWith("# "))
  }
}

/** The state of the tree that a folder belongs to; undefined where none can be known. */
export const gitState = (cwd: string): Effect.Effect<AttemptEnvironment["git"]> =>
  Effect.all([
    ask(cwd, "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--no-renames"),
    ask(cwd, "rev-parse", "HEAD", "--show-prefix")
  ], { concurrency: "unbounded" }).pipe(
    Effect.map(([status, place]) => {
      const [head = "", ...prefix] = place.text.split("\n")
      const state = parseStatus(status) ?? (place.complete && isCommit(head) ? { commit: head, dirty: true } : undefined)
      const folder = place.complete ? prefix.join("\n").replace(/\/?\n?$/, "") : ""
      return state === undefined || folder === "" ? state : { ...state, folder }
    })
  )
