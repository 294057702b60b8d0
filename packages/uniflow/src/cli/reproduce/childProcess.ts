/** Programs that the command starts: git, package managers, and Node with the code of a run. */
import { spawn } from "node:child_process"
import process from "node:process"
import { NotReproducible } from "./NotReproducible.ts"

/** A program that has ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** What it wrote to file descriptor 3. */
  readonly told: string
}

export interface ProgramOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv | undefined
  readonly input?: string | Uint8Array | undefined
  /** Aborting it interrupts the program, as Ctrl-C does; once more 10 seconds later it is killed. */
  readonly signal?: AbortSignal | undefined
  /** Called with each line of stdout, as it comes; then `stdout` stays empty. */
  readonly onLine?: ((line: string) => void) | undefined
}

/** How much of what a program says is kept, in characters, from the end. */
const KEPT = 16 * 1024 * 1024

const KILL_MS = 10_000

/** Runs a program to its end, without a shell. Rejects with `NotReproducible` where it cannot be started. */
export const runProgram = (program: string, args: ReadonlyArray<string>, options: ProgramOptions): Promise<Ended> =>
  new Promise((resolve, reject) => {
    options.signal?.throwIfAborted()
    // A group of its own: Ctrl-C in the terminal must reach it once, through us.
    const detached = process.platform !== "win32"
    const child = spawn(program, args, { cwd: options.cwd, env: options.env ?? process.env, detached, windowsHide: true, stdio: ["pipe", "pipe", "pipe", "pipe"] })
    const kill = (signal: NodeJS.Signals): void => {
      try {
        if (detached && child.pid !== undefined) process.kill(-child.pid, signal)
        else child.kill(signal)
      } catch {
        // It is gone.
      }
    }
    let timer: NodeJS.Timeout | undefined
    const abort = (): void => {
      kill("SIGINT")
      timer = setTimeout(() => kill("SIGKILL"), KILL_MS)
    }
    options.signal?.addEventListener("abort", abort, { once: true })
    const texts = { stdout: "", stderr: "", told: "" }
    const keep = (name: keyof typeof texts) => (text: string): void => {
      texts[name] = (texts[name] + text).slice(-KEPT)
    }
    let open = ""
    const lines = (text: string): void => {
      const parts = (open + text).split("\n")
      open = parts.pop()!
      for (const line of parts) options.onLine!(line)
    }
    child.stdout.setEncoding("utf8").on("data", options.onLine === undefined ? keep("stdout") : lines)
    child.stderr.setEncoding("utf8").on("data", keep("stderr"))
    const extra = child.stdio[3] as NodeJS.ReadableStream
    extra.setEncoding("utf8").on("data", keep("told"))
    child.stdin.on("error", () => {})
    child.stdin.end(options.input ?? "")
    const settled = (): void => {
      clearTimeout(timer)
      options.signal?.removeEventListener("abort", abort)
    }
    child.on("error", (error: NodeJS.ErrnoException) => {
      settled()
      reject(new NotReproducible(error.code === "ENOENT" ? `There is no program ${program} on this machine, or no folder ${options.cwd}.` : `${program} cannot be started: ${error.message}`))
    })
    child.on("close", (code) => {
      settled()
      resolve({ code, ...texts })
    })
  })

/** The line of an error output that says most: the first that names an error, else the last one. */
export const saidBy = (text: string): string => {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "")
  return lines.find((line) => /^(?:\w*Error|error|fatal)\b/.test(line)) ?? lines.at(-1) ?? "it said nothing"
}
