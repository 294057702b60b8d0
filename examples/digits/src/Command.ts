/**
 * The `uniflow` command as a process of its own, its output shown line by line under what called it.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const command = fileURLToPath(new URL("../../../packages/uniflow/src/bin.ts", import.meta.url))

/** How a process ended, and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** A process that runs. */
export interface Running {
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: Promise<Ended>
}

/** What a started command needs besides its words. */
export interface Options {
  /** Where it is started: the folder of its `uniflow.config.ts`. */
  readonly cwd: string
  /** Called with each line that it prints. */
  readonly onLine?: (line: string) => void
}

const follow = async (child: ChildProcess, onLine: (line: string) => void): Promise<Ended> => {
  const lines: Array<string> = []
  const read = async (stream: NodeJS.ReadableStream): Promise<void> => {
    for await (const line of createInterface({ input: stream })) {
      lines.push(line)
      onLine(line)
    }
  }
  const [[code, signal]] = await Promise.all([once(child, "exit"), read(child.stdout!), read(child.stderr!)])
  return { code, signal, output: lines.join("\n") }
}

/** Starts `uniflow` with these words. In this repository it runs from its sources. */
export const start = (words: ReadonlyArray<string>, options: Options): Running => {
  const child = spawn(process.execPath, ["--conditions=uniflow-source", command, ...words], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  return { pid: child.pid!, kill: (signal) => void child.kill(signal), ended: follow(child, options.onLine ?? (() => {})) }
}
