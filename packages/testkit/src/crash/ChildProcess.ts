/**
 * A process of the harness as its parent sees it: started, listened to, killed, waited for.
 */
import { spawn } from "node:child_process"
import { extname } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Schema } from "effect"
import { type ChildRequest, type Order, Said } from "./ChildRequest.ts"

/** How a process ended. */
export interface Ended {
  /** By SIGKILL. */
  readonly killed: boolean
  readonly code: number | null
  /** Why it failed, where it said so or wrote it on its error output. */
  readonly failure: { readonly tag: string; readonly message: string } | undefined
}

export interface ChildProcess {
  readonly pid: number
  /** Everything said so far. */
  readonly said: ReadonlyArray<Said>
  /** The first thing said that fits, past or to come; undefined when the process ends before. */
  readonly until: <S extends Said>(fits: (said: Said) => said is S) => Promise<S | undefined>
  readonly tell: (order: Order) => void
  readonly signal: (signal: "SIGKILL" | "SIGSTOP" | "SIGCONT") => void
  readonly ended: Promise<Ended>
}

export interface ChildOptions {
  /** Folder of compiled code, shared by all children: they start faster. */
  readonly cache: string
  /** A process that lives longer, in milliseconds, is killed, and counts as stuck. Default 60,000. */
  readonly limitMs?: number | undefined
  /** A command that runs the process: its name and arguments. Default none. */
  readonly under?: ReadonlyArray<string> | undefined
}

const program = fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url))

/** This process's own export conditions: what it was started with as one argument or as two. */
const conditions = (): ReadonlyArray<string> => {
  const args = process.execArgv
  return args.flatMap((arg, n) => {
    if (arg.startsWith("--conditions=")) return [arg]
    return (arg === "--conditions" || arg === "-C") && args[n + 1] !== undefined ? [`--conditions=${args[n + 1]}`] : []
  })
}

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Said))

/** Starts a process that works on a target. */
export const start = (request: ChildRequest, { cache, limitMs = 60_000, under = [] }: ChildOptions): ChildProcess => {
  const [command = process.execPath, ...args] = [...under, process.execPath, ...conditions(), program, JSON.stringify(request)]
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NODE_COMPILE_CACHE: cache, NODE_OPTIONS: "" }
  })
  const said: Array<Said> = []
  const listeners = new Set<() => void>()
  const heard = (): void => {
    for (const listener of listeners) listener()
  }
  let over = false
  let errors = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-10_000)))
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(decode(line))
    heard()
  })
  // Whoever was killed reads no more.
  child.stdin.on("error", () => {})
  let stuck = false
  const timer = setTimeout(() => {
    stuck = true
    child.kill("SIGKILL")
  }, limitMs)
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      over = true
      heard()
      const failed = said.find((one) => one.said === "failed")
      const failure = stuck
        ? { tag: "Stuck", message: `It was not done after ${limitMs} ms. ${errors}` }
        : failed !== undefined
        ? { tag: failed.tag, message: failed.message }
        : signal === null && code !== 0
        ? { tag: "Exit", message: errors }
        : undefined
      resolve({ killed: signal === "SIGKILL" && !stuck, code, failure })
    })
  })
  return {
    pid: child.pid ?? 0,
    said,
    until: <S extends Said>(fits: (said: Said) => said is S) =>
      new Promise<S | undefined>((resolve) => {
        const look = (): void => {
          const found = said.find(fits)
          if (found === undefined && !over) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        look()
      }),
    tell: (order) => void child.stdin.write(`${JSON.stringify(order)}\n`),
    signal: (signal) => void child.kill(signal),
    ended
  }
}
