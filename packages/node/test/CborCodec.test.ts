import { joinEncoded } from "@uniflow/core"
import { Result } from "effect"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { runInNewContext } from "node:vm"
import { Decoder } from "cbor-x"
import { decode as decodeByLibrary } from "cbor2"
import { describe, expect, it } from "vitest"
import * as CborCodec from "../src/CborCodec.ts"
import { anyValue, reordered } from "./anyValue.ts"
import { golden } from "./fixtures/cborGolden.ts"
import { difference } from "./sameValue.ts"

const { codec } = CborCodec

const bytesOf = (value: unknown): Uint8Array => {
  const encoded = codec.encode(value)
  if (Result.isFailure(encoded)) throw new Error(`${encoded.failure.path}: ${encoded.failure.reason}`)
  const bytes = joinEncoded(encoded.success)
  expect(bytes.length).toBe(encoded.success.sizeBytes)
  return bytes
}

const valueOf = (bytes: Uint8Array): unknown => {
  const decoded = codec.decode(bytes)
  if (Result.isFailure(decoded)) throw new Error(decoded.failure)
  return decoded.success
}

const again = <A>(value: A): A => valueOf(bytesOf(value)) as A

const refusalOf = (value: unknown): { readonly path: string; readonly reason: string } => {
  const encoded = codec.encode(value)
  return Result.isFailure(encoded) ? encoded.failure : expect.fail(`saved as ${hex(joinEncoded(encoded.success))}`)
}

