/**
 * What git knows of a working tree: commit, branch, and whether anything differs from the commit.
 *
 * Asked of the `git` program without a shell, without locks and without running what the repository's configuration
 * names. Where git or the repository is missing, or has no commit, there is no state.
 */
import { execFile } from "node:child_process"
import process from "node:process"
import type { AttemptEnvironment } from "@uniflow/core"
import { Effect } from "effect"

const timeoutMs = 5000

/** What a command printed, as far as it came, and whether it came to its end. */
interface Answer {
  readonly text: string
  readonly complete: boolean
}

const git = (cwd: string, ...parameters: ReadonlyArray<string>): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    execFile("git", ["-c", "core.fsmonitor=false", ...parameters], {
      cwd,
      encoding: "utf8",
      timeout: timeoutMs,
      maxBuffer: 4 * 1024 * 1024,
      windowsHide: true,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" }
    }, (error, text) => resume(Effect.succeed({ text: text ?? "", complete: error === null })))
  })

/** Reads `git status --porcelain=v2 --branch`; undefined where there is no commit. */
export const parseStatus = ({ text, complete }: Answer): AttemptEnvironment["git"] => {
  const header = (name: string) => new RegExp(`^# ${name} (.+)$`, "m").exec(text)?.[1]
  const commit = header("branch\\.oid")
  const branch = header("branch\\.head")
  if (commit === undefined || !/^[0-9a-f]{40,64}$/.test(commit)) return undefined
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
    git(cwd, "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--no-renames"),
    git(cwd, "rev-parse", "--verify", "HEAD")
  ], { concurrency: "unbounded" }).pipe(
    Effect.map(([status, head]) => {
      const commit = head.text.trim()
      return parseStatus(status)
        ?? (head.complete && /^[0-9a-f]{40,64}$/.test(commit) ? { commit, dirty: true } : undefined)
    })
  )
