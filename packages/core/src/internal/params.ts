import { Effect, Redacted, Result, type Schema } from "effect"
import * as AnySchema from "../AnySchema.ts"
import type { HasherService } from "../Hasher.ts"
import * as JsonCodec from "../JsonCodec.ts"
import type * as Pipeline from "../Pipeline.ts"
import type { ParamValues } from "../RunRecord.ts"
import { InvalidInput, RunParamsChanged } from "../UniflowError.ts"
import { canonicalJson } from "./canonicalJson.ts"

/** Params of a run: as steps see them, and as they are recorded. */
export interface RunParams {
  readonly values: { readonly [name: string]: unknown }
  readonly recorded: ParamValues
  /** Texts of the secrets among them, which must not be stored. */
  readonly secrets: ReadonlyArray<string>
}

const TOO_LONG = 1024 * 1024

/** What `Redacted` values a value holds; refused but for the value itself, because the rest of it would be recorded. */
const holdsSecret = (value: unknown, seen = new Set<unknown>()): boolean => {
  if (Redacted.isRedacted(value)) return true
  if (typeof value !== "object" || value === null || seen.has(value)) return false
  seen.add(value)
  const inside = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value)
  return inside.some((one) => holdsSecret(one, seen))
}

const secretText = (schema: AnySchema.AnySchema, value: Redacted.Redacted<unknown>): string => {
  const inner = AnySchema.meansOf(schema).reveal(value)
  return typeof inner === "string" ? inner : canonicalJson(inner)
}

const record = (schema: AnySchema.AnySchema, value: unknown, secret: (text: string) => string): Effect.Effect<Schema.Json, string> => {
  if (Redacted.isRedacted(value)) return Effect.succeed({ $redacted: secret(secretText(schema, value)) })
  if (holdsSecret(value)) return Effect.fail("holds a secret inside, which would be recorded with it; make the secret a param of its own")
  const { encode, toJson } = AnySchema.meansOf(schema)
  const json = AnySchema.isEffectSchema(schema)
    ? encode(toJson(schema))(value).pipe(Effect.mapError((error) => error.message))
    : Effect.succeed(value)
  return Effect.flatMap(json, (plain) => {
    const checked = JsonCodec.codec.encode(plain)
    return Result.isFailure(checked)
      ? Effect.fail(`cannot be recorded: at ${checked.failure.path}, ${checked.failure.reason}`)
      : checked.success.sizeBytes > TOO_LONG
      ? Effect.fail(`is larger than ${TOO_LONG} bytes; pass a path or a key instead, and declare the file`)
      : Effect.succeed(plain as Schema.Json)
  })
}

/** Decodes the params given to a run by the schemas of its steps, and says everything that is wrong with them at once. */
export const decode = Effect.fnUntraced(function*(
  pipeline: Pipeline.Any,
  given: { readonly [name: string]: unknown },
  hasher: HasherService,
  secretKey: Uint8Array
): Effect.fn.Return<RunParams, InvalidInput> {
  const values: Record<string, unknown> = Object.create(null)
  const recorded: Record<string, Schema.Json> = {}
  const secrets: Array<string> = []
  const issues: Array<string> = []
  const names = Object.keys(pipeline.params)
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(pipeline.params, name)) {
      issues.push(`there is no param "${name}"${names.length === 0 ? " (the pipeline has none)" : ` (there are: ${names.join(", ")})`}`)
    }
  }
  for (const [name, schema] of Object.entries(pipeline.params)) {
    const value = yield* Effect.result(decodeOne(schema, given, name))
    if (Result.isFailure(value)) {
      issues.push(Object.hasOwn(given, name) ? `param "${name}": ${value.failure}` : `param "${name}" is missing`)
      continue
    }
    if (value.success === undefined) continue
    values[name] = value.success
    if (Redacted.isRedacted(value.success)) secrets.push(secretText(schema, value.success))
    const json = yield* Effect.result(record(schema, value.success, (text) => hasher.keyed(secretKey, text)))
    if (Result.isFailure(json)) issues.push(`param "${name}" ${json.failure}`)
    else Object.defineProperty(recorded, name, { value: json.success, enumerable: true })
  }
  if (issues.length > 0) return yield* new InvalidInput({ what: `Params of pipeline "${pipeline.name}"`, issue: issues.join("; ") })
  return { values, recorded, secrets }
})

