/**
 * The `git` program, asked without a shell, without locks, without a terminal and without running what the repository's
 * configuration names (file system monitors, hooks, external diffs).
 */
import { execFile } from "node:child_process"
import process from "node:process"
import { Effect } from "effect"

/** What a command printed, as far as it came, and whether it came to its end. */
export interface Answer {
  readonly bytes: Buffer
  readonly complete: boolean
  /** What it printed on stderr, or why it could not be started. */
  readonly issue: string
}

export interface GitOptions {
  /** Default 5 seconds. */
  readonly timeoutMs?: number | undefined
  /** The most that it may print. Default 4 MiB. */
  readonly maxBytes?: number | undefined
  readonly input?: Buffer | undefined
  /** Variables over those of the process. */
  readonly env?: { readonly [name: string]: string } | undefined
}

/** Runs `git` in a folder; never fails, `complete` tells how it ended. */
export const git = (cwd: string, parameters: ReadonlyArray<string>, options: GitOptions = {}): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const child = execFile("git", ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", ...parameters], {
      cwd,
      encoding: "buffer",
      timeout: options.timeoutMs ?? 5000,
      maxBuffer: options.maxBytes ?? 4 * 1024 * 1024,
      windowsHide: true,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0", LC_ALL: "C", ...options.env }
    }, (error, stdout, stderr) =>
      resume(Effect.succeed({
        bytes: stdout ?? Buffer.alloc(0),
        complete: error === null,
        issue: error === null ? "" : (stderr?.toString("utf8").trim() || error.message)
      })))
    // One that ended early closes its input; what it says about it is in its answer.
    child.stdin?.on("error", () => {})
    child.stdin?.end(options.input ?? "")
  })
