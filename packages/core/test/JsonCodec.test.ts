import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { joinEncoded } from "../src/Codec.ts"
import { canonicalJson } from "../src/internal/canonicalJson.ts"
import { codec } from "../src/JsonCodec.ts"
import * as JsonText from "../src/JsonText.ts"

const textOf = (value: unknown): string => {
  const encoded = codec.encode(value)
  if (Result.isFailure(encoded)) throw new Error(`${encoded.failure.path}: ${encoded.failure.reason}`)
  return new TextDecoder().decode(joinEncoded(encoded.success))
}

const valueOf = (text: string | Uint8Array): unknown => {
  const decoded = codec.decode(typeof text === "string" ? new TextEncoder().encode(text) : text)
  if (Result.isFailure(decoded)) throw new Error(decoded.failure)
  return decoded.success
}

const refusalOf = (value: unknown): { readonly path: string; readonly reason: string } => {
  const encoded = codec.encode(value)
  return Result.isFailure(encoded) ? encoded.failure : expect.fail(`saved as ${textOf(value)}`)
}

/** Equal, telling 0 from -0 and one prototype from another. */
const same = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return Object.is(a, b)
  const keys = Reflect.ownKeys(a)
  return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && keys.length === Reflect.ownKeys(b).length
    && keys.every((key) => Object.hasOwn(b, key) && same(Reflect.get(a, key), Reflect.get(b, key)))
}

const key = fc.oneof(fc.constantFrom("__proto__", "constructor", "toJSON", "length", "10", "9", "", "\"", "\\", "\u2028", "é", "😀", "\uffff"), fc.string({ unit: "grapheme", maxLength: 4 }))

const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false, 0, 1e21, 5e-324, 1.7976931348623157e308, 2 ** 53),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie("json")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries))
  )
}))

const reversed = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(reversed)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).toReversed().map(([key, item]) => [key, reversed(item)]))
    : value

describe("JSON values", () => {
  it("come back equal, from the same text in whatever order their keys were set", () => {
    fc.assert(fc.property(json, (value) => {
      const text = textOf(value)
      expect(same(valueOf(text), value)).toBe(true)
      expect(textOf(reversed(value))).toBe(text)
      expect(JSON.stringify(JsonText.parse(text)).length).toBe(text.length)
    }), { numRuns: 2000 })
  })

  it("have one canonical text, which is what the codec writes", () => {
    fc.assert(fc.property(json, (value) => {
      expect(canonicalJson(value)).toBe(textOf(value))
      expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
    }), { numRuns: 2000 })
  })

  it("are written as RFC 8785 shows", () => {
    const value = {
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", // oxlint-disable-line no-useless-escape
      literals: [null, true, false]
    }
    const expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
    expect(textOf(value)).toBe(expected)
    expect(canonicalJson(value)).toBe(expected)
    expect(Object.keys(JSON.parse(textOf({ "\u20ac": 1, "\r": 1, "\ufb33": 1, 1: 1, "😀": 1, "\u0080": 1, "ö": 1 })))).toEqual(["1", "\r", "\u0080", "ö", "€", "😀", "\ufb33"])
  })

  it("undefined as a whole is no bytes, and comes back", () => {
    expect(textOf(undefined)).toBe("")
    expect(valueOf("")).toBe(undefined)
  })

  it("an object in two places comes back as two equal ones", () => {
    const shared = { a: 1 }
    expect(valueOf(textOf([shared, shared]))).toEqual([{ a: 1 }, { a: 1 }])
  })
})

