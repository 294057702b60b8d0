/**
 * The items of a map, and so the cases of an evaluation, paired between runs: which got better, which worse, which merely differ.
 *
 * An item is the same in two runs where its key is: what it was made of, and which of its equals it is. The first run is the baseline. Nothing is read here:
 * `compareItems` reads what runs stored, `pairItems` pairs what was read.
 */
import type { OutputRef } from "@uniflow/core"
import { changeBetween, type Goal } from "./Change.ts"

/** A figure of an item by which it is compared: a number, or whether it passed. */
export interface ItemScore {
  readonly name: string
  readonly value: number | boolean
  /** Which direction is better; undefined where nothing says so. */
  readonly goal: Goal | undefined
}

/** An item as one run has it. */
export interface ItemOutcome {
  readonly status: "completed" | "failed" | "skipped"
  readonly error: { readonly name: string; readonly message: string } | undefined
  /** Of the execution that made the result, in milliseconds; undefined where this run executed nothing. */
  readonly durationMs: number | undefined
  readonly output: OutputRef | undefined
  /** Two outputs are the same where these are. */
  readonly identity: string | undefined
  readonly scores: ReadonlyArray<ItemScore>
}

/**
 * What became of an item against the baseline. `improved` and `worse`: a score changed, all that did in one direction, or it failed in one of the two.
 * `changed`: scores or the output changed, and nothing says for the better or the worse. `added`, `missing`: only one of the two runs has it.
 */
export type ItemChange = "improved" | "worse" | "changed" | "same" | "added" | "missing"

export interface ComparedItem {
  /** The same in all runs: the beginning of the digest of what it was made of, with `#2` for the second of two equals. */
  readonly key: string
  /** One entry per run; undefined where a run does not have the item. */
  readonly values: ReadonlyArray<ItemOutcome | undefined>
  /** One entry per run; undefined for the baseline, and where neither has the item. */
  readonly changes: ReadonlyArray<ItemChange | undefined>
  /** Whether in some run a score changed, or it failed in one alone: then it comes before those of which the output alone changed. */
  readonly flipped: boolean
}

/** How many items of a run became what. */
export type ItemChangeCounts = { readonly [change in ItemChange]: number }

export interface ItemComparison {
  readonly step: string
  /** One entry per run; undefined for the baseline. */
  readonly counts: ReadonlyArray<ItemChangeCounts | undefined>
  /** Those that flipped first, the worse before the improved; then those whose output changed, those that one run alone has, and the same. */
  readonly items: ReadonlyArray<ComparedItem>
}

/** Members that say whether something passed. */
const PASSED = /^(?:passed|pass|correct|success|succeeded|ok)$/i
/** Members that no two executions have alike. */
const TIME = /(?:Ms|_ms|duration|latency|elapsed)$/i
/** Of an item. */
export const MOST_SCORES = 50
const LONGEST_NAME = 200

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const isScore = (value: unknown): value is number | boolean => typeof value === "number" || typeof value === "boolean"

/**
 * The scores in an item's output: the numbers and booleans of its `scores`, of which more is better; where it has none, its own numbers and booleans, times
 * aside, of which the more is better only where a name says that something passed. At most 50, with names of up to 200 characters.
 */
export const scoresOf = (output: unknown): ReadonlyArray<ItemScore> => {
  if (isScore(output)) return [{ name: "output", value: output, goal: undefined }]
  if (!isPlainObject(output)) return []
  const members = Object.entries(output).filter(([name]) => name.length <= LONGEST_NAME)
  const passed = (name: string, value: unknown): Goal | undefined => (typeof value === "boolean" && PASSED.test(name) ? "maximize" : undefined)
  const scores = isPlainObject(output["scores"])
    ? [
      ...Object.entries(output["scores"]).flatMap(([name, value]): ReadonlyArray<ItemScore> => (isScore(value) && name.length <= LONGEST_NAME ? [{ name, value, goal: "maximize" }] : [])),
      ...members.flatMap(([name, value]): ReadonlyArray<ItemScore> => (isScore(value) && passed(name, value) !== undefined ? [{ name, value, goal: "maximize" }] : []))
    ]
    : members.flatMap(([name, value]): ReadonlyArray<ItemScore> => (isScore(value) && !TIME.test(name) ? [{ name, value, goal: passed(name, value) }] : []))
  return scores.slice(0, MOST_SCORES)
}

/** The parts of an output that is a case of an evaluation: an object with `scores` and its own `output`. Undefined for any other. */
export const caseOf = (value: unknown): { readonly output: unknown; readonly expected: unknown } | undefined =>
  isPlainObject(value) && isPlainObject(value["scores"]) && Object.hasOwn(value, "output") ? { output: value["output"], expected: value["expected"] } : undefined

/** Scores of one item against those of the baseline's. */
const scoreChanges = (base: ItemOutcome, value: ItemOutcome): ReadonlyArray<"better" | "worse" | "changed"> => {
  const before = new Map(base.scores.map((score) => [score.name, score]))
  return value.scores.flatMap(({ goal, name, value: now }) => {
    const was = before.get(name)
    if (was === undefined || Object.is(was.value, now)) return []
    const { better } = changeBetween(Number(was.value), Number(now), was.goal ?? goal)
    return better === "same" ? [] : [better ?? "changed"]
  })
}

const against = (base: ItemOutcome | undefined, value: ItemOutcome | undefined): { readonly change: ItemChange | undefined; readonly flipped: boolean } => {
  if (base === undefined || value === undefined) return { change: value !== undefined ? "added" : base !== undefined ? "missing" : undefined, flipped: false }
  if (base.status !== value.status) return { change: value.status === "failed" ? "worse" : base.status === "failed" ? "improved" : "changed", flipped: true }
  if (value.status === "failed") return { change: base.error?.name === value.error?.name && base.error?.message === value.error?.message ? "same" : "changed", flipped: false }
  const changes = scoreChanges(base, value)
  const [better, worse] = [changes.includes("better"), changes.includes("worse")]
  if (better !== worse) return { change: better ? "improved" : "worse", flipped: true }
  return { change: changes.length > 0 || base.identity !== value.identity ? "changed" : "same", flipped: changes.length > 0 }
}

const rankOf = ({ changes, flipped }: ComparedItem): number => {
  if (changes.includes("worse")) return 0
  if (changes.includes("improved")) return 1
  if (flipped) return 2
  if (changes.includes("changed")) return 3
  return changes.some((change) => change === "added" || change === "missing") ? 4 : 5
}

/** Pairs items by their keys; one map per run, the baseline's first. */
export const pairItems = (step: string, runs: ReadonlyArray<ReadonlyMap<string, ItemOutcome>>): ItemComparison => {
  const keys = [...new Set(runs.flatMap((items) => [...items.keys()]))]
  const items = keys.map((key): ComparedItem => {
    const values = runs.map((one) => one.get(key))
    const found = values.map((value, at) => (at === 0 ? { change: undefined, flipped: false } : against(values[0], value)))
    return { key, values, changes: found.map(({ change }) => change), flipped: found.some(({ flipped }) => flipped) }
  })
  return {
    step,
    counts: runs.map((_, at) => {
      if (at === 0) return undefined
      const counts = { improved: 0, worse: 0, changed: 0, same: 0, added: 0, missing: 0 }
      for (const { changes } of items) if (changes[at] !== undefined) counts[changes[at]]++
      return counts
    }),
    items: items.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}
