/**
 * Params typed on a command line, in the form in which a run takes them.
 *
 * A text that the param's schema accepts as it is stays a text; everything else is JSON (`0.1`, `true`, `[1, 2]`), or
 * what the schema's JSON form says (a date as ISO text). `--params` takes a file of JSON values.
 */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { escapeControls } from "@uniflow/compare"
import { InvalidInput, isSecretName, JsonText, type Pipeline } from "@uniflow/core"
import { Effect, Redacted, Result, Schema } from "effect"
import { suggest } from "./Suggestion.ts"

type AnySchema = Pipeline.Any["params"][string]
type Attempt = Effect.Effect<unknown, string>

const wrong = (what: string, issue: string): InvalidInput => new InvalidInput({ what, issue })

/** `name=value`, parted at the first `=`. */
export const parsePair = (flag: string, text: string): readonly [name: string, value: string] => {
  const at = text.indexOf("=")
  if (at < 1) throw wrong(`${flag} ${escapeControls(text)}`, "it must have the form name=value.")
  return [text.slice(0, at), text.slice(at + 1)]
}

/** Pairs of one flag by their names; a name given twice is refused. */
export const parsePairs = (flag: string, texts: ReadonlyArray<string>): ReadonlyMap<string, string> => {
  const pairs = new Map<string, string>()
  for (const text of texts) {
    const [name, value] = parsePair(flag, text)
    if (pairs.has(name)) throw wrong(`${flag} ${escapeControls(name)}`, "it is given twice.")
    pairs.set(name, value)
  }
  return pairs
}

const isEffectSchema = (schema: AnySchema): schema is Schema.Codec<unknown, unknown> => Schema.isSchema(schema)

/** What a struct's member takes: optional params and defaults accept a value as well as nothing. */
const accepts = (schema: AnySchema, value: unknown): Attempt => {
  if (isEffectSchema(schema)) {
    return Schema.decodeUnknownEffect(Schema.Struct({ value: schema }))({ value }).pipe(
      Effect.as(value),
      Effect.mapError((error) => error.message.replace(/\s*at \["value"\]/, ""))
    )
  }
  return Effect.suspend(() => {
    const result = schema["~standard"].validate(value)
    return result instanceof Promise ? Effect.promise(() => result) : Effect.succeed(result)
  }).pipe(Effect.flatMap((result) =>
    result.issues === undefined ? Effect.succeed(value) : Effect.fail(result.issues.map(({ message }) => message).join("; "))))
}

/** A value of the schema's JSON form, in the form that the schema takes. */
const fromJsonForm = (schema: AnySchema, json: unknown): Attempt => {
  if (!isEffectSchema(schema)) return Effect.fail("")
  const whole = Schema.Struct({ value: schema })
  return Schema.decodeUnknownEffect(Schema.toCodecJson(whole))({ value: json }).pipe(
    Effect.flatMap((decoded) => Schema.encodeUnknownEffect(whole)(decoded)),
    Effect.map(({ value }) => value),
    Effect.catchDefect(() => Effect.fail("")),
    Effect.mapError(() => "")
  )
}

const parseJson = (text: string): Result.Result<unknown, string> => {
  try {
    return Result.succeed(JsonText.parse(text))
  } catch {
    return Result.fail("it is no JSON")
  }
}

const firstLine = (message: string): string => message.split("\n")[0]!.trim()

/** The value of one param from its text. */
const fromText = (schema: AnySchema, text: string): Attempt => {
  const json = parseJson(text)
  const candidates: ReadonlyArray<Attempt> = [
    accepts(schema, text),
    ...Result.isSuccess(json) ? [accepts(schema, json.success), fromJsonForm(schema, json.success)] : [],
    fromJsonForm(schema, text),
    accepts(schema, Redacted.make(text))
  ]
  // The reason told is that of the value as it was meant: as JSON where it is JSON, else as text.
  const reason = Effect.flip(Result.isSuccess(json) ? candidates[1]! : candidates[0]!)
  return Effect.firstSuccessOf(candidates).pipe(Effect.catch(() => Effect.flatMap(Effect.orElseSucceed(reason, () => "it does not fit"), (message) => Effect.fail(firstLine(message)))))
}