/** Decoded as a member of a struct, so that optional params and defaults work. */
const decodeOne = (schema: AnySchema.AnySchema, given: { readonly [name: string]: unknown }, name: string): Effect.Effect<unknown, string> => {
  if (!AnySchema.isEffectSchema(schema)) return AnySchema.decode(schema, given[name])
  const input = Object.hasOwn(given, name) && given[name] !== undefined ? { value: given[name] } : {}
  const { decode, Struct } = AnySchema.meansOf(schema)
  return decode(Struct({ value: schema }))(input).pipe(
    Effect.map(({ value }) => value),
    Effect.mapError((error) => error.message.replace(/\s*at \["value"\]/, ""))
  )
}

/** The params of a recorded run in the form in which they are given to a new one. */
export const fromRecord = Effect.fnUntraced(function*(
  pipeline: Pipeline.Any,
  runId: string,
  recorded: ParamValues,
  given: { readonly [name: string]: unknown } | undefined
): Effect.fn.Return<{ readonly [name: string]: unknown }, InvalidInput> {
  const params: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(pipeline.params)) {
    if (given !== undefined && Object.hasOwn(given, name)) {
      params[name] = given[name]
      continue
    }
    const json = Object.hasOwn(recorded, name) ? recorded[name] : undefined
    if (json === undefined) continue
    if (isRedacted(json)) {
      return yield* new InvalidInput({ what: `Param "${name}" of run "${runId}"`, issue: "it is a secret, which is not recorded; give it again to resume the run" })
    }
    if (!AnySchema.isEffectSchema(schema)) {
      params[name] = json
      continue
    }
    const { decode, encode, toJson } = AnySchema.meansOf(schema)
    const value = yield* decode(toJson(schema))(json).pipe(
      Effect.flatMap((decoded) => encode(schema)(decoded)),
      Effect.mapError((error) => new InvalidInput({ what: `Param "${name}" of run "${runId}"`, issue: `its recorded value no longer fits its schema: ${error.message}` }))
    )
    params[name] = value
  }
  return params
})

const isRedacted = (json: Schema.Json): boolean => typeof json === "object" && json !== null && !Array.isArray(json) && Object.hasOwn(json, "$redacted")

/**
 * Params that differ from those a run was started with. One that the run does not know is another one, too, unless it
 * has the value that it gets by itself: then it is new in the code.
 */
export const changes = Effect.fnUntraced(function*(
  pipeline: Pipeline.Any,
  runId: string,
  before: ParamValues,
  now: ParamValues,
  hasher: HasherService,
  secretKey: Uint8Array
): Effect.fn.Return<RunParamsChanged | undefined> {
  const was = (name: string): Schema.Json | undefined => (Object.hasOwn(before, name) ? before[name] : undefined)
  const is = (name: string): Schema.Json | undefined => (Object.hasOwn(now, name) ? now[name] : undefined)
  const differing: Array<string> = []
  for (const [name, schema] of Object.entries(pipeline.params)) {
    if (same(was(name), is(name))) continue
    if (was(name) === undefined) {
      const byItself = yield* Effect.result(
        Effect.flatMap(decodeOne(schema, {}, name), (value) =>
          value === undefined ? Effect.succeed(undefined) : record(schema, value, (text) => hasher.keyed(secretKey, text)))
      )
      if (Result.isSuccess(byItself) && same(byItself.success, is(name))) continue
    }
    differing.push(name)
  }
  return differing.length === 0 ? undefined : new RunParamsChanged({
    runId,
    pipeline: pipeline.name,
    changes: differing.map((param) => ({ param, was: told(was(param)), is: told(is(param)) }))
  })
})

const same = (a: Schema.Json | undefined, b: Schema.Json | undefined): boolean =>
  a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b)

const told = (json: Schema.Json | undefined): string => (json === undefined ? "missing" : shown(json))

const shown = (json: Schema.Json): string => (isRedacted(json) ? "a secret" : canonicalJson(json))

/** Shorter ones could stand anywhere by chance. */
const SECRET_LENGTH = 4

/** Leaves secrets of a run's params out of a text. */
export const withoutSecrets = ({ secrets }: RunParams, redact: (text: string) => string): (text: string) => string => {
  const known = secrets.filter((secret) => secret.length >= SECRET_LENGTH).sort((a, b) => b.length - a.length)
  return known.length === 0 ? redact : (text) => redact(known.reduce((left, secret) => left.replaceAll(secret, "[redacted]"), text))
}
