/**
 * Ctrl-C and SIGTERM while something is under way: the first one asks it to stop, the second one ends the process.
 */
import process from "node:process"
import { ExitCode } from "./ExitCode.ts"

const codes = { SIGINT: ExitCode.interrupted, SIGTERM: ExitCode.terminated, SIGHUP: 129 } as const

export type StopSignal = keyof typeof codes

/** The exit code that tells of a signal. */
export const codeOfSignal = (signal: StopSignal): ExitCode => (signal === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted)

/** Calls `stop` at the first signal; a second one ends the process at once. Gives a function that takes this back. */
export const onStopSignal = (stop: (signal: StopSignal) => void): (() => void) => {
  let stopping = false
  const listener = (signal: NodeJS.Signals): void => {
    const known = signal as StopSignal
    if (stopping) process.exit(codes[known])
    stopping = true
    stop(known)
  }
  const signals = Object.keys(codes) as ReadonlyArray<StopSignal>
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}
