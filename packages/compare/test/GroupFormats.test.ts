import * as fc from "fast-check"
import { micromark } from "micromark"
import { gfm, gfmHtml } from "micromark-extension-gfm"
import { describe, expect, it } from "vitest"
import {
  type CodeChange,
  compare,
  compareMeasured,
  displayWidth,
  formatChecks,
  formatChecksMarkdown,
  type GroupComparison,
  type MeasuredMetric,
  type RegressionCheck,
  type RunGroup
} from "../src/index.ts"
import { anyText } from "./arbitraries.ts"
import { digits } from "./fixtures.ts"

const metric = (name: string, goal: MeasuredMetric["goal"], values: ReadonlyArray<number | undefined>): MeasuredMetric => ({
  name,
  step: "evaluate",
  key: name,
  goal,
  items: false,
  values: values.map((value) => (value === undefined ? undefined : { last: value, min: value, max: value, mean: value }))
})

const group = (name: string, accuracy: ReadonlyArray<number>, loss: ReadonlyArray<number | undefined>): RunGroup => ({
  name,
  runs: accuracy.map((_, at) => ({ id: `${name}-${at}`, durationMs: 61_000 + 700 * at, pair: String(at) })),
  metrics: [metric("accuracy", "maximize", accuracy), metric("loss", "minimize", loss), metric("epochs", undefined, accuracy.map(() => 3))]
})

const groups = [
  group("0.01", [0.91, 0.92, 0.915, 0.918, 0.922], [0.31, 0.32, 0.3, 0.312, 0.309]),
  group("0.1", [0.951, 0.949, 0.955, 0.947, 0.96], [0.3, 0.29, 0.305, 0.32, Number.NaN]),
  group("1", [0.915, 0.92, 0.911, 0.92, 0.925], [0.9, 0.8, undefined, 0.85, 0.87])
]
const leftOut = [{ id: "a", because: "failed" }, { id: "b", because: "running" }, { id: "c", because: "failed" }]
const three = compareMeasured(groups, { subject: "digits", groupBy: "params.learningRate", leftOut })
const paired = compareMeasured(groups.slice(0, 2), { subject: "digits", pairBy: "run.seed", metrics: ["accuracy", "run.duration"] })
const noGoal = compareMeasured(groups.slice(0, 2).map((one) => ({ ...one, metrics: one.metrics.slice(2) })))

const check = (fields: Partial<RegressionCheck> = {}): RegressionCheck => ({
  condition: "metrics.accuracy drops > 0.01", subject: "1", failed: true, baseline: 0.92, value: 0.9, found: "0.92 to 0.9 (-0.02, -2.17%)", ...fields
})
const checks = [check(), check({ condition: "run.duration rises > 20%", failed: false, found: "1.2 s to 1.3 s (+100 ms, +8.33%)" })]

describe("a group comparison", () => {
  it.each<readonly [name: string, comparison: GroupComparison, columns: number | undefined]>([
    ["groups", three, undefined],
    ["groups-100", three, 100],
    ["groups-80", three, 80],
    ["groups-66", three, 66],
    ["groups-paired-120", paired, 120],
    ["groups-no-goal-80", noGoal, 80]
  ])("as text, %s, looks as it did", async (name, comparison, columns) => {
    const text = comparison.toString({ columns })
    await expect(`${text}\n`).toMatchFileSnapshot(`./golden/${name}.txt`)
    for (const line of text.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(columns ?? Number.POSITIVE_INFINITY)
  })

  it("as Markdown, CSV and HTML looks as it did", async () => {
    await expect(`${formatChecksMarkdown(checks)}\n\n${three.toMarkdown()}\n`).toMatchFileSnapshot("./golden/groups.md")
    await expect(three.toCsv().replaceAll("\r\n", "\n")).toMatchFileSnapshot("./golden/groups.csv")
    await expect(three.toHtml({ checks })).toMatchFileSnapshot("./golden/groups.html")
  })

  it("as JSON has every figure and a version", () => {
    const json = JSON.parse(JSON.stringify(three))
    expect(json).toMatchObject({ version: 1, groupBy: "params.learningRate", confidence: 0.95, groups: [{ name: "0.01" }, {}, {}], leftOut })
    expect(json.metrics[1].groups[1]).toMatchObject({ n: 4, notFinite: 1, values: [0.3, 0.29, 0.305, 0.32, "NaN"], against: { judgement: { because: "not finite" } } })
    expect(json.metrics[1].groups[2].values).toEqual([0.9, 0.8, null, 0.85, 0.87])
  })

  it("prints itself", () => {
    expect(`${three}`).toBe(three.toString())
  })
})

describe("checks", () => {
  it("are lines with what was found, and the number of those that failed", () => {
    expect(formatChecks(checks)).toBe([
      "Checks",
      "  ✗ metrics.accuracy drops > 0.01  0.92 to 0.9 (-0.02, -2.17%)",
      "  ✓ run.duration rises > 20%       1.2 s to 1.3 s (+100 ms, +8.33%)",
      "1 of 2 checks failed."
    ].join("\n"))
    expect(formatChecks([check({ failed: false }), check({ failed: false, subject: "2" })])).toContain("2 checks passed.")
  })
})

/** Tags that the pages are made of. */
const tags = new Set([
  "!doctype", "html", "head", "meta", "title", "style", "body", "h1", "h2", "div", "table", "thead", "tbody", "tr", "th", "td", "span", "p", "pre", "strong", "footer", "svg", "line", "circle"
])

const expectPrintable = (text: string): void => {
  for (const line of text.split("\n")) expect(line).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u)
}