const faultOf = (bytes: Uint8Array | string): string => {
  const decoded = codec.decode(typeof bytes === "string" ? Buffer.from(bytes, "hex") : bytes)
  return Result.isFailure(decoded) ? decoded.failure : expect.fail("the bytes were accepted")
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const MiB = 1024 * 1024

describe("what is saved comes back equal", () => {
  it("any value, as a graph: kinds, identities and cycles; and saved again it is the same bytes", () => {
    fc.assert(fc.property(anyValue, (value) => {
      const bytes = bytesOf(value)
      const back = valueOf(bytes)
      expect(difference(value, back)).toBeUndefined()
      expect(hex(bytesOf(back))).toBe(hex(bytes))
    }), { numRuns: 3000 })
  })

  it("an object that stands in several places is one object again, a cycle a cycle", () => {
    const inner = { n: 1 }
    const value: Record<string, unknown> = { list: [inner, inner], map: new Map([[inner, inner]]), set: new Set([inner]) }
    value.self = value
    const back = again(value)
    expect(back.self).toBe(back)
    const list = back.list as Array<unknown>
    expect(list[0]).toBe(list[1])
    expect([...(back.map as Map<unknown, unknown>)][0]).toEqual([list[0], list[0]])
    expect((back.set as Set<unknown>).has(list[0])).toBe(true)
  })

  it("equal objects that are not one object stay two", () => {
    const back = again([{ a: 1 }, { a: 1 }])
    expect(back[0]).toEqual(back[1])
    expect(back[0]).not.toBe(back[1])
  })

  it("views over one ArrayBuffer share it again", () => {
    const memory = new ArrayBuffer(16)
    const value = { bytes: new Uint8Array(memory), doubles: new Float64Array(memory, 8, 1), data: new DataView(memory, 2, 5) }
    value.doubles[0] = 1.5
    const back = again(value)
    expect(back.doubles[0]).toBe(1.5)
    expect(back.bytes.buffer).toBe(back.doubles.buffer)
    expect(back.data.buffer).toBe(back.bytes.buffer)
    expect([back.data.byteOffset, back.data.byteLength, back.doubles.byteOffset]).toEqual([2, 5, 8])
    back.bytes[15] = 0
    back.bytes[14] = 0
    expect(back.doubles[0]).toBe(0)

    const apart = again([new Uint8Array(memory, 3, 8), new Float64Array(memory, 8, 1)] as const)
    expect(apart[0].buffer).toBe(apart[1].buffer)
    expect([...apart[0]].slice(5)).toEqual([...new Uint8Array(apart[1].buffer, apart[1].byteOffset, 3)])

    const held = again({ memory, view: new Uint8Array(memory, 4, 4) })
    expect(held.view.buffer).toBe(held.memory)
    expect(held.memory.byteLength).toBe(16)

    const halves = again([new Uint8Array(memory, 0, 8), new Uint8Array(memory, 8)])
    expect(halves[0]!.buffer).toBe(halves[1]!.buffer)
  })

  it("views that only lie in one allocation are saved by what they show, and nothing beside it", () => {
    const memory = new Uint8Array(1000).fill(7)
    const bytes = bytesOf([memory.subarray(0, 4), memory.subarray(600, 604)])
    expect(hex(bytes)).toBe("82d8404407070707d8404407070707")
    const overlapping = bytesOf([memory.subarray(100, 104), memory.subarray(102, 106), memory.subarray(700, 701)])
    expect(overlapping.length).toBeLessThan(70)
    const gap = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
    expect(hex(bytesOf([memory.subarray(0, 4), memory.subarray(2, 2)]))).toBe("82d8404407070707d84040")
    const far = again([gap.subarray(0, 2), gap.subarray(0, 1), new Uint8Array(gap.buffer, 7, 1), gap.buffer.slice(0)])
    expect(far.slice(0, 3).map((view) => [...(view as Uint8Array)])).toEqual([[1, 2], [1], [8]])
    expect(hex(bytesOf([Buffer.from("ab"), Buffer.from("cd")]))).toBe(hex(bytesOf([Buffer.from("ab"), Buffer.from("cd")])))
  })

  it("an error keeps its class, message, stack, cause, errors and other properties, and which of them are hidden", () => {
    const cause = new TypeError("inner")
    const error = Object.assign(new AggregateError([cause, "x"], "outer", { cause }), { code: "E", name: "Mine" })
    const back = again(error)
    expect(difference(error, back)).toBeUndefined()
    expect(back).toBeInstanceOf(AggregateError)
    expect(back.stack).toBe(error.stack)
    expect(back.cause).toBe(back.errors[0])
    expect(Object.keys(back)).toEqual(Object.keys(error))
  })

  it("holes are holes, undefined is undefined, and a length alone takes no memory", () => {
    const value = [undefined, , 3, , ] // oxlint-disable-line no-sparse-arrays
    const back = again(value)
    expect(back.length).toBe(4)
    expect([0 in back, 1 in back, 2 in back, 3 in back]).toEqual([true, false, true, false])
    const huge: Array<number> = []
    huge[4_294_967_294] = 1
    expect(again(huge).length).toBe(4_294_967_295)
    const wide: Array<number> = []
    wide.length = 30_000_000
    const saved = bytesOf(wide)
    expect(saved.length).toBeLessThan(20)
    const beforeLoad = process.memoryUsage().rss
    expect(valueOf(saved)).toHaveLength(30_000_000)
    expect(process.memoryUsage().rss - beforeLoad).toBeLessThan(100 * MiB)
  })

  it("large arrays with holes, and with one hole and one property too many", () => {
    const holed = Array.from({ length: 5000 }, (_, i) => i)
    delete holed[4000]
    expect(difference(holed, again(holed))).toBeUndefined()
    expect(refusalOf(Object.assign(holed, { extra: 1 }))).toEqual({ path: "$.extra", reason: expect.stringContaining("not an element") })
    const few = Object.assign([1, , 3], { extra: 1 }) // oxlint-disable-line no-sparse-arrays
    expect(refusalOf(few).path).toBe("$.extra")
  })

  it("the key __proto__ is data, at any depth, and nothing inherits from it", () => {
    const value = JSON.parse("{\"__proto__\":{\"polluted\":true},\"a\":{\"__proto__\":null}}")
    const back = again(value)
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.hasOwn(back, "__proto__")).toBe(true)
    expect("polluted" in back).toBe(false)
    expect("polluted" in {}).toBe(false)
    expect(difference(value, back)).toBeUndefined()
  })

  it("keys that a frozen prototype or a setter would catch are set as own properties", () => {
    const value = { trap: 2 }
    const bytes = bytesOf(value)
    expect(valueOf(bytes)).toEqual(value)
    let ran = false
    Reflect.defineProperty(Object.prototype, "trap", {
      configurable: true,
      set: () => {
        ran = true
      }
    })
    try {
      expect(Object.getOwnPropertyDescriptor(valueOf(bytes), "trap")?.value).toBe(2)
      expect(ran).toBe(false)
    } finally {
      Reflect.deleteProperty(Object.prototype, "trap")
    }
    expect(Object.hasOwn(again({ toString: 1, constructor: 2, valueOf: 3 }), "constructor")).toBe(true)
  })

  it("numbers keep their sign and bits that count; bigints stay bigints", () => {
    for (const value of [0, -0, NaN, 2 ** 53, -(2 ** 53), 1e21, 5e-324, 65504, 65505, 2 ** -24, -(2 ** -24), 2 ** -25, 3.4028234663852886e38]) {
      expect(Object.is(again(value), value)).toBe(true)
    }
    for (const value of [0n, -1n, 1n, 255n, 256n, -256n, 2n ** 64n, -(2n ** 64n), 10n ** 400n]) expect(again(value)).toBe(value)
  })

  it("what a schema or a generator returns frozen comes back as the same data", () => {
    expect(again(Object.freeze({ a: Object.freeze([1]) }))).toEqual({ a: [1] })
  })
})

