import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { compareValues, describeValue } from "../src/index.ts"

const difference = (old: unknown, now: unknown, tolerance?: number) => compareValues(old, now, tolerance).difference

describe("the first difference of two values", () => {
  it("is named by its path, with both values", () => {
    const cyclic = (last: number): unknown => {
      const value: { self?: unknown; last: number } = { last }
      value.self = value
      return value
    }
    for (const [old, now, path, was, is] of [
      [1, 2, "$", "1", "2"],
      [0, -0, "$", "0", "-0"],
      [1, "1", "$", "1", "\"1\""],
      [1n, 1, "$", "1n", "1"],
      [null, undefined, "$", "null", "undefined"],
      [{ a: { b: [1, 2, 3] } }, { a: { b: [1, 2, 4] } }, "$.a.b[2]", "3", "4"],
      [{ a: 1 }, { a: 1, "odd key": 2 }, "$[\"odd key\"]", "nothing", "2"],
      [{ a: 1, b: 2 }, { a: 1 }, "$.b", "2", "nothing"],
      [[1, 2], [1], "$.length", "2", "1"],
      [Object.assign([1], { 2: 3 }), [1, undefined, 3], "$[1]", "nothing", "undefined"],
      [new Float64Array([1, 2]), new Float64Array([1, 3]), "$[1]", "2", "3"],
      [new Float64Array(2), new Float32Array(2), "$", "Float64Array of 2", "Float32Array of 2"],
      [new Uint8Array([1]).buffer, new Uint8Array([2]).buffer, "$[0]", "1", "2"],
      [new Map([["k", { v: 1 }]]), new Map([["k", { v: 2 }]]), "$.get(\"k\").v", "1", "2"],
      [new Map([["k", 1]]), new Map([["l", 1]]), "$.keys()[0]", "\"k\"", "\"l\""],
      [new Map(), new Map([["l", 1]]), "$.get(\"l\")", "nothing", "1"],
      [new Set([1, 2]), new Set([1, 3]), "$.values()[1]", "2", "3"],
      [new Date(0), new Date(1), "$", "Date 1970-01-01T00:00:00.000Z", "Date 1970-01-01T00:00:00.001Z"],
      [/a/g, /a/i, "$", "/a/g", "/a/i"],
      [new Error("a"), new Error("b"), "$.message", "\"a\"", "\"b\""],
      [new Error("a", { cause: 1 }), new Error("a", { cause: 2 }), "$.cause", "1", "2"],
      [`${"x".repeat(80)}a`, `${"x".repeat(80)}b`, "$.slice(80)", "\"a\"", "\"b\""],
      [cyclic(1), cyclic(2), "$.last", "1", "2"]
    ] as const) {
      expect([old, difference(old, now)]).toEqual([old, { path, old: was, new: is }])
    }
  })

  it("there is none between equal values, whatever they are (property)", () => {
    fc.assert(fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: true }), (value) => {
      expect(compareValues(value, structuredClone(value))).toEqual({ difference: undefined, largest: 0 })
    }))
  })

  it("a number that is changed anywhere is found there (property)", () => {
    fc.assert(fc.property(fc.jsonValue(), fc.array(fc.constantFrom("a", "b c", "")), fc.double({ noNaN: true }), fc.double({ noNaN: true }), (beside, path, old, now) => {
      fc.pre(!Object.is(old, now))
      const wrap = (value: number): unknown => path.reduce<unknown>((inner, name) => ({ beside, [name]: [beside, inner] }), value)
      expect(difference(wrap(old), wrap(now))).toMatchObject({ old: describeValue(old), new: describeValue(now) })
    }))
  })
})

describe("within a tolerance", () => {
  it("numbers count as the same that deviate by no more than so much of the larger one; the largest deviation is told", () => {
    expect(compareValues([100, 1], [101, 1], 0.01)).toEqual({ difference: undefined, largest: 1 / 101 })
    expect(difference([100, 1], [102, 1], 0.01)).toEqual({ path: "$[0]", old: "100", new: "102" })
    expect(compareValues(0, -0, 0.1)).toEqual({ difference: undefined, largest: 0 })
    for (const [old, now] of [[0, 1e-300], [1, -1], [NaN, 1], [Infinity, 1e308], [1n, 2n], ["1", "1.0"]] as const) expect([old, difference(old, now, 0.5)]).toEqual([old, expect.anything()])
    expect(difference(NaN, NaN, 0.5)).toBeUndefined()
  })

  it("is the same in both directions, and never stricter when it is larger (property)", () => {
    fc.assert(fc.property(fc.double(), fc.double(), fc.double({ min: 0, max: 0.9, noNaN: true }), fc.double({ min: 0, max: 0.9, noNaN: true }), (a, b, one, other) => {
      const same = (x: number, y: number, tolerance: number): boolean => difference(x, y, tolerance) === undefined
      expect(same(a, b, one)).toBe(same(b, a, one))
      if (same(a, b, Math.min(one, other))) expect(same(a, b, Math.max(one, other))).toBe(true)
    }))
  })
})
