/**
 * A schema of the user's choice: an Effect Schema, or any Standard Schema (zod, valibot, arktype, …).
 *
 * Where values come from outside they are decoded by it; where they are saved, an Effect Schema also encodes them, so
 * that class instances come back as such. A Standard Schema only validates: what it accepts is saved as it is.
 */
import { Effect, Hash, Redacted, Schema } from "effect"
import type { StandardSchemaV1 } from "effect/StandardSchema"

type EffectSchema = Schema.Codec<unknown, unknown, never, never>

/** An Effect Schema without requirements, or a Standard Schema. */
export type AnySchema = EffectSchema | StandardSchemaV1<unknown, unknown>

/** Schemas by name. */
export interface Fields {
  readonly [name: string]: AnySchema
}

/** What a schema gives. */
export type Output<S> = S extends { readonly Type: infer T } ? T
  : S extends { readonly "~standard": { readonly types?: { readonly output: infer T } | undefined } } ? T
  : never

/** What a schema takes. */
export type Input<S> = S extends { readonly Encoded: infer T } ? T
  : S extends { readonly "~standard": { readonly types?: { readonly input: infer T } | undefined } } ? T
  : never

type OptionalInputKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends { readonly "~encoded.optionality": "optional" } ? K
    : F[K] extends { readonly Encoded: unknown } ? never
    : undefined extends Input<F[K]> ? K
    : never
}[keyof F]

type OptionalOutputKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends { readonly "~type.optionality": "optional" } ? K : never
}[keyof F]

type Simplify<T> = { [K in keyof T]: T[K] } & {}

/** What has to be given for a set of fields; those with a default may be left out. */
export type Inputs<F extends Fields> = Simplify<
  & { readonly [K in Exclude<keyof F, OptionalInputKeys<F>>]: Input<F[K]> }
  & { readonly [K in OptionalInputKeys<F>]?: Input<F[K]> }
>

/** What a set of fields gives. */
export type Outputs<F extends Fields> = Simplify<
  & { readonly [K in Exclude<keyof F, OptionalOutputKeys<F>>]: Output<F[K]> }
  & { readonly [K in OptionalOutputKeys<F>]?: Output<F[K]> }
>

/** What is done with schemas and secrets, by the copy of Effect that is imported here. */
const means = {
  decode: Schema.decodeUnknownEffect,
  decodeNow: Schema.decodeUnknownSync,
  encode: Schema.encodeUnknownEffect,
  toJson: Schema.toCodecJson,
  Struct: Schema.Struct,
  reveal: Redacted.value
}

const registry = Symbol.for("@uniflow/core/AnySchema")

// Bundlers give the routes and the actions of an application each a copy of this module and of Effect, whose instance of `Uniflow` they share. One copy's
// schemas mean nothing to another's parsers.
const makers = ((globalThis as { [registry]?: WeakMap<object, typeof means> })[registry] ??= new WeakMap<object, typeof means>())

/** Remembers that a schema belongs to the copy of Effect that is imported here: said by whoever declares something with it. */
export const adopt = (schema: AnySchema): unknown => makers.set(schema, means)

/** What is done with a schema, by the copy of Effect that it belongs to. */
export const meansOf = (schema: AnySchema): typeof means => makers.get(schema) ?? means

/** Whether a schema is one of Effect's. */
export const isEffectSchema = (schema: AnySchema): schema is EffectSchema => Schema.isSchema(schema)

const path = (segments: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined): string =>
  (segments ?? []).map((segment) => `[${JSON.stringify(String(typeof segment === "object" ? segment.key : segment))}]`).join("")

