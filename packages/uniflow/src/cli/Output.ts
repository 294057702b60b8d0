/**
 * Where the command prints: results to stdout, errors and remarks to stderr, as JSON where that was asked for.
 *
 * With `--json` stdout holds nothing but JSON: whatever a config or a step prints by itself goes to stderr then.
 */
import process from "node:process"
import { paint, type Tone } from "@uniflow/compare"
import { ExitCode } from "./ExitCode.ts"
import { describeFailure, escapeLines, oneLine } from "./Failure.ts"

export interface OutputOptions {
  readonly json: boolean
  /** Only what was asked for: no progress, no remarks. */
  readonly quiet: boolean
  /** Stacks with errors. */
  readonly verbose: boolean
}

/** The parts of a stream that are used here. */
export interface Sink {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  write(text: string | Uint8Array, done?: () => void): boolean
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== "" && value !== "0" && value.toLowerCase() !== "false"

/** Whether a stream shows colours, by the conventions NO_COLOR, FORCE_COLOR and TERM=dumb. */
export const showsColor = (isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean => {
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false
  if (isSet(env["FORCE_COLOR"])) return true
  return isTerminal && env["TERM"] !== "dumb"
}

/** JSON text of data, with numbers that JSON does not have as strings. */
const jsonOf = (data: unknown, indent?: number): string =>
  JSON.stringify(data, (_, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value), indent)

export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  /** Whether stdout shows colours. */
  readonly color: boolean
  /** Whether a block of lines may be redrawn on stdout. */
  readonly live: boolean
  private readonly stdout: Sink
  private readonly stderr: Sink
  private readonly writeOut: Sink["write"]
  private readonly errorColor: boolean
  private closed = false
  private problem: unknown

  constructor(options: OutputOptions, stdout: Sink = process.stdout, stderr: Sink = process.stderr, env: Readonly<Record<string, string | undefined>> = process.env) {
    this.json = options.json
    this.quiet = options.quiet
    this.verbose = options.verbose
    this.stdout = stdout
    this.stderr = stderr
    this.writeOut = stdout.write.bind(stdout)
    this.color = !options.json && showsColor(stdout.isTTY === true, env)
    this.errorColor = showsColor(stderr.isTTY === true, env)
    this.live = !options.json && !options.quiet && stdout.isTTY === true && env["TERM"] !== "dumb" && !isSet(env["CI"])
    if (options.json) stdout.write = stderr.write.bind(stderr)
  }

  /** Whether stdout is a terminal. */
  get isTerminal(): boolean {
    return this.stdout.isTTY === true
  }

  /** Columns to fit into; undefined where stdout is no terminal. */
  get columns(): number | undefined {
    return this.stdout.isTTY === true ? Math.max(20, this.stdout.columns ?? 80) : undefined
  }

  /** A line, or lines, for people. Nothing with `--json`. */
  readonly line = (text = ""): void => {
    if (!this.json) this.raw(`${text}\n`)
  }

  /** The one JSON document of a command. */
  readonly document = (data: unknown): void => this.raw(`${jsonOf(data, this.isTerminal ? 2 : undefined)}\n`)

  /** One line of several JSON lines. */
  readonly jsonLine = (data: unknown): void => this.raw(`${jsonOf(data)}\n`)

  /** Bytes or text as they are. */
  readonly raw = (text: string | Uint8Array): void => {
    if (!this.closed) this.writeOut(text)
  }

  /** A remark beside the result. */
  readonly remark = (text: string): void => {
    if (!this.quiet && !this.json) this.stderr.write(`${text}\n`)
  }

  /** Tells an error and gives the exit code for it. */
  readonly fail = (error: unknown): ExitCode => {
    const { code, exitCode, message, stack } = describeFailure(error)
    if (this.json) {
      this.stderr.write(`${jsonOf({ error: { code, message, exitCode, ...(this.verbose && stack !== undefined ? { stack } : {}) } })}\n`)
      return exitCode
    }
    const label = exitCode === ExitCode.interrupted || exitCode === ExitCode.terminated ? this.errorTone("interrupted:", "warning") : this.errorTone("error:", "bad")
    this.stderr.write(`${label} ${oneLine(message)}\n`)
    if (this.verbose && stack !== undefined) this.stderr.write(`${this.errorTone(escapeLines(stack), "faint")}\n`)
    return exitCode
  }

  /** The text in its colour, where stdout shows colours. */
  readonly tone = (text: string, tone: Tone | undefined): string => (this.color ? paint(text, tone) : text)

  private errorTone(text: string, tone: Tone): string {
    return this.errorColor ? paint(text, tone) : text
  }

  /** After this nothing more is printed to stdout: whoever read it is gone, or it takes nothing more. */
  readonly close = (problem?: unknown): void => {
    this.closed = true
    this.problem ??= problem
  }

  /** Why not everything was printed to stdout that should have been; undefined where it was, or where nobody reads it. */
  get incomplete(): unknown {
    return this.problem
  }

  /** Waits until everything that was printed has been taken. */
  readonly flush = async (): Promise<void> => {
    await Promise.all([this.writeOut, this.stderr.write.bind(this.stderr)].map((write) => new Promise<void>((resolve) => void write("", resolve))))
  }
}