/** The value of one param from JSON. */
const fromJson = (schema: AnySchema, json: unknown): Attempt =>
  Effect.firstSuccessOf([accepts(schema, json), fromJsonForm(schema, json), typeof json === "string" ? accepts(schema, Redacted.make(json)) : Effect.fail("")]).pipe(
    Effect.catch(() => Effect.flatMap(Effect.orElseSucceed(Effect.flip(accepts(schema, json)), () => "it does not fit"), (message) => Effect.fail(firstLine(message))))
  )

const readParams = (file: string, cwd: string): { readonly [name: string]: unknown } => {
  const what = `--params ${file}`
  let text: string
  try {
    text = readFileSync(file === "-" ? 0 : resolve(cwd, file), "utf8")
  } catch (error) {
    throw wrong(what, `it cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  const json = parseJson(text.replace(/^\uFEFF/, ""))
  if (Result.isFailure(json)) throw wrong(what, "it does not hold JSON.")
  if (typeof json.success !== "object" || json.success === null || Array.isArray(json.success)) throw wrong(what, "it must hold a JSON object: one member for each param.")
  return json.success as { readonly [name: string]: unknown }
}

/**
 * The params of a run: those of the file, and over them those of the command line. Rejects with `InvalidInput` for an
 * unknown name or a value that does not fit, naming the param and what it expects. Secret values are not repeated.
 */
export const readRunParams = async (
  pipeline: Pipeline.Any,
  given: {
    readonly pairs: ReadonlyArray<string>
    readonly file?: string | undefined
    readonly cwd: string
    /** Whether params that have no default must be there. */
    readonly complete?: boolean | undefined
  }
): Promise<{ readonly [name: string]: unknown }> => {
  const pairs = parsePairs("--param", given.pairs)
  const file = given.file === undefined ? {} : readParams(given.file, given.cwd)
  const params: { [name: string]: unknown } = Object.create(null)
  const schemaOf = (name: string, what: string): AnySchema => {
    if (!Object.hasOwn(pipeline.params, name)) {
      throw wrong(what, `pipeline "${pipeline.name}" has no such param. ${suggest(name, Object.keys(pipeline.params), "params")}`)
    }
    return pipeline.params[name]!
  }
  const decode = async (what: string, attempt: Attempt): Promise<unknown> => {
    const result = await Effect.runPromise(Effect.result(attempt))
    if (Result.isFailure(result)) throw wrong(what, result.failure)
    return result.success
  }
  for (const [name, json] of Object.entries(file)) {
    if (pairs.has(name)) continue
    const what = `Param "${name}" in ${given.file}`
    params[name] = await decode(what, fromJson(schemaOf(name, what), json))
  }
  for (const [name, text] of pairs) {
    const what = `--param ${escapeControls(name)}`
    const attempt = fromText(schemaOf(name, what), text).pipe(
      Effect.mapError((issue) => (isSecretName(name) || !issue.startsWith("Expected") ? issue : `${issue}, not ${JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)}`))
    )
    params[name] = await decode(what, attempt)
  }
  if (given.complete === true) await refuseMissing(pipeline, params)
  return params
}

const refuseMissing = async (pipeline: Pipeline.Any, params: { readonly [name: string]: unknown }): Promise<void> => {
  const missing: Array<string> = []
  for (const [name, schema] of Object.entries(pipeline.params)) {
    if (Object.hasOwn(params, name)) continue
    const absent = isEffectSchema(schema) ? Effect.mapError(Schema.decodeUnknownEffect(Schema.Struct({ value: schema }))({}), String) : accepts(schema, undefined)
    if (Result.isFailure(await Effect.runPromise(Effect.result(absent)))) missing.push(name)
  }
  if (missing.length > 0) throw wrong(`Pipeline "${pipeline.name}" needs ${missing.length === 1 ? "the param" : "the params"} ${missing.join(", ")}`, `give ${missing.length === 1 ? "it" : "them"} by ${missing.map((name) => `--param ${name}=…`).join(" ")}`)
}
