import { describe, expect, it } from "vitest"
import { cborText } from "../src/internal/cborText.ts"

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))

describe("saved values as text", () => {
  // The items of docs/format/codec.md.
  it.each([
    ["f7", "undefined"],
    ["f5", "true"],
    ["20", "-1"],
    ["1b001fffffffffffff", "9007199254740991"],
    ["f93e00", "1.5"],
    ["fb3fb999999999999a", "0.1"],
    ["f9fc00", "-Infinity"],
    ["c24101", "1n"],
    ["c348ffffffffffffffff", "-18446744073709551616n"],
    ["62c3a9", "\"é\""],
    ["82018102", "[ 1, [ 2 ] ]"],
    ["a261610262626201", "{ a: 2, bb: 1 }"],
    ["a1695f5f70726f746f5f5f01", "{ __proto__: 1 }"],
    ["d90103a26162010203", "Map { b: 1, 2: 3 }"],
    ["d90102820201", "Set [ 2, 1 ]"],
    ["c1f93e00", "Date 1970-01-01T00:00:01.500Z"],
    ["420102", "2 bytes"],
    ["d84d420100", "Int16Array(1) [1]"],
    ["d855440000803f", "Float32Array(1) [1]"]
  ])("%s is %s", (hex, text) => {
    expect(cborText(bytesOf(hex))).toBe(text)
  })

  it("what is cut off ends in …, whatever byte is the last", () => {
    const whole = bytesOf("a26161816568656c6c6f6162d855480000803f0000803f")
    expect(cborText(whole)).toBe("{ a: [ \"hello\" ], b: Float32Array(2) [1, 1] }")
    for (let length = 0; length < whole.length; length++) expect(cborText(whole.slice(0, length))).toMatch(/…$/)
    expect(cborText(whole.slice(0, 8))).toContain("\"hel")
  })

  it("long lists are cut, and what comes after them is shown", () => {
    const text = cborText(Uint8Array.of(0xa2, 0x61, 0x61, 0x98, 200, ...Array.from({ length: 200 }, () => 7), 0x61, 0x62, 1))
    expect(text).toContain("… 100 more")
    expect(text).toMatch(/b: 1\n\}$/)
    expect(text.match(/7/g)).toHaveLength(100)
  })

  it("neither deep nesting nor bytes that are no CBOR end the page", () => {
    expect(cborText(new Uint8Array(200_000).fill(0x81))).toMatch(/…$/)
    expect(cborText(new Uint8Array(200_000).fill(0xc1))).toMatch(/…$/)
    for (let seed = 1; seed < 300; seed++) expect(typeof cborText(Uint8Array.from({ length: 60 }, (_, at) => (seed * 31 + at * at * seed * 7) & 255))).toBe("string")
  })
})
