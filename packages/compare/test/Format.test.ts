import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  formatBytes,
  formatCount,
  formatDelta,
  formatDuration,
  formatDurationDelta,
  formatNumber,
  formatNumbers,
  formatPercent,
  formatTime,
  shortenHashes
} from "../src/index.ts"

describe("numbers", () => {
  it.each([
    [0, "0"],
    [-0, "0"],
    [1, "1"],
    [-1234567, "-1,234,567"],
    [999_999_999_999_999, "999,999,999,999,999"],
    [1e15, "1e+15"],
    [0.1, "0.1"],
    [0.1 + 0.2, "0.3"],
    [0.971234, "0.97123"],
    [3.14159265, "3.1416"],
    [1234.5678, "1,234.6"],
    [1234567.89, "1,234,568"],
    [0.00012345, "0.00012345"],
    [0.000012345, "1.2345e-5"],
    [99999.99, "100,000"],
    [9.999999, "10"],
    [-0.5, "-0.5"],
    [5e-324, "4.9407e-324"],
    [Number.MAX_VALUE, "1.7977e+308"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [Number.NEGATIVE_INFINITY, "-Infinity"]
  ])("%d reads %s", (value, text) => expect(formatNumber(value)).toBe(text))

  it("are shown near to what they are, whatever they are", () => {
    fc.assert(fc.property(fc.double({ noNaN: true, min: -1e300, max: 1e300 }), (value) => {
      const shown = Number(formatNumber(value).replaceAll(",", ""))
      expect(Math.abs(shown - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) * 1e-4, Number.MIN_VALUE))
    }))
  })

  it("that differ look different beside each other, and equal ones alike", () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.double(), fc.double({ min: 0.97, max: 0.970001, noNaN: true })), { maxLength: 4 }), (values) => {
      const texts = formatNumbers(values)
      for (const [at, value] of values.entries()) {
        for (const [other, text] of texts.entries()) {
          const same = value === values[other] || (Number.isNaN(value) && Number.isNaN(values[other]))
          expect(text === texts[at]).toBe(same)
        }
      }
    }))
    expect(formatNumbers([0.971231, undefined, 0.971232])).toEqual(["0.971231", "-", "0.971232"])
  })
})

it.each([
  [0, "0"],
  [0.017123, "+0.01712"],
  [-1200, "-1,200"],
  [Number.POSITIVE_INFINITY, "+Infinity"],
  [Number.NEGATIVE_INFINITY, "-Infinity"],
  [Number.NaN, "NaN"]
])("a difference of %d reads %s", (delta, text) => expect(formatDelta(delta)).toBe(text))

it.each([
  [0, "0%"],
  [1.7639, "+1.76%"],
  [-12.54, "-12.5%"],
  [250.4, "+250%"],
  [12345, "+12,345%"],
  [0.00234, "+0.002%"],
  [-1e-9, "-1e-9%"],
  [99.97, "+100%"]
])("a change of %d percent reads %s", (percent, text) => expect(formatPercent(percent)).toBe(text))

it.each([
  [0, "0 ms"],
  [0.347, "0.35 ms"],
  [12.34, "12.3 ms"],
  [350, "350 ms"],
  [999.4, "999 ms"],
  [999.6, "1.0 s"],
  [1_234, "1.2 s"],
  [59_949, "59.9 s"],
  [59_960, "1 min 0 s"],
  [125_000, "2 min 5 s"],
  [3_599_900, "1 h 0 min"],
  [3_720_000, "1 h 2 min"],
  [86_399_999, "1 d 0 h"],
  [273_600_000, "3 d 4 h"],
  [-1_500, "-1.5 s"],
  [Number.POSITIVE_INFINITY, "Infinity"]
])("%d milliseconds read %s", (durationMs, text) => expect(formatDuration(durationMs)).toBe(text))

it("a longer duration says by how much", () => {
  expect(formatDurationDelta(1_200)).toBe("+1.2 s")
  expect(formatDurationDelta(-40)).toBe("-40 ms")
})

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1 kB"],
  [3_400_000, "3.4 MB"],
  [99_960, "100 kB"],
  [999_499, "999 kB"],
  [999_500, "1 MB"],
  [7.2e18, "7,200 PB"]
])("%d bytes read %s", (sizeBytes, text) => expect(formatBytes(sizeBytes)).toBe(text))

it("times are in UTC, counts have their noun, hashes are short", () => {
  expect(formatTime(Date.UTC(2023, 9, 27, 14, 3, 11, 999))).toBe("2023-10-27 14:03:11")
  expect(formatTime(Number.NaN)).toBe("NaN")
  expect([formatCount(1, "step"), formatCount(1_200, "step"), formatCount(0, "entry", "entries")]).toEqual(["1 step", "1,200 steps", "0 entries"])
  expect(shortenHashes("code: 0123456789abcdef0123 -> ffffffffffffffff, deadbeef")).toBe("code: 01234567 -> ffffffff, deadbeef")
})

it("no figure holds anything that a terminal, Markdown or HTML would interpret", () => {
  fc.assert(fc.property(fc.double(), (value) => {
    for (const format of [formatNumber, formatDelta, formatPercent, formatDuration, formatDurationDelta, formatBytes, formatTime]) {
      expect(format(value)).toMatch(/^[A-Za-z0-9 .,:%+-]+$/)
    }
  }))
})
