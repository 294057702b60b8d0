/**
 * What an attempt runs in: git, Node, host, command line, installed versions; and what may be stored of it.
 *
 * Capturing never fails: what cannot be known is left out. Attempts that begin at once share one capture, which answers
 * for two seconds, so that a hundred runs do not start git a hundred times. Secrets are redacted before anyone sees them.
 */
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import process from "node:process"
import { type AttemptEnvironment, Environment, type EnvironmentService, isSecretName } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { capturePatch } from "./internal/capturePatch.ts"
import { gitState } from "./internal/gitState.ts"
import { installedPackages } from "./internal/installedPackages.ts"
import { lockfileState } from "./internal/lockfileState.ts"
import { redactArguments, redactText } from "./internal/redaction.ts"
import * as WorkingTreePatch from "./WorkingTreePatch.ts"

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

let version: string | undefined | null = null

/** The version of this package; undefined where it was bundled into another. */
const ownVersion = (): string | undefined => {
  if (version !== null) return version
  try {
    const manifest: { readonly name?: unknown; readonly version?: unknown } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
    version = manifest.name === "@uniflow/node" && typeof manifest.version === "string" ? manifest.version : undefined
  } catch {
    version = undefined
  }
  return version
}

const captureNow = Effect.fnUntraced(function*(options: NodeEnvironmentOptions): Effect.fn.Return<AttemptEnvironment> {
  const cwd = options.cwd ?? workingDirectory()
  const [git, packages, lockfile] = yield* cwd === undefined
    ? Effect.succeed([undefined, {}, undefined] as const)
    : Effect.all([gitState(cwd), installedPackages(cwd), lockfileState(cwd)], { concurrency: "unbounded" })
  const uniflow = ownVersion()
  return {
    ...(git === undefined ? {} : { git }),
    runtime: runtime(),
    platform: `${process.platform} ${process.arch}`,
    host: hostname(),
    pid: process.pid,
    ...(cwd === undefined ? {} : { cwd: redactText(cwd, process.env) }),
    argv: redactArguments(process.argv, process.env),
    ...(process.execArgv.length === 0 ? {} : { execArgv: redactArguments(process.execArgv, process.env) }),
    ...(lockfile === undefined ? {} : { lockfile }),
    ...(uniflow === undefined ? {} : { uniflow }),
    packages
  }
})

/** The patch of the tree; captured anew only when the tree has changed. */
const patchOf = (options: NodeEnvironmentOptions): NonNullable<EnvironmentService["patch"]> => {
  let last: { readonly stamp: string; readonly bytes: Uint8Array } | undefined
  return Effect.suspend(() => {
    const cwd = options.cwd ?? workingDirectory()
    return cwd === undefined ? Effect.undefined : capturePatch(cwd, last)
  }).pipe(
    Effect.map((patch) => {
      last = patch
      return patch === undefined ? undefined : { bytes: patch.bytes, mediaType: WorkingTreePatch.MEDIA_TYPE }
    }),
    Effect.catchCause(() => Effect.undefined)
  )
}

/** The environment of this process. */
export const make = (options: NodeEnvironmentOptions = {}): Effect.Effect<EnvironmentService> =>
  // One that shares a capture must not take it down for the others when it is cancelled.
  Effect.all([
    Effect.cachedWithTTL(Effect.uninterruptible(captureNow(options)), "2 seconds"),
    Effect.cachedWithTTL(Effect.uninterruptible(patchOf(options)), "2 seconds")
  ]).pipe(
    Effect.map(([capture, patch]) => ({
      capture,
      patch,
      variable: (name) => process.env[name],
      isSecret: isSecretName,
      redact: (text) => redactText(text, process.env)
    }))
  )

/** Replaces core's environment by that of this process. */
export const layer = (options?: NodeEnvironmentOptions): Layer.Layer<never> => Layer.effect(Environment, make(options))
