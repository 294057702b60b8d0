import { Filter } from "@uniflow/core"
import { describe, expect, it } from "vitest"
import type { RunRow } from "../src/Api.ts"
import { axisOf } from "../ui/src/parts/axes.ts"

const row = (id: string, values: { readonly [field: string]: unknown }, startedAtMs = 0): RunRow => ({
  id, pipeline: "p", experiment: "p", status: "completed", createdAtMs: 0, startedAtMs, endedAtMs: null, attempts: 1, parent: null, tags: {}, note: null, error: null, goals: {}, values
})
const rates = [0.001, 0.01, 0.1, 1].map((rate, n) => row(`r${n}`, { "params.rate": rate }))

describe("axes of runs", () => {
  it("put numbers between the least and the most, and those that are not finite nowhere", () => {
    const axis = axisOf([...rates, row("nan", { "params.rate": "NaN" }), row("none", {})], "params.rate")
    expect(axis.at(rates[0]!)).toBe(0)
    expect(axis.at(rates[3]!)).toBe(1)
    expect(axis.at(row("nan", { "params.rate": "NaN" }))).toBeUndefined()
    expect(axis.at(row("none", {}))).toBeUndefined()
  })

  it("put them by their logarithm where that is asked for, with ticks at powers of ten, and none at zero", () => {
    const axis = axisOf([...rates, row("zero", { "params.rate": 0 })], "params.rate", true)
    expect(rates.map((one) => axis.at(one))).toEqual([0, expect.closeTo(1 / 3), expect.closeTo(2 / 3), 1])
    expect(axis.ticks.map(({ label }) => label)).toEqual(["0.001", "0.01", "0.1", "1"])
    expect(axis.at(row("zero", { "params.rate": 0 }))).toBeUndefined()
  })

  it("take values as texts where one is a text, each with a place of its own", () => {
    const rows = ["sgd", "adam", true].map((kind, n) => row(`k${n}`, { "params.kind": kind }))
    const axis = axisOf(rows, "params.kind")
    expect(axis.categories).toBe(3)
    expect(axis.ticks.map(({ label }) => label)).toEqual(["adam", "sgd", "true"])
    expect(new Set(rows.map((one) => axis.at(one))).size).toBe(3)
    expect(Filter.format(Filter.parse(axis.condition(0.5, 1)))).toBe("params.kind in (\"sgd\", true)")
  })

  it("stand where all runs have the same value", () => {
    const axis = axisOf([rates[0]!], "params.rate")
    expect(axis.at(rates[0]!)).toBe(0.5)
    expect(axis.ticks).toHaveLength(1)
  })

  it("tell a range as a filter that keeps what was inside", () => {
    for (const log of [false, true]) {
      const axis = axisOf(rates, "params.rate", log)
      const text = axis.condition(axis.at(rates[1]!)!, axis.at(rates[2]!)!)
      const [, low, high] = /^params\.rate >= (\S+) and params\.rate <= (\S+)$/.exec(text)!
      expect(Number(low)).toBeLessThanOrEqual(0.01)
      expect(Number(low)).toBeGreaterThan(0.001)
      expect(Number(high)).toBeGreaterThanOrEqual(0.1)
      expect(Number(high)).toBeLessThan(1)
      Filter.parse(text)
    }
    const times = [row("a", {}, 1.7e12), row("b", {}, 1.7e12 + 3_600_000)]
    Filter.parse(axisOf(times, "run.started").condition(0.2, 0.8))
    expect(axisOf(times, "run.started").ticks.length).toBeGreaterThan(2)
  })
})
