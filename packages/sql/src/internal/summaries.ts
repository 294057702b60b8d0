/**
 * Summaries: what finding runs looks at, kept beside their records so that no record has to be read for it.
 *
 * `facts` holds the params, tags and Git state of each run as single values, `metrics` the figures of each metric for
 * the generation of its step that was recorded, or logged points, last. `@uniflow/core` says what a fact is.
 */
import { type AttemptEnvironment, type Change, Facts, type ParamValues, type RunRecord, type StepRecord } from "@uniflow/core"
import type { SqlStatement, SqlValue } from "../SqlDriver.ts"
import { fromJson, fromTags } from "./rows.ts"
import { text } from "./text.ts"

/** What a fact's value is. */
export const KIND = { number: 0n, boolean: 1n, text: 2n, other: 3n } as const

/** Characters of a text by which it is indexed. */
export const PREFIX = 64

const UPSERT = "ON CONFLICT (name, run) DO UPDATE SET kind = excluded.kind, number = excluded.number, text = excluded.text"
const INSERT_FACT = `INSERT INTO facts (name, run, kind, number, text) VALUES (?, ?, ?, ?, ?) ${UPSERT}`
const INSERT_NEW_FACT = "INSERT INTO facts (name, run, kind, number, text) VALUES (?, (SELECT key FROM runs WHERE id = ?), ?, ?, ?)"

const columns = (value: Facts.Fact[1]): readonly [kind: bigint, number: number | null, text: string | null] =>
  typeof value === "number"
    ? [KIND.number, value, null]
    : typeof value === "boolean"
    ? [KIND.boolean, value ? 1 : 0, null]
    : typeof value === "string"
    ? [KIND.text, null, value]
    : [KIND.other, null, null]

/** Facts of a run by its key. */
export const keepFacts = (run: bigint, facts: ReadonlyArray<Facts.Fact>): ReadonlyArray<SqlStatement> =>
  facts.map(([name, value]) => ({ sql: INSERT_FACT, params: [name, run, ...columns(value)] }))

/** Facts of a run that is being made, by its id. */
export const keepFactsOfNew = (runId: string, facts: ReadonlyArray<Facts.Fact>): ReadonlyArray<SqlStatement> =>
  facts.map(([name, value]) => ({ sql: INSERT_NEW_FACT, params: [name, text(runId), ...columns(value)] }))

/** Removes facts of a run. */
export const dropFacts = (run: bigint, names: ReadonlyArray<string>): ReadonlyArray<SqlStatement> =>
  names.map((name) => ({ sql: "DELETE FROM facts WHERE name = ? AND run = ?", params: [name, run] }))

/** Facts from a run's columns; what does not read as it should has none, and is refused where the run itself is read. */
export const storedFacts = (params: unknown, tags: unknown, environment: unknown): ReadonlyArray<Facts.Fact> => {
  const facts = (of: () => ReadonlyArray<Facts.Fact>): ReadonlyArray<Facts.Fact> => {
    try {
      return of()
    } catch {
      return []
    }
  }
  return [
    ...facts(() => Facts.paramFacts(fromJson(params) as ParamValues)),
    ...facts(() => Facts.tagFacts(fromTags(tags) as RunRecord["tags"])),
    ...facts(() => Facts.gitFacts(fromJson(environment) as AttemptEnvironment))
  ]
}

/** Git of a newer attempt in the place of what stood there. */
export const keepGit = (run: bigint, environment: AttemptEnvironment): ReadonlyArray<SqlStatement> => {
  const facts = Facts.gitFacts(environment)
  return [...dropFacts(run, Facts.GIT_FACTS.filter((name) => facts.every(([kept]) => kept !== name))), ...keepFacts(run, facts)]
}

const isItem = (address: string): boolean => address.includes("[")

/** NaN is NULL, and -0 is 0. */
const figure = (value: number): SqlValue => value !== value ? null : value + 0

const UPSERT_METRIC = `ON CONFLICT (metric, run, address) DO UPDATE SET generation = excluded.generation, last_value = excluded.last_value,
  min_value = excluded.min_value, max_value = excluded.max_value`
const INSERT_METRIC = `INSERT INTO metrics (metric, run, address, generation, last_value, min_value, max_value) VALUES (?, ?, ?, ?, ?, ?, ?) ${UPSERT_METRIC}`
const DROP_OTHERS = "DELETE FROM metrics WHERE run = ? AND address = ? AND generation <> ?"
const TAKE_OVER = `INSERT INTO metrics (metric, run, address, generation, last_value, min_value, max_value)
  SELECT metric, run, address, generation, last_value, min_value, max_value FROM series WHERE run = ? AND address = ? AND generation = ? ${UPSERT_METRIC}`

/** After points were written. */
export const pointsWritten = (run: bigint, { series: { address, generation, key }, summary }: Extract<Change, { readonly _tag: "PointsWritten" }>): ReadonlyArray<SqlStatement> => {
  if (isItem(address)) return []
  const insert: SqlStatement = {
    sql: INSERT_METRIC,
    params: [text(key), run, text(address), BigInt(generation), figure(summary.last), figure(summary.min), figure(summary.max)]
  }
  // Of the first generation there is nothing older.
  return generation === 1 ? [insert] : [{ sql: DROP_OTHERS, params: [run, text(address), BigInt(generation)] }, insert]
}

/** After a step was recorded whose run may have points of another generation. */
export const stepRecorded = (run: bigint, { address, generation }: StepRecord): ReadonlyArray<SqlStatement> => {
  if (isItem(address)) return []
  const params = [run, text(address), BigInt(generation)]
  return [{ sql: DROP_OTHERS, params }, { sql: TAKE_OVER, params }]
}

/** After a series was removed. */
export const seriesRemoved = (run: bigint, address: string, generation: number, key: string): SqlStatement => ({
  sql: "DELETE FROM metrics WHERE metric = ? AND run = ? AND address = ? AND generation = ?",
  params: [text(key), run, text(address), BigInt(generation)]
})

/** After a generation was cleared. */
export const generationCleared = (run: bigint, address: string, generation: number): SqlStatement => ({
  sql: "DELETE FROM metrics WHERE run = ? AND address = ? AND generation = ?",
  params: [run, text(address), BigInt(generation)]
})
