import { stripVTControlCharacters } from "node:util"
import { displayWidth } from "@uniflow/compare"
import type { RunEvent } from "@uniflow/core"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PlainProgress } from "../src/cli/PlainProgress.ts"
import { viewOf } from "../src/cli/ProgressView.ts"
import { RunProgress } from "../src/cli/RunProgress.ts"

const at = 1_700_000_000_000
const runId = "r"
const begun: RunEvent = { _tag: "RunStarted", runId, atMs: at, pipeline: "digits", attempt: 2 }
const started = (step: string, attempt = 2): RunEvent => ({ _tag: "StepStarted", runId, atMs: at, step, attempt })
const decided = (step: string, more: Partial<RunEvent & { readonly _tag: "Decided" }> = {}): RunEvent => ({
  _tag: "Decided", runId, atMs: at + 500, step, attempt: 2, decision: "executed", status: "completed", reasons: [{ component: "first" }], durationMs: 500, error: null, ...more
})
const metric = (step: string, key: string, value: number): RunEvent => ({ _tag: "Metric", runId, atMs: at, step, key, index: 0, value, count: 1 })
const progress = (step: string, done: number, total: number | null): RunEvent => ({ _tag: "Progress", runId, atMs: at, step, done, total, message: null })
const ended = (status: "completed" | "failed" | "interrupted", failedStep: string | null = null): RunEvent => ({ _tag: "RunEnded", runId, atMs: at + 900, status, error: null, failedStep })

const after = (events: ReadonlyArray<RunEvent>, steps: ReadonlyArray<string> = ["load", "train", "evaluate"]) => {
  const run = new RunProgress(runId, { pipeline: "digits", steps, nowMs: at })
  for (const event of events) run.apply(event, at + 1000)
  return run
}
const options = { columns: 80, rows: 24, color: false, nowMs: at + 4200, frame: 0 }
const view = (events: ReadonlyArray<RunEvent>, more = {}) => viewOf(after(events), { ...options, ...more }).join("\n")

describe("the view of a run under way", () => {
  it("has a line for each step in the pipeline's order, with state, time, bar and last metrics", () => {
    const events = [
      begun, decided("load", { decision: "restored" }), started("train"), progress("train", 3, 4), metric("train", "loss", 0.5), metric("train", "loss", 0.25)
    ]
    expect(view(events)).toBe([
      "⠋ digits  r  attempt 2  4.0 s",
      "  ↺ load      restored",
      "  ⠋ train     running        4.2 s  ━━━━━━━━━───   75%  3/4  loss 0.25",
      "  ○ evaluate  waiting"
    ].join("\n"))
    expect(view([...events, ended("interrupted")])).toContain("■ train     interrupted")
    expect(view([...events, decided("train", { status: "failed", error: { name: "E", message: "bo\u001bom\nmore" } }), ended("failed", "train")])).toContain("✗ train     failed        500 ms  bo\\x1bom …")
  })

  it("passes over what earlier attempts did", () => {
    expect(view([begun, started("train", 1), decided("train", { attempt: 1 })])).toContain("○ train     waiting")
  })

  it("counts the items of a map under their step", () => {
    const text = view([begun, started("train[a]"), decided("train[a]"), decided("train[b]", { status: "failed" }), started("train[c]")])
    expect(text).toMatch(/train +running .*2 items {2}1 failed/)
    expect(text).not.toContain("[a]")
  })

  it("fits into any terminal, whatever it is fed with", () => {
    const name = fc.oneof(fc.string({ minLength: 1, maxLength: 30 }), fc.constantFrom("表格資料", "👩‍👩‍👧", "a\u001b[2J", "step[x]"))
    const event: fc.Arbitrary<RunEvent> = fc.oneof(
      name.map((step) => started(step)),
      fc.tuple(name, fc.constantFrom("executed", "restored", "cached", "skipped"), fc.constantFrom("completed", "failed")).map(([step, decision, status]) =>
        decided(step, { decision: decision as "executed", status: status as "completed", error: { name: "E", message: step }, reasons: [{ component: "cache", sourceRun: step }] })),
      fc.tuple(name, name, fc.double()).map(([step, key, value]) => metric(step, key, value)),
      fc.tuple(name, fc.double(), fc.option(fc.double())).map(([step, done, total]) => progress(step, done, total)),
      fc.constantFrom(ended("failed"), ended("completed"))
    )
    fc.assert(fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 40 }), fc.boolean(), (events, columns, rows, color) => {
      const lines = viewOf(after([begun, ...events]), { ...options, columns, rows, color })
      expect(lines.length).toBeLessThanOrEqual(Math.max(3, rows - 1))
      for (const line of lines) {
        expect(displayWidth(stripVTControlCharacters(line))).toBeLessThan(Math.max(9, columns))
        // oxlint-disable-next-line no-control-regex
        expect(line.replace(/\x1b\[\d+m/g, "")).not.toMatch(/[\x00-\x1f\x7f-\x9f]/)
      }
    }))
  })
})

describe("plain progress", () => {
  const told = (events: ReadonlyArray<readonly [event: RunEvent, nowMs: number]>) => {
    const lines: Array<string> = []
    const plain = new PlainProgress((line) => lines.push(line))
    for (const [event, nowMs] of events) plain.event(event, nowMs)
    return lines.map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, ""))
  }

  it("tells metrics at most once a second, and the last ones before the outcome", () => {
    expect(told([
      [begun, at], [started("train"), at], [metric("train", "loss", 1), at], [metric("train", "loss", 0.9), at + 100], [metric("train", "loss", 0.8), at + 200],
      [progress("train", 2, 5), at + 300], [metric("train", "loss", 0.7), at + 1100], [metric("train", "loss", 0.6), at + 1200], [decided("train"), at + 1300], [ended("completed"), at + 1400]
    ])).toEqual([
      "run r of digits, attempt 2",
      "train  started",
      "train  loss 1",
      "train  2/5  loss 0.7",
      "train  loss 0.6",
      "train  executed in 500 ms (nothing was saved yet)",
      "run r completed"
    ])
  })

  it("counts items of a map, tells those that fail, and escapes everything", () => {
    expect(told([
      [decided("m[a]"), at], [decided("m[b]", { status: "failed", error: { name: "E", message: "no\u001b[2J" } }), at + 10],
      [{ _tag: "Log", runId, atMs: at, step: "m", level: "warn", message: "two\nlines" }, at], [decided("m"), at + 20]
    ])).toEqual(["m  1 item", "m[b]  failed: no\\x1b[2J", "m  warn: two\\nlines", "m  2 items", "m  executed in 500 ms (nothing was saved yet)"])
  })
})