describe("equal values are equal bytes", () => {
  it("whatever the order of an object's keys, and however it was made", () => {
    fc.assert(fc.property(anyValue, fc.nat(), (value, seed) => {
      expect(hex(bytesOf(reordered(value, seed)))).toBe(hex(bytesOf(value)))
    }), { numRuns: 2000 })
  })

  it("keys are in the order of their encoded bytes, beyond the basic plane too, in small and large objects", () => {
    const keys = ["b", "aa", "", "é", "zz", "\uffff", "😀", "\ud800", "a\ud800", "\ud83d", "\ud83d\ude00\ud800", "\ud83d\uffffa", "10", "9", "x".repeat(30)]
    for (const more of [0, 100]) {
      const all = [...keys, ...Array.from({ length: more }, (_, i) => `k${(i * 7919) % 1000}`)]
      const bytes = bytesOf(Object.fromEntries(all.map((key) => [key, 0])))
      const encodedKeys = all.map((key) => hex(bytesOf(key)))
      const expected = encodedKeys.toSorted((a, b) => Buffer.compare(Buffer.from(a, "hex"), Buffer.from(b, "hex")))
      const head = all.length < 24 ? 1 : 2
      expect(hex(bytes.subarray(head))).toBe(expected.map((key) => `${key}00`).join(""))
    }
  })

  it("the order of Maps and Sets is part of the value", () => {
    expect(hex(bytesOf(new Set([1, 2])))).not.toBe(hex(bytesOf(new Set([2, 1]))))
  })

  it("a NaN is one NaN, whatever its bits", () => {
    const bits = new DataView(new ArrayBuffer(8))
    bits.setBigUint64(0, 0xfff8_0000_dead_beefn)
    expect(hex(bytesOf([bits.getFloat64(0)]))).toBe(hex(bytesOf([NaN])))
  })

  it("the place of bytes in memory does not count", () => {
    const memory = new Uint8Array(64).map((_, i) => i % 8)
    expect(hex(bytesOf(memory.subarray(8, 16)))).toBe(hex(bytesOf(memory.slice(16, 24))))
    const pair = (offset: number): unknown => [memory.subarray(offset, offset + 4), memory.subarray(offset + 2, offset + 6)]
    expect(hex(bytesOf(pair(8)))).toBe(hex(bytesOf(pair(40))))
  })
})

