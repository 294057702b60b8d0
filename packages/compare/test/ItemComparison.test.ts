import { describe, expect, it } from "vitest"
import { type ItemOutcome, type ItemScore, pairItems, scoresOf } from "../src/index.ts"

const score = (name: string, value: number | boolean, goal?: ItemScore["goal"]): ItemScore => ({ name, value, goal })

const outcome = (given: Partial<ItemOutcome> & { readonly text?: string } = {}): ItemOutcome => {
  const { text, ...rest } = given
  return { status: "completed", error: undefined, durationMs: 1, output: undefined, identity: text, scores: [], ...rest }
}

const failed = (message: string): ItemOutcome => outcome({ status: "failed", error: { name: "Error", message } })

const pair = (before: Record<string, ItemOutcome>, after: Record<string, ItemOutcome>) => pairItems("judge", [new Map(Object.entries(before)), new Map(Object.entries(after))])

const changeOf = (before: ItemOutcome, after: ItemOutcome) => pair({ a: before }, { a: after }).items[0]!.changes[1]

describe("scores", () => {
  it("are those of `scores`, of which more is better, and what says that it passed", () => {
    expect(scoresOf({ output: "x", scores: { exact: true, overlap: 0.5, note: "fine" }, passed: false, tokens: 12 })).toEqual([score("exact", true, "maximize"), score("overlap", 0.5, "maximize"), score("passed", false, "maximize")])
  })

  it("are an output's own numbers and booleans where it has none, times aside", () => {
    expect(scoresOf({ text: "x", length: 3, correct: true, spam: false, durationMs: 12 })).toEqual([score("length", 3), score("correct", true, "maximize"), score("spam", false)])
    expect(scoresOf(0.5)).toEqual([score("output", 0.5)])
    expect(scoresOf([1, 2])).toEqual([])
    expect(scoresOf(new Map([["score", 1]]))).toEqual([])
    expect(scoresOf(null)).toEqual([])
  })

  it("are at most 50, whatever they are called", () => {
    expect(scoresOf(Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`s${at}`, at])))).toHaveLength(50)
    expect(scoresOf({ ["x".repeat(201)]: 1, scores: { ["y".repeat(201)]: 1, z: 1 } })).toEqual([score("z", 1, "maximize")])
    expect(scoresOf(JSON.parse("{\"scores\":{\"__proto__\":1}}"))).toEqual([score("__proto__", 1, "maximize")])
  })
})

describe("what became of an item", () => {
  const of = (...scores: ReadonlyArray<ItemScore>) => outcome({ scores, text: JSON.stringify(scores) })

  it("is better or worse where all scores that changed say so", () => {
    expect(changeOf(of(score("exact", false, "maximize")), of(score("exact", true, "maximize")))).toBe("improved")
    expect(changeOf(of(score("loss", 1, "minimize")), of(score("loss", 2, "minimize")))).toBe("worse")
    expect(changeOf(of(score("a", 1, "maximize"), score("b", 1)), of(score("a", 2, "maximize"), score("b", 9)))).toBe("improved")
    expect(changeOf(of(score("a", 1, "maximize"), score("b", 1, "maximize")), of(score("a", 2, "maximize"), score("b", 0, "maximize")))).toBe("changed")
    expect(changeOf(of(score("a", 1)), of(score("a", 2)))).toBe("changed")
  })

  it("is told by failing, whatever the scores", () => {
    expect(changeOf(outcome(), failed("no"))).toBe("worse")
    expect(changeOf(failed("no"), outcome())).toBe("improved")
    expect(changeOf(failed("no"), failed("no"))).toBe("same")
    expect(changeOf(failed("no"), failed("neither"))).toBe("changed")
  })

  it("is a change where the output alone is another, and the same for NaN twice", () => {
    expect(changeOf(outcome({ text: "a" }), outcome({ text: "b" }))).toBe("changed")
    expect(changeOf(outcome({ text: "a" }), outcome({ text: "a" }))).toBe("same")
    expect(changeOf(of(score("a", Number.NaN, "maximize")), of(score("a", Number.NaN, "maximize")))).toBe("same")
    expect(changeOf(of(score("a", 1, "maximize")), of(score("a", Number.NaN, "maximize")))).toBe("changed")
  })
})

it("items are paired by key: the flipped first, the worse before the improved, and all are counted", () => {
  const passed = (value: boolean) => outcome({ scores: [score("passed", value, "maximize")], text: String(value) })
  const before = { same: passed(true), gone: passed(true), output: outcome({ text: "a" }), better: passed(false), number: outcome({ scores: [score("n", 1)], text: "1" }), worse: passed(true) }
  const after = { worse: passed(false), number: outcome({ scores: [score("n", 2)], text: "2" }), better: passed(true), output: outcome({ text: "b" }), added: passed(true), same: passed(true) }
  const found = pair(before, after)
  expect(found.items.map(({ changes, flipped, key }) => [key, changes[1], flipped])).toEqual([
    ["worse", "worse", true], ["better", "improved", true], ["number", "changed", true], ["output", "changed", false], ["gone", "missing", false], ["added", "added", false], ["same", "same", false]
  ])
  expect(found.counts).toEqual([undefined, { improved: 1, worse: 1, changed: 2, same: 1, added: 1, missing: 1 }])
})

it("of several runs each is told against the first; one that neither has says nothing", () => {
  const { counts, items } = pairItems("judge", [new Map([["a", outcome({ text: "1" })]]), new Map([["a", outcome({ text: "1" })]]), new Map([["a", outcome({ text: "2" })], ["b", outcome()]])])
  expect(items.map(({ changes, key }) => [key, ...changes])).toEqual([["a", undefined, "same", "changed"], ["b", undefined, undefined, "added"]])
  expect(counts[1]).toMatchObject({ same: 1, missing: 0, added: 0 })
})
