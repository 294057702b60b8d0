import * as fc from "fast-check"
import { micromark } from "micromark"
import { gfm, gfmHtml } from "micromark-extension-gfm"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { compare, type Comparison, displayWidth, type TextOptions } from "../src/index.ts"
import { anyText } from "./arbitraries.ts"
import { active, artifact, attempt, digits, output, run, series, startMs, step } from "./fixtures.ts"

const first = digits("run_2023_10_27", 0.1, [2.31, 0.91, 0.412, 0.287, 0.2219], 0.9341)

/** Took its data from the first run, was killed in training, and resumed with other code. */
const second = digits("run_2023_10_28", 0.5, [2.28, 0.61, 0.231, 0.1522, 0.1581], 0.9562, {
  tags: { author: "mia" },
  attempts: [
    attempt("second", { status: "crashed", endedAtMs: null }),
    attempt("second", {
      attempt: 2,
      startedAtMs: startMs + 86_400_000,
      endedAtMs: startMs + 86_411_000,
      environment: {
        ...attempt("second").environment,
        git: { commit: "77aa1b9c4d5e6f708192a3b4c5d6e7f8091a2b3c", branch: "main", dirty: true },
        packages: { effect: "4.1.1", uniflow: "1.0.0" }
      }
    })
  ],
  history: [
    step("load", { decision: "cached", durationMs: 0, output: output("images", 7_840_123), reasons: [{ component: "cache", sourceRun: "run_2023_10_27" }] }),
    step("train", { durationMs: 9_812, output: output("model 0.5", 318_400) }),
    step("train", { attempt: 2, decision: "restored", durationMs: 0, reasons: [{ component: "match" }], components: null, output: output("model 0.5", 318_400) }),
    step("evaluate", { durationMs: 91, output: output("accuracy 0.9562", 31), attempt: 2 })
  ]
})

const failed = digits("run_2023_10_29", 1, [2.28, Number.NaN], 0, {
  status: "failed",
  failedStep: "train",
  error: { name: "Error", message: "the loss became NaN" },
  history: [
    step("load", { durationMs: 830, output: output("images", 7_840_123) }),
    step("train", { status: "failed", durationMs: 3_021, output: null, error: { name: "Error", message: "the loss became NaN" } })
  ],
  series: [series("train", "loss", [2.28, Number.NaN])],
  artifacts: []
})

const running = digits("実験 🧪", 0.3, [2.2, 0.5], 0, {
  status: "running",
  attempts: [attempt("running", { status: "running", endedAtMs: null })],
  params: { path: "digits.csv", learningRate: 0.3, epochs: 5, model: { layers: [64, 32], activation: "relu" } },
  history: [step("load", { output: output("images", 7_840_123) }), step("train", { address: "train[a]" }), step("train", { address: "train[b]" })],
  active: [active("train", { address: "train[c]" })],
  series: [series("train[a]", "ms", [3, 4]), series("train[b]", "ms", [5])],
  artifacts: [artifact("train[a]", "plot.svg", "a"), artifact("train[b]", "plot.svg", "b")]
})

const swept = digits("run_2023_10_30", 0.25, [2.2, 0.5, 0.2, 0.16, 0.15], 0.9601)

const two = compare([first, second])
const five = compare([first, second, failed, running, swept])