const validate = (schema: StandardSchemaV1<unknown, unknown>, value: unknown): Effect.Effect<unknown, string> =>
  Effect.suspend(() => {
    const result = schema["~standard"].validate(value)
    return result instanceof Promise ? Effect.promise(() => result) : Effect.succeed(result)
  }).pipe(Effect.flatMap((result) =>
    result.issues === undefined
      ? Effect.succeed(result.value)
      : Effect.fail(result.issues.map((issue) => `${issue.message}${issue.path === undefined ? "" : ` at ${path(issue.path)}`}`).join("; "))
  ))

/** Decodes a value from outside, or says in a sentence what is wrong with it. */
export const decode = (schema: AnySchema, value: unknown): Effect.Effect<unknown, string> =>
  isEffectSchema(schema)
    ? meansOf(schema).decode(schema)(value).pipe(Effect.mapError((error) => error.message))
    : validate(schema, value)

/** The same at once. Throws a sentence as an `Error` when the value does not fit, or when the schema has to wait. */
export const decodeNow = (schema: AnySchema, value: unknown): unknown => {
  if (isEffectSchema(schema)) return meansOf(schema).decodeNow(schema)(value)
  const result = schema["~standard"].validate(value)
  if (result instanceof Promise) throw new Error("its schema is asynchronous")
  if (result.issues !== undefined) throw new Error(result.issues.map((issue) => issue.message).join("; "))
  return result.value
}

/** What is saved for a value of the schema's type. */
export const encode = (schema: AnySchema, value: unknown): Effect.Effect<unknown, string> =>
  isEffectSchema(schema)
    ? meansOf(schema).encode(schema)(value).pipe(Effect.mapError((error) => error.message))
    : validate(schema, value).pipe(Effect.as(value))

const identities = new WeakMap<object, string>()

/**
 * A text that is the same for equal schemas, as far as can be seen: the structure of an Effect Schema, the JSON
 * Schema that some Standard Schemas give, else the vendor's name alone. Code inside (checks, transformations) is
 * the step's code version's concern.
 */
export const identity = (schema: AnySchema): string => {
  const known = identities.get(schema)
  if (known !== undefined) return known
  const text = isEffectSchema(schema) ? describeEffect(schema) : describeStandard(schema)
  identities.set(schema, text)
  return text
}

const describeEffect = (schema: EffectSchema): string => {
  const seen = new Map<object, number>()
  const visit = (node: unknown): unknown => {
    if (typeof node === "function") return `f:${Hash.string(Function.prototype.toString.call(node))}`
    if (typeof node === "symbol" || typeof node === "bigint") return String(node)
    if (node instanceof RegExp) return String(node)
    if (typeof node !== "object" || node === null) return node
    const at = seen.get(node)
    if (at !== undefined) return `#${at}`
    seen.set(node, seen.size)
    if (Array.isArray(node)) return node.map(visit)
    if (node instanceof Map || node instanceof Set) return [...node].map(visit)
    const parts = Object.keys(node).sort().filter((key) => !ignored.has(key)).map((key) => [key, visit(Reflect.get(node, key))])
    return Object.fromEntries([...parts, ...checkOf(node).map((check) => ["check", visit(check)])])
  }
  return JSON.stringify(visit(schema.ast))
}

/** What a check tells of itself, its bounds included: they are nowhere else to be seen. */
const checkOf = (node: object): ReadonlyArray<unknown> => {
  const annotations: unknown = Reflect.get(node, "annotations")
  if (typeof annotations !== "object" || annotations === null || !("representation" in annotations)) return []
  const { representation } = annotations
  return typeof representation === "object" && representation !== null && "payload" in representation ? [representation] : []
}

const ignored = new Set(["annotations", "parseOptions"])

const describeStandard = (schema: StandardSchemaV1<unknown, unknown>): string => {
  const { vendor } = schema["~standard"]
  for (const name of ["toJSONSchema", "toJsonSchema"]) {
    const method: unknown = Reflect.get(schema, name)
    if (typeof method !== "function") continue
    try {
      return `${vendor}:${JSON.stringify(method.call(schema))}`
    } catch {
      continue
    }
  }
  return vendor
}