describe("what cannot be saved is refused, with its place", () => {
  class Foo {
    a = 1
  }
  class MyArray extends Array<number> {}
  class MyMap extends Map<string, number> {}
  class MyError extends Error {}
  let reads = 0
  const getter = {
    get b() {
      reads++
      return 1
    }
  }
  const withSymbol = { [Symbol("s")]: 1 }
  const hidden = Object.defineProperty({}, "h", { value: 1, enumerable: false })
  const arrayWithGetter = Object.defineProperty([1, 2], 1, { get: () => ++reads, enumerable: true, configurable: true })
  const cases: ReadonlyArray<readonly [name: string, value: unknown, path: string, reason: RegExp]> = [
    ["a function", { model: { layers: [1, 2, { activation: () => 1 }] } }, "$.model.layers[2].activation", /function/],
    ["a symbol", [Symbol("x")], "$[0]", /symbol/],
    ["a key that is a symbol", { a: withSymbol }, "$.a[Symbol(s)]", /symbol/],
    ["a symbol on an array", Object.assign([1], { [Symbol("s")]: 1 }), "$[Symbol(s)]", /symbol/],
    ["a class instance", { "a b": [new Foo()] }, "$[\"a b\"][0]", /instance of Foo/],
    ["an instance of a class without a name", new (class { a = 1 })(), "$", /unnamed class/],
    ["a Promise", { p: Promise.resolve(1) }, "$.p", /Promise/],
    ["a WeakMap", new WeakMap(), "$", /WeakMap/],
    ["a WeakRef", new WeakRef({}), "$", /WeakRef/],
    ["a getter", { a: getter }, "$.a.b", /getter/],
    ["a setter", Object.defineProperty({}, "s", { set: () => {}, enumerable: true }), "$.s", /setter/],
    ["a getter among elements", { list: arrayWithGetter }, "$.list[1]", /getter/],
    ["a hidden property", { hidden }, "$.hidden.h", /not enumerable/],
    ["a Proxy", { p: new Proxy({}, { ownKeys: () => expect.fail("a trap ran") }) }, "$.p", /Proxy/],
    ["a Proxy of an array", [new Proxy([], {})], "$[0]", /Proxy/],
    ["a stream", { s: new ReadableStream() }, "$.s", /ReadableStream/],
    ["a socket-like handle", { s: new AbortController().signal }, "$.s", /AbortSignal/],
    ["a boxed number", [Object(1)], "$[0]", /Number/],
    ["a boxed string", [Object("a")], "$[0]", /String/],
    ["a boxed symbol", [Object(Symbol("a"))], "$[0]", /Symbol/],
    ["a SharedArrayBuffer", new SharedArrayBuffer(8), "$", /SharedArrayBuffer/],
    ["a view of a SharedArrayBuffer", { v: new Uint8Array(new SharedArrayBuffer(8)) }, "$.v", /SharedArrayBuffer/],
    ["a resizable ArrayBuffer", new ArrayBuffer(8, { maxByteLength: 16 }), "$", /resizable/],
    ["a view of a resizable ArrayBuffer", new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 })), "$", /resizable/],
    ["a detached ArrayBuffer", detached(), "$", /transferred/],
    ["a view of a detached ArrayBuffer", { v: detachedView() }, "$.v", /transferred/],
    ["a hidden element", { list: Object.defineProperty([1, 2], 0, { enumerable: false }) }, "$.list[0]", /not enumerable/],
    ["an array with a property", Object.assign([1], { extra: 1 }), "$.extra", /not an element/],
    ["the array of a match", { m: /a/.exec("a") }, "$.m.groups", /not an element/],
    ["a template's strings", ((s: TemplateStringsArray) => s)`a`, "$.raw", /not an element/],
    ["a subclass of Array", MyArray.from([1]), "$", /MyArray/],
    ["a subclass of Map", { m: new MyMap() }, "$.m", /MyMap/],
    ["a subclass of Error", { e: new MyError("x") }, "$.e", /MyError/],
    ["an Error with a hidden property", Object.defineProperty(new Error("x"), "secret", { value: 1 }), "$.secret", /not enumerable/],
    ["an Error whose cause cannot be saved", new Error("x", { cause: { f: () => 1 } }), "$.cause.f", /function/],
    ["an AggregateError whose errors cannot be saved", new AggregateError([1, () => 1]), "$.errors[1]", /function/],
    ["a Map's value", new Map([["a", new Map([[1n, Symbol("x")]])]]), "$.get(\"a\").get(1n)", /symbol/],
    ["a Map's key", new Map([[1, 1], [() => 1, 2] as never]), "$.keys()[1]", /function/],
    ["the value of a Map's key that is an object", new Map([[{}, () => 1]]), "$.values()[0]", /function/],
    ["a Set's value", { s: new Set([1, () => 1]) }, "$.s.values()[1]", /function/],
    ["a Map with a property", Object.assign(new Map(), { extra: 1 }), "$.extra", /by itself/],
    ["a Set with a symbol", Object.assign(new Set(), { [Symbol("s")]: 1 }), "$[Symbol(s)]", /symbol/],
    ["a Date with a property", Object.assign(new Date(), { extra: 1 }), "$.extra", /by itself/],
    ["a RegExp with a property", Object.assign(/a/, { extra: 1 }), "$.extra", /by itself/],
    ["a RegExp with an odd lastIndex", Object.assign(/a/, { lastIndex: "1" }), "$.lastIndex", /position/],
    ["a URL with a property", Object.assign(new URL("a:b"), { extra: 1 }), "$.extra", /by itself/],
    ["URLSearchParams", new URL("a:b?c").searchParams, "$", /URLSearchParams/],
    ["an ArrayBuffer with a property", Object.assign(new ArrayBuffer(1), { extra: 1 }), "$.extra", /by itself/],
    ["a typed array with a property", Object.assign(new Uint8Array(4), { extra: 1 }), "$", /properties of its own/],
    ["a large typed array with a property", Object.assign(new Float64Array(5000), { extra: 1 }), "$", /properties of its own/],
    ["a large typed array with a hidden property", Object.defineProperty(new Float64Array(5000), "extra", { value: 1 }), "$", /properties of its own/],
    ["a subclass of Uint8Array", new (class Bytes extends Uint8Array {})(4), "$", /Bytes/],
    ["what only inherits from Map", Object.create(Map.prototype), "$", /only inherits/],
    ["what only inherits from URL", Object.create(URL.prototype), "$", /only inherits/],
    ["what only inherits from Error", Object.create(Error.prototype), "$", /only inherits/],
    ["what only inherits from Float64Array", Object.create(Float64Array.prototype), "$", /only inherits/],
    ["bytes that pretend to be numbers", Object.setPrototypeOf(new Uint8Array(8), Float64Array.prototype), "$", /only inherits/],
    ["a Map that pretends to be plain", Object.setPrototypeOf(new Map([[1, 1]]), Object.prototype), "$", /prototype was replaced/],
    ["a plain object with a prototype of its own", Object.create({ a: 1 }), "$", /cannot be saved/],
    ["an object of another realm", runInNewContext("({ a: 1 })"), "$", /another realm/],
    ["a generator", (function*() {})(), "$", /cannot be saved/],
    ["arguments", (function(..._: Array<number>) { return arguments })(1), "$", /symbol|enumerable/]
  ]

  it.each(cases)("%s", (_name, value, path, reason) => {
    expect(refusalOf(value)).toEqual({ path: expect.stringContaining(path), reason: expect.stringMatching(reason) })
    expect(refusalOf([{ deep: value }]).path.startsWith(path.replace("$", "$[0].deep"))).toBe(true)
  })

  it("no getter ever runs", () => {
    refusalOf({ getter, arrayWithGetter })
    refusalOf(arrayWithGetter)
    refusalOf(Object.defineProperty(Array.from({ length: 5000 }, () => 1), 4321, { get: () => ++reads, enumerable: true }))
    expect(reads).toBe(0)
  })

  it("the place is the one that was refused, not one that was passed before", () => {
    expect(refusalOf({ a: { b: { c: 1 } }, z: new Foo() }).path).toBe("$.z")
    expect(refusalOf([[[1]], new Proxy({}, {})]).path).toBe("$[1]")
  })

  it("after a refusal the next value is saved as if nothing had been", () => {
    refusalOf({ a: "x".repeat(100), f: () => 1 })
    expect(hex(bytesOf({ a: 1 }))).toBe("a1616101")
  })

  it("what is nested too deep: a refusal, whatever the container", () => {
    const containers: ReadonlyArray<(inner: unknown) => unknown> = [
      (inner) => [inner],
      (inner) => ({ inner }),
      (inner) => new Map([["k", inner]]),
      (inner) => new Set([inner]),
      (inner) => new Error("x", { cause: inner })
    ]
    for (const contain of containers) {
      const nest = (depth: number): unknown => {
        let value: unknown = 1
        for (let i = 0; i < depth; i++) value = contain(value)
        return value
      }
      expect(Result.isSuccess(codec.decode(bytesOf(nest(1000))))).toBe(true)
      expect(refusalOf(nest(1001)).reason).toMatch(/nested more than 1000 levels/)
      expect(refusalOf(nest(20_000)).reason).toMatch(/nested/)
    }
  })

  it("what is nested too deep for the stack that is left: a refusal too", () => {
    const value: Array<unknown> = []
    let inner = value
    for (let i = 0; i < 900; i++) inner.push(inner = [])
    const recurse = (depth: number): unknown => {
      try {
        return recurse(depth + 1)
      } catch {
        return codec.encode(value)
      }
    }
    const result = recurse(0) as ReturnType<typeof codec.encode>
    expect(Result.isFailure(result) ? result.failure.reason : "saved").toMatch(/nested too deeply|saved/)
  })
})

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8)
  buffer.transfer()
  return buffer
}

