import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkRegressions, compare, compareMeasured, parseCondition, type RunGroup } from "../src/index.ts"
import { digits } from "./fixtures.ts"

const runs = compare([
  digits("base", 0.1, [2, 1, 0.5], 0.9),
  digits("worse", 0.1, [2, 1, 0.6], 0.88),
  digits("better", 0.1, [2, 1, 0.4], 0.95)
])

/** Which of the runs after the baseline fail. */
const failing = (...conditions: ReadonlyArray<string>) => checkRegressions(runs, conditions.map(parseCondition)).filter(({ failed }) => failed).map(({ subject }) => subject)

describe("conditions", () => {
  it.each([
    ["metrics.accuracy drops > 0.01", { metric: "accuracy", verb: "drops", amount: { above: 0.01, inclusive: false, unit: "absolute" } }],
    ["  metrics.train.loss RISES by >= 1e-3 ", { metric: "train.loss", verb: "rises", amount: { above: 0.001, inclusive: true, unit: "absolute" } }],
    ["metrics.loss worsens", { metric: "loss", verb: "worsens", amount: undefined }],
    ["metrics.`top 5`.min changes > 2%", { metric: "top 5.min", verb: "changes", amount: { above: 2, inclusive: false, unit: "percent" } }],
    ["run.duration rises>1.5min", { metric: "run.duration", verb: "rises", amount: { above: 90_000, inclusive: false, unit: "absolute" } }]
  ])("%s is understood", (text, condition) => {
    expect(parseCondition(text)).toEqual({ text: text.trim(), ...condition })
  })

  it.each([
    "", "metrics.accuracy", "accuracy drops > 1", "metrics.accuracy drops 0.01", "metrics.accuracy drops < 0.01", "metrics.accuracy sinks > 1", "metrics.accuracy drops > one",
    "metrics.accuracy drops > 1 s", "run.status changes", "metrics.accuracy drops > 0.01 and metrics.loss rises"
  ])("%s is refused, with an example of one that is not", (text) => {
    expect(() => parseCondition(text)).toThrow(/metrics\.accuracy drops > 0\.01/)
  })

  it("whatever is given is understood or refused with InvalidInput", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      try {
        parseCondition(text)
      } catch (error) {
        expect(error).toMatchObject({ _tag: "InvalidInput" })
      }
    }))
  })
})

describe("of runs", () => {
  it("a drop, a rise, a change and a worsening count from the amount on", () => {
    expect(failing("metrics.accuracy drops > 0.01")).toEqual(["worse"])
    expect(failing("metrics.accuracy drops > 0.03")).toEqual([])
    expect(failing("metrics.accuracy drops > 2%")).toEqual(["worse"])
    expect(failing("metrics.accuracy drops > 3%")).toEqual([])
    expect(failing("metrics.accuracy rises > 0.04")).toEqual(["better"])
    expect(failing("metrics.accuracy changes > 0.01")).toEqual(["worse", "better"])
    expect(failing("metrics.loss rises")).toEqual(["worse"])
    expect(failing("metrics.loss worsens")).toEqual(["worse"])
    expect(failing("metrics.loss worsens >= 20%")).toEqual(["worse"])
    expect(failing("metrics.loss.min drops")).toEqual(["better"])
    expect(failing("metrics.loss.best worsens")).toEqual(["worse"])
    expect(failing("metrics.train.loss worsens", "metrics.evaluate.accuracy worsens")).toEqual(["worse", "worse"])
    expect(failing("run.duration rises > 20%")).toEqual([])
  })

  it("what cannot be told has failed: a metric that is gone, or NaN", () => {
    const checks = checkRegressions(compare([digits("base", 0.1, [1], 0.9), digits("nan", 0.1, [Number.NaN], 0.9)]), ["metrics.loss worsens > 1", "metrics.recall drops"].map(parseCondition))
    expect(checks.map(({ failed, found }) => [failed, found])).toEqual([[true, "1 to NaN"], [true, "neither has it"]])
  })

  it("says what it found, and about which run", () => {
    expect(checkRegressions(runs, [parseCondition("metrics.accuracy drops > 0.01")])[0]).toEqual({
      condition: "metrics.accuracy drops > 0.01", subject: "worse", failed: true, baseline: 0.9, value: 0.88, found: "0.9 to 0.88 (-0.02, -2.22%)"
    })
  })

  it("nothing beside the baseline, and worse without a goal, are refused", () => {
    expect(() => checkRegressions(compare([digits("base", 0.1, [1], 0.9)]), [parseCondition("metrics.loss rises")])).toThrow(/nothing beside the baseline/)
    const noGoals = compare([digits("a", 0.1, [1], 0.9, { goals: {} }), digits("b", 0.1, [2], 0.9, { goals: {} })])
    expect(() => checkRegressions(noGoals, [parseCondition("metrics.loss worsens")])).toThrow(/has no goal/)
  })
})

describe("of groups", () => {
  const group = (name: string, values: ReadonlyArray<number>): RunGroup => ({
    name,
    runs: values.map((_, at) => ({ id: `${name}${at}`, durationMs: 1000, pair: undefined })),
    metrics: [{ name: "accuracy", step: "evaluate", key: "accuracy", goal: "maximize", items: false, values: values.map((value) => ({ last: value, min: value, max: value, mean: value })) }]
  })
  const failed = (condition: string, other: ReadonlyArray<number>) =>
    checkRegressions(compareMeasured([group("a", [0.9, 0.91, 0.92, 0.93]), group("b", other)], { also: ["run.duration"] }), [parseCondition(condition)])[0]!.failed

  it("the means are looked at; worsens without an amount asks for more than chance", () => {
    expect(failed("metrics.accuracy drops > 0.005", [0.89, 0.9, 0.91, 0.93])).toBe(true)
    expect(failed("metrics.accuracy worsens", [0.89, 0.9, 0.91, 0.93])).toBe(false)
    expect(failed("metrics.accuracy worsens", [0.79, 0.8, 0.81, 0.83])).toBe(true)
    expect(failed("metrics.accuracy worsens", [0.99, 0.98, 0.97, 0.99])).toBe(false)
    expect(failed("run.duration rises", [0.9, 0.9, 0.9, 0.9])).toBe(false)
    expect(failed("metrics.accuracy drops > 0.5", [0.9, 0.9, 0.9, Number.NaN])).toBe(true)
  })
})