describe("what JSON would change or drop is refused, with its place", () => {
  let reads = 0
  const cycle: Record<string, unknown> = { a: {} }
  cycle.a = { b: [cycle] }
  class Foo {
    a = 1
  }
  it.each<readonly [name: string, value: unknown, path: string, reason: RegExp]>([
    ["undefined in an object", { a: { b: undefined } }, "$.a.b", /undefined/],
    ["undefined in an array", [1, undefined], "$[1]", /undefined/],
    ["NaN", { "a b": NaN }, "$[\"a b\"]", /NaN/],
    ["Infinity", [[-Infinity]], "$[0][0]", /-Infinity/],
    ["-0", { é: -0 }, "$.é", /-0/],
    ["a bigint", [1n], "$[0]", /bigint/],
    ["a symbol", [Symbol("x")], "$[0]", /symbol/],
    ["a function", { model: { layers: [{ activation: () => 1 }] } }, "$.model.layers[0].activation", /function/],
    ["a lone surrogate", ["\ud800"], "$[0]", /surrogate/],
    ["a lone surrogate in a name", { "\udc00": 1 }, "$[\"\\udc00\"]", /surrogate/],
    ["a Date", { at: new Date() }, "$.at", /Date/],
    ["a Map", new Map(), "$", /Map/],
    ["a Set", new Set(), "$", /Set/],
    ["a RegExp", /a/, "$", /RegExp/],
    ["a URL", new URL("a:b"), "$", /URL/],
    ["an Error", new Error("x"), "$", /Error/],
    ["a typed array", new Uint8Array(1), "$", /Uint8Array/],
    ["a boxed number", [Object(1)], "$[0]", /Number/],
    ["a class instance", new Foo(), "$", /Foo/],
    ["a subclass of Array", new (class List extends Array<number> {})(), "$", /List/],
    ["an object without a prototype", Object.create(null), "$", /without a prototype/],
    ["a value that knows toJSON", { toJSON: () => 1 }, "$.toJSON", /function/],
    ["a cycle", cycle, "$.a.b[0]", /holds itself/],
    ["a hole", { list: [1, , 3] }, "$.list[1]", /hole/], // oxlint-disable-line no-sparse-arrays
    ["an array with a property", Object.assign([1], { extra: 1 }), "$.extra", /not an element/],
    ["an array with a hole and a property", Object.assign([1, , 3], { extra: 1 }), "$.extra", /not an element/], // oxlint-disable-line no-sparse-arrays
    ["a getter", { a: { get b() { return ++reads } } }, "$.a.b", /getter/],
    ["a setter", Object.defineProperty({}, "s", { enumerable: true, set: () => {} }), "$.s", /setter/],
    ["a getter among elements", Object.defineProperty([1], 0, { enumerable: true, get: () => ++reads }), "$[0]", /getter/],
    ["a property that is not enumerable", Object.defineProperty({}, "h", { value: 1 }), "$.h", /not enumerable/],
    ["a name that is a symbol", { a: { [Symbol("s")]: 1 } }, "$.a", /Symbol\(s\)/],
    ["a symbol on an array", Object.assign([1], { [Symbol("s")]: 1 }), "$", /Symbol\(s\)/]
  ])("%s", (_name, value, path, reason) => {
    expect(refusalOf(value)).toEqual({ path, reason: expect.stringMatching(reason) })
    expect(refusalOf([0, { deep: value }]).path).toBe(path.replace("$", "$[1].deep"))
    expect(reads).toBe(0)
  })

  it("what is nested too deep, of arrays and of objects", () => {
    const nest = (depth: number, contain: (inner: unknown) => unknown): unknown => {
      let value: unknown = 1
      for (let i = 0; i < depth; i++) value = contain(value)
      return value
    }
    for (const contain of [(inner: unknown) => [inner], (inner: unknown) => ({ inner })]) {
      expect(same(valueOf(textOf(nest(512, contain))), nest(512, contain))).toBe(true)
      expect(refusalOf(nest(513, contain)).reason).toMatch(/512 levels/)
      expect(refusalOf(nest(100_000, contain)).reason).toMatch(/512 levels/)
    }
  })
})

describe("what is read", () => {
  it("makes own properties, and no prototype, of __proto__", () => {
    const value = valueOf("{\"__proto__\":{\"polluted\":true}}") as object
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.hasOwn(value, "__proto__")).toBe(true)
    expect("polluted" in {}).toBe(false)
    expect(textOf(value)).toBe("{\"__proto__\":{\"polluted\":true}}")
  })

  it.each([
    ["text that is not JSON", "{"],
    ["more after the value", "1 2"],
    ["a byte order mark", "\ufeff1"],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
    ["more nesting than is written", "[".repeat(513) + "]".repeat(513)],
    ["very much nesting", "[{\"a\":".repeat(1_000_000)]
  ])("is refused: %s", (_name, text) => {
    expect(() => valueOf(text)).toThrow(/^the (text|bytes)/)
  })

  it("keeps keys apart that the platform's parser may confuse", () => {
    valueOf("[{\"b\":null,\"\\\\\":1}]")
    for (const key of ["\"", "\n", "\u0001", "\\\"", "\\"]) {
      const value = [{ b: [null, -1.5e300, "\\\"]}"], [key]: { [`${key}:`]: [] } }, []]
      expect(valueOf(textOf(value))).toEqual(value)
      expect(valueOf(JSON.stringify(value, undefined, 2))).toEqual(value)
    }
    const own = JSON.parse("{\"__proto__\":1}")
    expect(same(valueOf(textOf({ ...own, "\"": own })), { ...own, "\"": own })).toBe(true)
  })

  it("brackets within text do not count as nesting", () => {
    const text = "[".repeat(1000) + "\"\\"
    expect(valueOf(textOf([text, { [text]: 1 }]))).toEqual([text, { [text]: 1 }])
  })

  it("any bytes end in a value or an error", () => {
    fc.assert(fc.property(json, fc.nat(), fc.nat(255), (value, at, by) => {
      const bytes = new TextEncoder().encode(textOf(value))
      bytes[at % bytes.length] = by
      const decoded = codec.decode(bytes)
      expect(Result.isSuccess(decoded) || typeof decoded.failure === "string").toBe(true)
      expect(Object.getPrototypeOf({})).toBe(Object.prototype)
    }), { numRuns: 1000 })
  })
})

it("canonical text counts an undefined property as absent, and refuses nothing", () => {
  expect(canonicalJson({ b: undefined, a: [undefined, "x"] })).toBe("{\"a\":[null,\"x\"]}")
  expect(canonicalJson(undefined)).toBe("null")
  expect(canonicalJson("\ud800")).toBe("\"\\ud800\"")
  expect(() => canonicalJson(1n)).toThrow()
})
