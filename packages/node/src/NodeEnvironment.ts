/**
 * What an attempt runs in: git, Node, host, command line, installed versions; and what may be stored of it.
 *
 * Capturing never fails: what cannot be known is left out. Attempts that begin at once share one capture, which answers
 * for two seconds, so that a hundred runs do not start git a hundred times. Secrets are redacted before anyone sees them.
 */
import { hostname } from "node:os"
import process from "node:process"
import { type AttemptEnvironment, Environment, type EnvironmentService, isSecretName } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { gitState } from "./internal/gitState.ts"
import { installedPackages } from "./internal/installedPackages.ts"
import { redactArguments, redactText } from "./internal/redaction.ts"

export interface NodeEnvironmentOptions {
  /** The folder whose git tree and packages are captured; the process's working directory by default. */
  readonly cwd?: string | undefined
}

const runtime = (): string => {
  const { bun, deno, node } = process.versions as Readonly<Record<string, string | undefined>>
  return bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${node}`
}

const workingDirectory = (): string | undefined => {
  try {
    return process.cwd()
  } catch {
    // It was deleted.
    return undefined
  }
}

const captureNow = Effect.fnUntraced(function*(options: NodeEnvironmentOptions): Effect.fn.Return<AttemptEnvironment> {
  const cwd = options.cwd ?? workingDirectory()
  const [git, packages] = yield* cwd === undefined
    ? Effect.succeed([undefined, {}] as const)
    : Effect.all([gitState(cwd), installedPackages(cwd)], { concurrency: "unbounded" })
  return {
    ...(git === undefined ? {} : { git }),
    runtime: runtime(),
    platform: `${process.platform} ${process.arch}`,
    host: hostname(),
    pid: process.pid,
    ...(cwd === undefined ? {} : { cwd: redactText(cwd, process.env) }),
    argv: redactArguments(process.argv, process.env),
    packages
  }
})

/** The environment of this process. */
export const make = (options: NodeEnvironmentOptions = {}): Effect.Effect<EnvironmentService> =>
  // One that shares a capture must not take it down for the others when it is cancelled.
  Effect.cachedWithTTL(Effect.uninterruptible(captureNow(options)), "2 seconds").pipe(
    Effect.map((capture) => ({
      capture,
      variable: (name) => process.env[name],
      isSecret: isSecretName,
      redact: (text) => redactText(text, process.env)
    }))
  )

/** Replaces core's environment by that of this process. */
export const layer = (options?: NodeEnvironmentOptions): Layer.Layer<never> => Layer.effect(Environment, make(options))
