/**
 * Commands as processes of their own, their output handed on line by line.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const uniflow = fileURLToPath(new URL("../../../packages/uniflow/src/bin.ts", import.meta.url))

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

/** Reads what a process prints until it ends. */
export const follow = async (child: ChildProcess, onLine: (line: string) => void = () => {}): Promise<Ended> => {
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

/** Starts `uniflow` with these words, from its sources. */
export const start = (
  words: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly onLine?: (line: string) => void }
): Running => {
  const child = spawn(process.execPath, ["--conditions=uniflow-source", uniflow, ...words], {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"]
  })
  return { pid: child.pid!, kill: (signal) => void child.kill(signal), ended: follow(child, options.onLine) }
}

/** Starts a line as a shell would. */
export const shell = (line: string, cwd: string): ChildProcess => spawn(line, { cwd, shell: true, stdio: ["ignore", "pipe", "pipe"] })
