import { expect, it } from "vitest"
import { Effect, Schema } from "effect"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as AnySchema from "../src/AnySchema.ts"

class Model extends Schema.Class<Model>("Model")({ weights: Schema.Array(Schema.Number) }) {}
class Larger extends Schema.Class<Larger>("Larger")({ weights: Schema.Array(Schema.Number), bias: Schema.Number }) {}

interface Tree {
  readonly value: number
  readonly children: ReadonlyArray<Tree>
}

/** Schemas that are all different, and a value that each accepts; made anew at each call. */
const schemas = (): ReadonlyArray<readonly [AnySchema.AnySchema, unknown]> => {
  const Tree: Schema.Codec<Tree> = Schema.Struct({ value: Schema.Number, children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)) })
  return [
    [Schema.String, "a"],
    [Schema.Number, 1],
    [Schema.Finite, 1],
    [Schema.Int, 1],
    [Schema.NullOr(Schema.Number), null],
    [Schema.Literal("a"), "a"],
    [Schema.Literals(["a", "b"]), "a"],
    [Schema.Struct({ a: Schema.Number }), { a: 1 }],
    [Schema.Struct({ b: Schema.Number }), { b: 1 }],
    [Schema.Struct({ a: Schema.optionalKey(Schema.Number) }), {}],
    [Schema.Struct({ a: Schema.Number, b: Schema.Number }), { a: 1, b: 1 }],
    [Schema.Array(Schema.Number), [1]],
    [Schema.Tuple([Schema.Number]), [1]],
    [Schema.Record(Schema.String, Schema.Number), { a: 1 }],
    [Schema.Date, new Date(0)],
    [Schema.DateFromString, new Date(0)],
    [Schema.ReadonlyMap(Schema.String, Schema.Number), new Map([["a", 1]])],
    [Schema.ReadonlySet(Schema.String), new Set(["a"])],
    [Schema.Number.check(Schema.isGreaterThan(0)), 1],
    [Schema.Number.check(Schema.isGreaterThan(0.5)), 1],
    [Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThan(9)), 1],
    [Schema.String.check(Schema.isMinLength(1)), "a"],
    [Schema.String.check(Schema.isPattern(/a/)), "a"],
    [Schema.String.check(Schema.isPattern(/a/i)), "a"],
    [Schema.NumberFromString, 1],
    [Model, new Model({ weights: [1] })],
    [Larger, new Larger({ weights: [1], bias: 0 })],
    [Schema.toType(Model), new Model({ weights: [1] })],
    [Tree, { value: 1, children: [{ value: 2, children: [] }] }]
  ]
}

it("an Effect Schema's identity is that of an equal one, used or not, and that of no other", async () => {
  const unused = schemas().map(([schema]) => AnySchema.identity(schema))
  const used = schemas()
  for (const [schema, value] of used) {
    const encoded = await Effect.runPromise(AnySchema.encode(schema, value))
    expect(await Effect.runPromise(AnySchema.decode(schema, encoded))).toEqual(value)
    Schema.toCodecJson(schema as Schema.Codec<unknown>)
    Schema.toStandardSchemaV1(schema as Schema.Codec<unknown>)
  }
  expect(used.map(([schema]) => AnySchema.identity(schema))).toEqual(unused)
  expect(new Set(unused).size).toBe(unused.length)
})

it("descriptions and other words about a schema do not change its identity", () => {
  expect(AnySchema.identity(Schema.Number.annotate({ description: "how fast" }))).toBe(AnySchema.identity(Schema.Number))
})

it("a Standard Schema is told by the JSON Schema it gives, else by its vendor", () => {
  const standard = (vendor: string, json?: unknown): StandardSchemaV1<unknown, unknown> => ({
    "~standard": { version: 1, vendor, validate: (value) => ({ value }) },
    ...(json === undefined ? {} : { toJSONSchema: () => json })
  })
  expect(AnySchema.identity(standard("zod", { type: "string" }))).toBe(AnySchema.identity(standard("zod", { type: "string" })))
  expect(AnySchema.identity(standard("zod", { type: "string" }))).not.toBe(AnySchema.identity(standard("zod", { type: "number" })))
  expect(AnySchema.identity(standard("valibot"))).not.toBe(AnySchema.identity(standard("arktype")))
})

it("a Standard Schema validates what is saved, and what it accepts is saved as it is", async () => {
  const trimmed: StandardSchemaV1<unknown, unknown> = {
    "~standard": { version: 1, vendor: "test", validate: (value) => (typeof value === "string" ? { value: value.trim() } : { issues: [{ message: "no text" }] }) }
  }
  expect(await Effect.runPromise(AnySchema.encode(trimmed, " a "))).toBe(" a ")
  expect(await Effect.runPromise(Effect.flip(AnySchema.encode(trimmed, 1)))).toBe("no text")
  expect(AnySchema.decodeNow(trimmed, " a ")).toBe("a")
  expect(() => AnySchema.decodeNow(trimmed, 1)).toThrow("no text")
})