function detachedView(): Uint8Array {
  const view = new Uint8Array(8)
  view.buffer.transfer()
  return view
}

describe("bytes that are not a value are refused", () => {
  it.each([
    ["none at all", ""],
    ["more after the value", "0000"],
    ["a text that ends early", "6261"],
    ["an array longer than its bytes", "9b000fffffffffffff00"],
    ["a map longer than its bytes", "ba10000000"],
    ["bytes longer than there are", "5a7fffffff00"],
    ["a text longer than there is", "7b00000001000000000061"],
    ["a set longer than its bytes", "d9010299ffff"],
    ["a map of any keys longer than its bytes", "d90103b9ffff"],
    ["a typed array longer than its bytes", "d8565a40000000"],
    ["an unknown tag", "d9ffff00"],
    ["a text date, which is not written", "c074323031332d30332d32315432303a30343a30305a"],
    ["a tag without an item", "c1"],
    ["an indefinite length", "9fff"],
    ["a break", "ff"],
    ["an unknown simple value", "e0"],
    ["a number in a longer form", "1801"],
    ["a number beyond those that are integers", "1b0020000000000000"],
    ["a negative number beyond them", "3b001fffffffffffff"],
    ["a repeated key", "a2616101616102"],
    ["keys out of order", "a2616201616102"],
    ["a repeated __proto__", "a2695f5f70726f746f5f5f01695f5f70726f746f5f5f02"],
    ["a key that is no text", "a10102"],
    ["a repeated key of a Map", "d90103a201010102"],
    ["a repeated element of a Set", "d90102820101"],
    ["a text that is not UTF-8", "61ff"],
    ["a long text that is not UTF-8", "781861".repeat(23) + "ff"],
    ["surrogates in UTF-8", "63eda080"],
    ["WTF-8 that could be UTF-8", "d901114161"],
    ["WTF-8 with a pair in two halves", "d9011146eda0bdedb880"],
    ["WTF-8 that is none", "d9011142c080"],
    ["a bigint without bytes", "c240"],
    ["a bigint with leading zeros", "c2420001"],
    ["a time between milliseconds", "c1fb3ff0000000000001"],
    ["a time out of range", "c1fb430c6bf526340001"],
    ["a text that is no URL", "d8206161"],
    ["a URL that is not as it would be", "d8206f" + Buffer.from("HTTP://a.b/c%d1").toString("hex")],
    ["a text that is no expression", "d9524a82612860"],
    ["flags that are none", "d9524a8261616178"],
    ["bytes that end within an element", "d8564101"],
    ["a reference to nothing", "d81d00"],
    ["a reference to itself within what cannot hold itself", "d81cc1d81d00"],
    ["a shared number", "d81c01"],
    ["a shared text", "d81c6161"],
    ["something shared twice", "d81cd81c80"],
    ["an unknown name", "d81b8263466f6f80"],
    ["a name that every object has", "d81b826b636f6e7374727563746f7280"],
    ["no name", "d81b80"],
    ["too many items for a name", "d81b836444617465f97e0000"],
    ["an array shorter than its elements", "d81b8365417272617901a10101"],
    ["an array longer than arrays are", "d81b836541727261791b0000000100000000a0"],
    ["elements out of order", "d81b8365417272617905a202010101"],
    ["a view past its memory", "d81b846a55696e743841727261794201020102"],
    ["a view of no memory", "d81b846a55696e74384172726179010000"],
    ["a view that is not aligned", "d81b846b55696e743136417272617944000000000101"],
    ["an error with a property that errors do not hide", "d81b83654572726f72a1617801a0"],
    ["an error with a property twice", "d81b83654572726f72a1646e616d6501a1646e616d6501"],
    ["padding where it has no use", "d9d9f700"],
    ["padding before a small array", "d9d9f7d8404101"]
  ])("%s", (_name, bytes) => {
    expect(faultOf(bytes)).toMatch(/^the bytes (are not a saved value|cannot be read): at byte \d+, /)
  })

  it("a declared length takes no memory before its bytes are there", () => {
    const before = process.memoryUsage()
    for (const head of ["9a", "ba", "5a", "7a", "d901029a", "d90103ba", "d8565a"]) {
      for (let i = 0; i < 100; i++) {
        expect(faultOf(`${head}7ffffff0${"00".repeat(8)}`)).toContain("a length is more than what is left")
      }
    }
    const after = process.memoryUsage()
    expect(after.rss + after.external - before.rss - before.external).toBeLessThan(64 * MiB)
  })

  it("nesting beyond the bound, in every way to nest", () => {
    for (const unit of ["81", "a16161", "d9010281", "d90103a100", "d81c81", "d81b826a4e756c6c4f626a656374a16161"]) {
      expect(faultOf(unit.repeat(100_000) + "00")).toMatch(/nested more than 1000 levels/)
    }
    expect(faultOf("d81c".repeat(100_000))).toMatch(/shared twice/)
    expect(faultOf("d9d9f7".repeat(100_000))).toMatch(/55799|none of/)
  })

  it("flipped, cut and repeated bytes end in a value or an error, soon, and leave no trace", () => {
    const before = [Object.prototype, Array.prototype, Map.prototype, Function.prototype].map((prototype) => Reflect.ownKeys(prototype).length)
    let slowest = 0
    fc.assert(fc.property(anyValue, fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { minLength: 1, maxLength: 6 }), (value, changes) => {
      let bytes = Uint8Array.from(bytesOf(value))
      for (const [at, by, how] of changes) {
        const place = at % bytes.length
        if (how === 0) bytes = Uint8Array.from([...bytes.subarray(0, place), by, ...bytes.subarray(place)])
        else if (how === 1 && bytes.length > 1) bytes = Uint8Array.from([...bytes.subarray(0, place), ...bytes.subarray(place + 1)])
        else bytes[place] = how === 2 ? by : bytes[place]! ^ (1 << (by % 8))
      }
      const start = performance.now()
      const decoded = codec.decode(bytes)
      slowest = Math.max(slowest, performance.now() - start)
      // What is accepted is a value like any other: it can be saved, and comes back.
      if (Result.isSuccess(decoded)) expect(difference(decoded.success, again(decoded.success))).toBeUndefined()
    }), { numRuns: 5000 })
    expect([Object.prototype, Array.prototype, Map.prototype, Function.prototype].map((prototype) => Reflect.ownKeys(prototype).length)).toEqual(before)
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
    expect(slowest).toBeLessThan(1000)
  })

  it("random bytes too", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const decoded = codec.decode(bytes)
      if (Result.isSuccess(decoded)) expect(difference(decoded.success, again(decoded.success))).toBeUndefined()
    }), { numRuns: 5000 })
  })

  it("reading makes no code", () => {
    const original = globalThis.Function
    const forbidden = new Proxy(original, { construct: () => expect.fail("code was made"), apply: () => expect.fail("code was made") })
    Object.assign(globalThis, { Function: forbidden })
    try {
      for (let i = 0; i < 20; i++) expect(again([{ a: 1, b: { c: [1n, new Map([[1, 2]])] } }, /a/g])).toHaveLength(2)
    } finally {
      Object.assign(globalThis, { Function: original })
    }
  })
})