const checkHtml = (page: string): void => {
  for (const [, name] of page.matchAll(/<\/?([^\s>/]*)/g)) expect(tags).toContain(name!.toLowerCase())
  expect(page).toContain("default-src 'none'")
  expectPrintable(page)
}

/** RFC 4180, read strictly. */
const readCsv = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const rows: Array<Array<string>> = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y
  let row: Array<string> = []
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text)
    if (found === null) throw new Error(`no CSV: ${JSON.stringify(text)}`)
    row.push(found[1]?.replaceAll("\"\"", "\"") ?? found[2]!)
    if (found[3] === ",") continue
    rows.push(row)
    row = []
  }
  return rows
}

const checkCsv = (text: string): void => {
  const rows = readCsv(text)
  for (const row of rows) expect(row).toHaveLength(rows[0]!.length)
  for (const one of rows.flat()) if (Number.isNaN(Number(one))) expect(one).not.toMatch(/^[=+\-@]/)
}

describe("whatever is stored", () => {
  it("no page has an element of another's, no table another shape, and no cell of CSV is a formula", () => {
    fc.assert(fc.property(anyText, anyText, anyText, (name, other, key) => {
      const hostile = groups.slice(0, 2).map((one, at): RunGroup => ({ ...one, name: at === 0 ? name : other, metrics: [{ ...one.metrics[0]!, name: key }] }))
      const comparison = compareMeasured(hostile, { subject: other, groupBy: name, leftOut: [{ id: name, because: other }], intervals: false })
      const found = [check({ condition: name, subject: other, found: key })]
      checkHtml(comparison.toHtml({ checks: found }))
      checkCsv(comparison.toCsv())
      const rendered = micromark(comparison.toMarkdown(), { extensions: [gfm()], htmlExtensions: [gfmHtml()], allowDangerousHtml: true })
      expect(rendered.match(/<t[hd][ >]/g)).toHaveLength(21)
      expectPrintable(formatChecks(found))
    }), { numRuns: 60 })
  })

  it("neither has a comparison of runs, with code that changed", () => {
    fc.assert(fc.property(anyText, anyText, fc.option(anyText, { nil: undefined }), (text, file, before) => {
      const change: CodeChange = { file, name: text, steps: [text], runs: [1], before, after: `${text}\n${file}` }
      const one = digits(text || "x", 0.1, [1, 2], 0.9, { tags: { [file]: text }, params: { p: text } })
      const comparison = compare([one, digits("other", 0.2, [1, 3], 0.8)]).withCodeChanges([change])
      checkHtml(comparison.toHtml({ all: true }))
      checkCsv(comparison.toCsv({ all: true }))
      const rendered = micromark(comparison.toMarkdown(), { extensions: [gfm()], htmlExtensions: [gfmHtml()], allowDangerousHtml: true })
      expect(rendered.match(/<pre>/g)).toHaveLength(1)
      expect(rendered).not.toMatch(/<(?!\/?(?:h3|h4|table|thead|tbody|tr|th|td|code|details|summary|p|pre|strong)[ >])/)
      expectPrintable(comparison.toString({ code: true }))
    }), { numRuns: 60 })
  })
})
