/**
 * Where the command begins once Node is known to be new enough: compiled code is cached between starts, and the
 * version is told without loading anything else.
 */
import { readFileSync } from "node:fs"
import { enableCompileCache } from "node:module"
import process from "node:process"

/** Version of this package. */
export const packageVersion = (): string => {
  const { version }: { readonly version: string } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  return version
}

/** Runs the command with these arguments, and ends the process with its exit code. */
export const start = async (args: ReadonlyArray<string>): Promise<void> => {
  enableCompileCache()
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-v")) {
    process.stdout.on("error", () => (process.exitCode = 1))
    process.stdout.write(`uniflow ${packageVersion()}\n`)
    return
  }
  try {
    process.cwd()
  } catch {
    process.stderr.write("error: The working directory was deleted. Change into another one.\n")
    process.exitCode = 2
    return
  }
  const { main } = await import("./main.ts")
  await main(args, packageVersion())
}
