import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { changeBetween } from "../src/index.ts"

describe("a change", () => {
  it.each([
    ["grows", 2, 3, { delta: 1, percent: 50 }],
    ["shrinks", 4, 3, { delta: -1, percent: -25 }],
    ["grows towards zero, so its percentage is positive", -4, -3, { delta: 1, percent: 25 }],
    ["begins at zero, so it has no percentage", 0, 3, { delta: 3, percent: undefined }],
    ["stays zero", 0, -0, { delta: 0, percent: undefined }],
    ["begins at NaN", Number.NaN, 3, { delta: undefined, percent: undefined }],
    ["ends at NaN", 3, Number.NaN, { delta: undefined, percent: undefined }],
    ["ends at Infinity", 3, Number.POSITIVE_INFINITY, { delta: Number.POSITIVE_INFINITY, percent: undefined }],
    ["begins at Infinity", Number.POSITIVE_INFINITY, 3, { delta: Number.NEGATIVE_INFINITY, percent: undefined }],
    ["stays Infinity", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, { delta: undefined, percent: undefined }],
    ["is larger than a number can be", -Number.MAX_VALUE, Number.MAX_VALUE, { delta: undefined, percent: undefined }]
  ])("that %s", (_, baseline, value, expected) => expect(changeBetween(baseline, value)).toEqual({ ...expected, better: undefined }))

  it("is judged by the goal alone", () => {
    expect(changeBetween(1, 2, "maximize").better).toBe("better")
    expect(changeBetween(1, 2, "minimize").better).toBe("worse")
    expect(changeBetween(-2, -1, "minimize").better).toBe("worse")
    expect(changeBetween(1, 1, "minimize").better).toBe("same")
    expect(changeBetween(Number.POSITIVE_INFINITY, 1, "minimize").better).toBe("better")
    expect(changeBetween(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, "minimize").better).toBe("same")
    expect(changeBetween(Number.NaN, 1, "minimize").better).toBeUndefined()
    expect(changeBetween(1, Number.NaN, "maximize").better).toBeUndefined()
  })

  it("the other way round is the opposite", () => {
    const opposite = { better: "worse", worse: "better", same: "same" } as const
    fc.assert(fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), fc.constantFrom("maximize" as const, "minimize" as const), (a, b, goal) => {
      const there = changeBetween(a, b, goal)
      const back = changeBetween(b, a, goal)
      expect(there.better && opposite[there.better]).toBe(back.better)
      expect(there.delta === undefined ? undefined : -there.delta + 0).toBe(back.delta === undefined ? undefined : back.delta + 0)
    }))
  })

  it("never has a percentage that is not a number", () => {
    fc.assert(fc.property(fc.double(), fc.double(), (a, b) => {
      const { delta, percent } = changeBetween(a, b)
      expect(percent === undefined || Number.isFinite(percent)).toBe(true)
      expect(delta === undefined || !Number.isNaN(delta)).toBe(true)
    }))
  })
})
