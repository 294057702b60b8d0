/**
 * What every command is given besides its own input: where to print, and what was asked for on the command line as a
 * whole.
 */
import type { Uniflow } from "../Uniflow.ts"
import type { ExitCode } from "./ExitCode.ts"
import type { Output } from "./Output.ts"

/** UniFlow as commands use it: with whatever services the config gives. */
export type AnyUniflow = Uniflow<unknown>

export interface Context {
  readonly output: Output
  /** The folder that was given by `--directory`. */
  readonly directory: string | undefined
  /** The file that was given by `--config`. */
  readonly config: string | undefined
  readonly cwd: string
  /** Of this package. */
  readonly version: string
}

/** The body of a command: does the work and tells how it ended. Errors are thrown. */
export type Handler<Input> = (input: Input, context: Context) => Promise<ExitCode>
