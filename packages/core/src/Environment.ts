/**
 * What an attempt ran in: code, host, versions, command line. Recorded, and never part of a fingerprint.
 */
import { Context, Effect, Schema } from "effect"

/** The surroundings of one attempt, with secrets redacted already. */
export const AttemptEnvironment = Schema.Struct({
  git: Schema.optionalKey(Schema.Struct({
    commit: Schema.String,
    branch: Schema.optionalKey(Schema.String),
    /** Whether tracked files differed from the commit, or untracked ones stood beside them. */
    dirty: Schema.Boolean,
    /** The working directory from the root of the working tree, with `/`; absent at the root itself. */
    folder: Schema.optionalKey(Schema.String)
  })),
  /** Runtime and its version, such as `node 24.21.0`. */
  runtime: Schema.String,
  platform: Schema.String,
  host: Schema.String,
  pid: Schema.Int,
  cwd: Schema.optionalKey(Schema.String),
  argv: Schema.Array(Schema.String),
  /** Options of the runtime itself, which stood before the program: `--conditions=…`, `--import …`. */
  execArgv: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The lockfile that was in use: its path from the root of the working tree, with `/`, and the SHA-256 of its bytes. */
  lockfile: Schema.optionalKey(Schema.Struct({ path: Schema.String, digest: Schema.String })),
  /** Version of UniFlow. */
  uniflow: Schema.optionalKey(Schema.String),
  /** Locked versions of the packages the project depends on directly. */
  packages: Schema.Record(Schema.String, Schema.String)
})
export type AttemptEnvironment = typeof AttemptEnvironment.Type

export interface EnvironmentService {
  /** Captures the surroundings; never fails, what cannot be known is left out. */
  readonly capture: Effect.Effect<AttemptEnvironment>
  /**
   * What the working tree has beyond the commit that `capture` tells, where it is dirty, without secrets: recorded with
   * the attempt as an artifact of no step. Never fails; undefined where it cannot be known.
   */
  readonly patch?: Effect.Effect<{ readonly bytes: Uint8Array; readonly mediaType: string } | undefined>
  /** The value of a declared environment variable (`env` on a step). */
  readonly variable: (name: string) => string | undefined
  /** Whether a variable's value is a secret by its name: then it counts and shows as a keyed hash. */
  readonly isSecret: (name: string) => boolean
  /** Replaces secrets inside a text that is about to be stored (errors, logs). */
  readonly redact: (text: string) => string
}

const secretName = /(secret|token(?!iz)|passw|passphrase|api[-_]?key|private[-_]?key|credential|auth(?!or(?!i[sz]))|cookie|session|dsn|connection[-_]?string|_url$|_key$)/i

/** The surroundings of this process; without a platform only the runtime's name is known. */
export const Environment: Context.Reference<EnvironmentService> = Context.Reference<EnvironmentService>("@uniflow/core/Environment", {
  defaultValue: () => ({
    capture: Effect.succeed({ runtime: "unknown", platform: "unknown", host: "unknown", pid: 0, argv: [], packages: {} }),
    variable: () => undefined,
    isSecret: isSecretName,
    redact: (text) => text
  })
})

/** Whether a variable, flag or field holds a secret, judged by its name. */
export const isSecretName = (name: string): boolean => secretName.test(name)
