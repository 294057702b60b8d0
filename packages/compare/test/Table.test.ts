import * as fc from "fast-check"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import { displayWidth, layoutTable, leastTableWidth, renderTable, type Table, truncate, wrap } from "../src/index.ts"
import { anyText } from "./arbitraries.ts"

const cell = fc.record({
  text: anyText,
  whole: fc.boolean(),
  tone: fc.constantFrom("good" as const, "bad" as const, "strong" as const, undefined)
})

const anyTable: fc.Arbitrary<Table> = fc.integer({ min: 1, max: 5 }).chain((columns) =>
  fc.record({
    columns: fc.array(
      fc.record({
        align: fc.constantFrom("left" as const, "right" as const),
        minWidth: fc.integer({ min: 1, max: 20 }),
        maxWidth: fc.integer({ min: 1, max: 40 }),
        gap: fc.integer({ min: 0, max: 4 })
      }),
      { minLength: columns, maxLength: columns }
    ),
    header: fc.option(fc.record({ cells: fc.array(cell, { maxLength: columns }) }), { nil: undefined }),
    rows: fc.array(
      fc.option(fc.record({ cells: fc.array(cell, { maxLength: columns }), indent: fc.integer({ min: 0, max: 4 }) }), { nil: undefined }),
      { maxLength: 5 }
    ),
    maxLines: fc.integer({ min: 1, max: 5 })
  })
)

describe("every table", () => {
  it("has lines of one display width, whatever was stored", () => {
    fc.assert(fc.property(anyTable, fc.option(fc.integer({ min: 1, max: 120 }), { nil: undefined }), (table, columns) => {
      expect(new Set(layoutTable(table, { columns }).map(displayWidth)).size).toBeLessThanOrEqual(1)
    }), { numRuns: 500 })
  })

  it("fits into the columns asked for, unless its least width does not", () => {
    fc.assert(fc.property(anyTable, fc.integer({ min: 1, max: 120 }), (table, columns) => {
      for (const line of layoutTable(table, { columns })) {
        expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(columns, leastTableWidth(table)))
      }
    }), { numRuns: 500 })
  })

  it("prints no control characters but its own colours, and those only when asked", () => {
    fc.assert(fc.property(anyTable, (table) => {
      const plain = layoutTable(table)
      expect(plain.join("")).not.toMatch(/\p{Cc}/u)
      expect(layoutTable(table, { color: true }).map(stripVTControlCharacters)).toEqual(plain)
    }))
  })

  it("shows figures whole, however narrow it is", () => {
    fc.assert(fc.property(fc.double(), fc.integer({ min: 1, max: 30 }), (value, columns) => {
      const table: Table = { columns: [{}, { align: "right" }], rows: [{ cells: ["a long name of something", { text: String(value), whole: true }] }] }
      expect(renderTable(table, { columns })).toContain(String(value))
    }))
  })
})

it("aligns wide, combining and emoji characters", () => {
  expect(renderTable({
    columns: [{}, { align: "right" }],
    header: { cells: ["name", "value"] },
    rows: [{ cells: ["日本語", "1"] }, { cells: ["👩‍👩‍👧‍👦 family", "22"] }, { cells: ["e\u0301te\u0301", "333"], indent: 2 }, undefined, { cells: ["last"] }]
  })).toBe([
    "name       value",
    "─────────  ─────",
    "日本語         1",
    "👩‍👩‍👧‍👦 family     22",
    "  e\u0301te\u0301        333",
    "",
    "last"
  ].join("\n"))
})

it("wraps long text at words, then at punctuation, and says when it leaves something out", () => {
  expect(wrap("cache (from run run_2023_10_27)", 16)).toEqual(["cache (from run", "run_2023_10_27)"])
  expect(wrap("packages/compare/src/Table.ts", 12)).toEqual(["packages/", "compare/src/", "Table.ts"])
  expect(wrap("one two three four", 5, 2)).toEqual(["one", "two…"])
  expect(truncate("experiment", 6)).toBe("exper…")
  expect(truncate("日本語", 4)).toBe("日…")
})

it("leaves out a column without text, with its gap", () => {
  expect(renderTable({ columns: [{}, {}, {}], rows: [{ cells: ["a", "", "b"] }] })).toBe("a  b")
})