describe("large values", () => {
  it("a large typed array is a piece by itself, not a copy, and its bytes begin at a multiple of eight", () => {
    const large = new Float64Array(4 * MiB / 8).fill(1.5)
    for (let before = 0; before < 9; before++) {
      const value = ["x".repeat(before), large]
      const encoded = codec.encode(value)
      if (Result.isFailure(encoded)) throw new Error(encoded.failure.reason)
      const { segments } = encoded.success
      const piece = segments.find((segment) => segment.buffer === large.buffer)
      expect(piece?.length).toBe(large.byteLength)
      const bytes = joinEncoded(encoded.success)
      const back = valueOf(bytes) as [string, Float64Array]
      expect(back[1].buffer).toBe(bytes.buffer)
      expect(back[1].byteOffset % 8).toBe(0)
      expect(back[1]).toEqual(large)
      expect(back[0]).toBe(value[0])
    }
  })

  it("bytes that lie askew in memory are copied once, into memory of their own", () => {
    const large = new Float64Array(2 * MiB / 8).fill(1.5)
    const bytes = bytesOf(large)
    const askew = new Uint8Array(bytes.length + 1)
    askew.set(bytes, 1)
    const back = valueOf(askew.subarray(1)) as Float64Array
    expect(back).toEqual(large)
    expect(back.buffer.byteLength).toBe(large.byteLength)
  })

  it("a small typed array does not hold on to the bytes it was read from", () => {
    const bytes = bytesOf([new Float64Array(8), new Uint8Array(8), "x".repeat(1000)])
    expect((valueOf(bytes) as ReadonlyArray<Float64Array>).slice(0, 2).map((view) => view.buffer.byteLength)).toEqual([64, 8])
  })

  it("large texts and many objects come back, in pieces of bounded size", () => {
    const value = { text: "é".repeat(3 * MiB), list: Array.from({ length: 100_000 }, (_, i) => ({ i, text: `number ${i}` })) }
    const encoded = codec.encode(value)
    if (Result.isFailure(encoded)) throw new Error(encoded.failure.reason)
    expect(encoded.success.segments.length).toBeGreaterThan(2)
    expect(valueOf(joinEncoded(encoded.success))).toEqual(value)
  })

  it("values saved one after the other do not share memory that is written again", () => {
    const first = codec.encode({ a: 1 })
    const second = codec.encode({ b: 2 })
    if (Result.isFailure(first) || Result.isFailure(second)) throw new Error("not saved")
    expect(hex(joinEncoded(first.success))).toBe("a1616101")
    expect(hex(joinEncoded(second.success))).toBe("a1616202")
  })
})