describe("the table", () => {
  it.each<readonly [name: string, comparison: Comparison, options: TextOptions]>([
    ["two-runs-80", two, { columns: 80 }],
    ["two-runs-100", two, { columns: 100 }],
    ["two-runs", two, {}],
    ["two-runs-all-100", two, { columns: 100, all: true }],
    ["two-runs-60", two, { columns: 60 }],
    ["five-runs-80", five, { columns: 80 }],
    ["five-runs-140", five, { columns: 140 }],
    ["five-runs-all-200", five, { columns: 200, all: true }],
    ["one-run-80", compare([first]), { columns: 80 }],
    ["equal-runs-80", compare([first, first]), { columns: 80 }]
  ])("%s looks as it did", async (name, comparison, options) => {
    const text = comparison.toString(options)
    await expect(`${text}\n`).toMatchFileSnapshot(`./golden/${name}.txt`)
    for (const line of text.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(options.columns ?? Number.POSITIVE_INFINITY)
  })

  it("is what console.log prints, in colours where the terminal has them", () => {
    expect(inspect(two)).toBe(two.toString())
    expect(`${two}`).toBe(two.toString())
    expect(inspect(two, { colors: true })).toBe(two.toString({ color: true }))
    expect(two.toString()).not.toContain("\x1b")
  })

  it("shows better in green and worse in red, whichever direction the metric has", () => {
    const lineOf = (comparison: Comparison, label: string) => comparison.toString({ color: true }).split("\n").find((line) => line.includes(label))
    expect(lineOf(two, "loss (last)")).toContain("\x1b[32m-28.8%\x1b[39m")
    expect(lineOf(two, "accuracy")).toContain("\x1b[32m+2.37%\x1b[39m")
    const back = compare([second, first])
    expect(lineOf(back, "loss (last)")).toContain("\x1b[31m+40.4%\x1b[39m")
    expect(lineOf(back, "accuracy")).toContain("\x1b[31m-2.31%\x1b[39m")
  })

  it("shows of params that are objects only the members that differ, and exact values", () => {
    const text = compare([
      run("a", { params: { model: { layers: [64], size: { width: 1, height: 2 } }, rate: 1e-7, text: "0.1", secret: { $redacted: "0123456789abcdef01" } } }),
      run("b", { params: { model: { layers: [64], size: { width: 3, height: 2 } }, rate: 123456.789012, text: 0.1, secret: { $redacted: "f123456789abcdef01" } } })
    ]).toString()
    expect(text).toMatch(/^ {2}model\.size\.width +1 +3$/m)
    expect(text).toMatch(/^ {2}rate +1e-7 +123456\.789012$/m)
    expect(text).toMatch(/^ {2}text +"0\.1" +0\.1$/m)
    expect(text).toMatch(/^ {2}secret +redacted 01234567 +redacted f1234567$/m)
    expect(text).not.toContain("layers")
  })

  it("shows metrics that differ beyond the usual digits as different", () => {
    const with_ = (value: number) => run("a", { series: [series("train", "loss", [value])] })
    expect(compare([with_(0.123456781), with_(0.123456782)]).toString()).toMatch(/loss +0\.123456781 +0\.123456782 +\+1e-9 +\+8e-7%/)
  })
})

describe("Markdown", () => {
  it.each([["two-runs", two, {}], ["two-runs-all", two, { all: true }], ["five-runs", five, {}]])("%s looks as it did", async (name, comparison, options) => {
    await expect(`${comparison.toMarkdown(options)}\n`).toMatchFileSnapshot(`./golden/${name}.md`)
  })
})

describe("JSON", () => {
  it("has the documented shape", async () => {
    await expect(`${JSON.stringify(five, null, 2)}\n`).toMatchFileSnapshot("./golden/five-runs.json")
  })

  it("writes numbers that JSON lacks as strings, and null for what a run does not have", () => {
    const json = compare([
      run("a", { series: [series("train", "loss", [Number.NaN])] }),
      run("b", { series: [series("train", "loss", [Number.NEGATIVE_INFINITY])] }),
      run("c")
    ]).toJSON()
    expect(json.version).toBe(1)
    expect(json.metrics[0]?.values).toEqual([
      { step: "train", last: "NaN", min: "NaN", max: "NaN", mean: "NaN", count: 1, nans: 1 },
      { step: "train", last: "-Infinity", min: "-Infinity", max: "-Infinity", mean: "-Infinity", count: 1, nans: 0, change: {} },
      null
    ])
    expect(JSON.parse(JSON.stringify(json))).toEqual(json)
  })
})

describe("whatever is stored", () => {
  const anyRun = fc.record({ id: anyText, pipeline: anyText, name: anyText, text: anyText, value: fc.double() }).map(({ id, name, pipeline, text, value }) =>
    run(id, {
      pipeline,
      status: "failed",
      params: { [name]: text, list: [text, value > 0] },
      tags: { [name]: text },
      note: text,
      failedStep: name,
      error: { name, message: text },
      goals: { [name]: "maximize" },
      history: [step(name, { error: { name, message: text }, reasons: [{ component: name, old: text, note: text }] })],
      series: [series(name, text, [value]), series(name, name, [value, 1])],
      artifacts: [artifact(name, text, text)],
      attempts: [{
        ...attempt(id),
        environment: { ...attempt(id).environment, git: { commit: text, branch: name, dirty: true }, runtime: text, packages: { [name]: text } }
      }]
    })
  )
  const anyComparison = fc.array(anyRun, { minLength: 1, maxLength: 4 }).map(compare)

  it("no control character reaches the terminal, and nothing is cut in two", () => {
    fc.assert(fc.property(anyComparison, fc.boolean(), fc.option(fc.integer({ min: 1, max: 160 }), { nil: undefined }), (comparison, all, columns) => {
      const text = comparison.toString({ all, columns })
      expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u)
    }))
  })

  it("the Markdown has the tables it has, each row as many cells as its header, and no other elements", () => {
    fc.assert(fc.property(anyComparison, fc.boolean(), (comparison, all) => {
      const html = micromark(comparison.toMarkdown({ all }), { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] })
      const elements = new Set([...html.matchAll(/<([a-z0-9]+)/gi)].map(([, name]) => name))
      const own = ["h3", "h4", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "strong", "details", "summary"]
      expect([...elements].filter((name) => !own.includes(name ?? ""))).toEqual([])
      for (const [table] of html.matchAll(/<table>.*?<\/table>/gs)) {
        const counts = [...table.matchAll(/<tr>.*?<\/tr>/gs)].map(([row]) => [...row.matchAll(/<t[hd]\b/g)].length)
        expect(new Set(counts).size).toBe(1)
        expect(table).not.toMatch(/<td[^>]*>[^<]*\|/)
      }
      expect(html).not.toMatch(/<p>\|/)
    }))
  })

  it("the JSON comes back as it was", () => {
    fc.assert(fc.property(anyComparison, (comparison) => {
      expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison.toJSON())
    }))
  })
})