describe("the format", () => {
  const page = readFileSync(new URL("../../../docs/format/codec.md", import.meta.url), "utf8")

  it.each(golden)("%s", (_name, make, bytes) => {
    expect(hex(bytesOf(make()))).toBe(bytes)
    expect(difference(make(), valueOf(Buffer.from(bytes, "hex")))).toBeUndefined()
  })

  it.skipIf(!("Float16Array" in globalThis))("a Float16Array, where there is one", () => { // Node 22 has none
    const half = Reflect.construct(Reflect.get(globalThis, "Float16Array"), [[1.5]])
    expect(hex(bytesOf(half))).toBe("d85442003e")
    expect(difference(half, again(half))).toBeUndefined()
  })

  it("is documented byte by byte", () => {
    for (const [name, , bytes] of golden) expect(page, name).toContain(`\`${bytes}\``)
  })

  it("plain data is read by other libraries as what it is", () => {
    // This one gives some integers of more than 32 bits as a bigint.
    const asNumbers = (value: unknown): unknown =>
      typeof value === "bigint"
        ? Number(value)
        : Array.isArray(value)
        ? value.map(asNumbers)
        : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, asNumbers(one)]))
        : value
    const plain = fc.jsonValue({ maxDepth: 4 })
    const other = new Decoder({ useRecords: false, mapsAsObjects: true })
    fc.assert(fc.property(plain, (value) => {
      const bytes = bytesOf(value)
      expect(decodeByLibrary(bytes)).toEqual(value)
      if (!JSON.stringify(value).includes("__proto__")) expect(asNumbers(other.decode(Buffer.from(bytes)))).toEqual(value)
    }))
  })

  it("every value is well-formed CBOR to another library", () => {
    fc.assert(fc.property(anyValue, (value) => {
      const bytes = bytesOf(value)
      // No tag is interpreted: only that the items are whole and nothing follows them is looked at.
      expect(() => decodeByLibrary(bytes, { tags: new Map(), ignoreGlobalTags: true, rejectDuplicateKeys: false })).not.toThrow()
    }))
  })

  it("has an id and a media type", () => {
    expect([codec.id, codec.mediaType]).toEqual(["cbor/1", "application/cbor"])
  })
})
