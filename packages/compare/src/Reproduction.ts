/**
 * Whether a run that was executed again gave the same: step by step, metric by metric, artifact by artifact.
 *
 * A plain value made by `reproduction` from the run as it was recorded and as it was executed again. The same bytes are
 * `identical`; where they differ the values are compared, and numbers within the tolerance count as the same. Times,
 * decisions, logs and manual checkpoints are not compared. Printing it gives a table.
 */
import { type ArtifactRecord, changedParts, Fingerprint, RunView, type SeriesRecord, type StepState, type StoredError } from "@uniflow/core"
import { Effect } from "effect"
import { renderReproduction } from "./internal/reproductionText.ts"
import type { TextOptions } from "./internal/comparisonText.ts"
import type { ReproductionSide, SavedBytes } from "./ReproductionSide.ts"
import { compareValues, type ValueDifference } from "./ValueDifference.ts"

/** `not checked`: it could not be, and `note` says why. */
export type ReproductionVerdict = "identical" | "within tolerance" | "different" | "not checked"

/** What was found of one thing. */
export interface ReproductionFinding {
  readonly kind: "step" | "metric" | "artifact"
  /** A step's name, `step.key` of a metric, `step/name` of an artifact. */
  readonly name: string
  readonly step: string
  readonly verdict: ReproductionVerdict
  /** The first place in which it differs. */
  readonly difference?: ValueDifference
  /** The largest relative deviation of a number, where all are within the tolerance. */
  readonly deviation?: number
  /** Why it differs, as far as it is known, or why it could not be checked. */
  readonly note?: string
}

export interface ReproductionOptions {
  /** Numbers that deviate by no more than so much, relative to the larger one, are the same. Default 0: none. */
  readonly tolerance?: number | undefined
  /** Steps that were not executed, by name, with the reason. */
  readonly notExecuted?: ReadonlyMap<string, string> | undefined
  /** What made it inexact before anything was executed (a file that was not recorded, another version of Node, …). */
  readonly remarks?: ReadonlyArray<string> | undefined
}

/** What a reproduction found. */
export interface Reproduction {
  readonly runId: string
  readonly pipeline: string
  /** `different` where anything is; `not checked` where nothing could be checked; else the weakest of what was. */
  readonly verdict: ReproductionVerdict
  readonly tolerance: number
  /** Steps in their order, each followed by its metrics and artifacts. */
  readonly findings: ReadonlyArray<ReproductionFinding>
  readonly remarks: ReadonlyArray<string>
  readonly toString: (options?: TextOptions) => string
}

type Found = Omit<ReproductionFinding, "kind" | "name" | "step">

const IDENTICAL: Found = { verdict: "identical" }

const notChecked = (note: string): Found => ({ verdict: "not checked", note })

const differs = (difference: ValueDifference, note?: string): Found => ({ verdict: "different", difference, ...(note === undefined ? {} : { note }) })

const inWords = (state: StepState): string =>
  state.outcome.status === "failed" ? `failed: ${firstLine(state.outcome.error)}` : state.outcome.status

const firstLine = (error: StoredError | null): string => (error === null ? "" : error.message.split("\n")[0]!)

const fromComparison = (old: unknown, now: unknown, tolerance: number): Found => {
  const { difference, largest } = compareValues(old, now, tolerance)
  if (difference !== undefined) return { verdict: "different", difference }
  return tolerance > 0
    ? { verdict: "within tolerance", deviation: largest }
    : { verdict: "different", note: "the values are equal, their bytes are not: the order of members, or what is shared inside" }
}

/** Two values, or bytes, of which only the digests were looked at. */
const compareSaved = (before: ReproductionSide, after: ReproductionSide, old: SavedBytes, now: SavedBytes, tolerance: number): Effect.Effect<Found> => {
  if (old.digest === now.digest) return Effect.succeed(IDENTICAL)
  const found = old.codec === null || now.codec === null
    ? Effect.map(Effect.all([before.bytes(old), after.bytes(now)]), ([a, b]): Found => {
      let at = 0
      while (at < a.length && a[at] === b[at]) at++
      const shown = (bytes: Uint8Array): string => at < bytes.length ? `0x${bytes[at]!.toString(16).padStart(2, "0")} (of ${bytes.length} bytes)` : `the end (of ${bytes.length} bytes)`
      return differs({ path: `byte ${at}`, old: shown(a), new: shown(b) })
    })
    : Effect.map(Effect.all([before.value(old), after.value(now)]), ([a, b]) => fromComparison(a, b, tolerance))
  // That they differ is certain; where, or by how much, cannot be told.
  return found.pipe(Effect.catch((why) => Effect.succeed<Found>(tolerance > 0 ? notChecked(why) : { verdict: "different", note: `where cannot be told: ${why}` })))
}

const comparePoints = (before: ReproductionSide, after: ReproductionSide, old: SeriesRecord, now: SeriesRecord, tolerance: number): Effect.Effect<Found> =>
  Effect.all([before.points(old), after.points(now)]).pipe(
    Effect.map(([as, bs]): Found => {
      let deviation = 0
      for (let chunk = 0; chunk < Math.min(as.length, bs.length); chunk++) {
        const [a, b] = [as[chunk]!, bs[chunk]!]
        for (let i = 0; i < Math.min(a.values.length, b.values.length); i++) {
          if (Object.is(a.values[i], b.values[i]) && Object.is(a.indexes[i], b.indexes[i])) continue
          const index = compareValues(a.indexes[i], b.indexes[i])
          const value = compareValues(a.values[i], b.values[i], tolerance)
          if (index.difference !== undefined) return differs({ ...index.difference, path: `index of point ${chunk * 4096 + i}` })
          if (value.difference !== undefined) return differs({ ...value.difference, path: `at index ${a.indexes[i]}` })
          deviation = Math.max(deviation, value.largest)
        }
      }
      if (old.summary.count !== now.summary.count) return differs({ path: "number of points", old: String(old.summary.count), new: String(now.summary.count) })
      return deviation === 0 ? IDENTICAL : { verdict: "within tolerance", deviation }
    }),
    Effect.catch((why) => Effect.succeed(notChecked(why)))
  )

const rank: { readonly [verdict in ReproductionVerdict]: number } = { different: 3, "not checked": 2, "within tolerance": 1, identical: 0 }

const worst = (found: ReadonlyArray<Found>): Found => found.reduce((most, one) => (rank[one.verdict] > rank[most.verdict] ? one : most), IDENTICAL)

/** How many declarations that changed are named. */
const NAMED = 4

/** The declarations in which two codes differ; nothing where they are not known. */
const changedCode = Effect.fnUntraced(function*(before: ReproductionSide, after: ReproductionSide, old: string, now: string): Effect.fn.Return<string> {
  const [was, is] = [yield* before.code(old), yield* after.code(now)]
  const changed = was === undefined || is === undefined ? [] : changedParts(was, is)
  const named = changed.slice(0, NAMED).map(({ file, name }) => `${name} in ${file}`)
  return named.length === 0 ? "" : ` (${named.join(", ")}${changed.length > NAMED ? `, and ${changed.length - NAMED} more` : ""})`
})

/** Which parts of a step's fingerprint were others, and so may be why. */
const becauseOf = Effect.fnUntraced(function*(before: ReproductionSide, after: ReproductionSide, old: StepState, now: StepState): Effect.fn.Return<string> {
  const [a, b] = [old.outcome.components, now.outcome.components]
  if (a === null || b === null) return "what it was made from is not known"
  const reasons = yield* Effect.forEach(Fingerprint.diff(a, b), ({ component }) =>
    component === "code" ? Effect.map(changedCode(before, after, a.code, b.code), (changed) => `code${changed}`) : Effect.succeed(component))
  return reasons.length > 0
    ? `other than before: ${reasons.join(", ")}`
    : "its code, params and inputs are the same: it depends on something else (time, random numbers that are not the step's own, the order of what runs at once, the machine)"
})

/** Compares a run (`before`) with itself as it was executed again (`after`). */
export const reproduction = Effect.fnUntraced(function*(
  before: ReproductionSide,
  after: ReproductionSide,
  options: ReproductionOptions = {}
): Effect.fn.Return<Reproduction> {
  const tolerance = options.tolerance ?? 0
  const states = new Map(after.snapshot.steps.map((state) => [state.address, state]))
  const failed = after.snapshot.steps.find(({ outcome }) => outcome.status === "failed")
  const unreached = failed === undefined ? "it was not executed again" : `it was not reached: step ${failed.address} failed (${firstLine(failed.outcome.error)})`

  const stepFound = Effect.fnUntraced(function*(old: StepState): Effect.fn.Return<Found> {
    const why = options.notExecuted?.get(old.step)
    if (why !== undefined) return notChecked(why)
    const now = states.get(old.address)
    if (now === undefined) return notChecked(unreached)
    if (old.outcome.status !== now.outcome.status) return differs({ path: "outcome", old: inWords(old), new: inWords(now) }, yield* becauseOf(before, after, old, now))
    if (old.outcome.status === "failed") {
      const [a, b] = [firstLine(old.outcome.error), firstLine(now.outcome.error)]
      return a === b ? { ...IDENTICAL, note: "it failed with the same error" } : differs({ path: "error", old: a, new: b }, yield* becauseOf(before, after, old, now))
    }
    const [a, b] = [old.outcome.output, now.outcome.output]
    if (a === null || b === null || a.digest === b.digest) return IDENTICAL
    const items = before.snapshot.steps.filter(({ address, step }) => step === old.step && address !== step)
    if (items.length === 0 || old.address !== old.step) {
      const found = yield* compareSaved(before, after, a, b, tolerance)
      return found.verdict === "different" ? { ...found, note: found.note ?? (yield* becauseOf(before, after, old, now)) } : found
    }
    const ofItems: Array<Found> = []
    for (const item of items) {
      const found = yield* stepFound(item)
      ofItems.push(found.difference === undefined ? found : { ...found, difference: { ...found.difference, path: `${item.address.slice(old.step.length)} ${found.difference.path}` } })
    }
    const most = worst(ofItems)
    return most.verdict === "not checked" || most.verdict === "identical"
      ? { verdict: "different", note: "it went over other items, or in another order" }
      : most
  })

  const findings: Array<ReproductionFinding> = []
  const stepOf = (address: string): string => before.snapshot.steps.find((state) => state.address === address)?.step ?? address
  const own = before.snapshot.steps.filter(({ address, step }) => address === step)
  for (const state of own) {
    const { step } = state
    const found = yield* stepFound(state)
    findings.push({ kind: "step", name: step, step, ...found })
    if (found.verdict === "not checked") continue
    for (const series of before.snapshot.series.filter(({ address }) => stepOf(address) === step)) {
      const now = after.snapshot.series.find(({ address, key }) => address === series.address && key === series.key)
      const name = `${series.address}.${series.key}`
      findings.push({ kind: "metric", name, step, ...now === undefined ? differs({ path: "number of points", old: String(series.summary.count), new: "0" }) : yield* comparePoints(before, after, series, now, tolerance) })
    }
    for (const artifact of before.snapshot.artifacts.filter(({ address }) => stepOf(address) === step)) {
      const same = (one: ArtifactRecord): boolean => one.address === artifact.address && one.name === artifact.name
      const now = after.snapshot.artifacts.find(same)
      const name = `${artifact.address}/${artifact.name}`
      findings.push({ kind: "artifact", name, step, ...now === undefined ? differs({ path: "artifact", old: `${artifact.sizeBytes} bytes`, new: "nothing" }) : yield* compareSaved(before, after, artifact, now, tolerance) })
    }
    for (const { address, key, summary } of after.snapshot.series.filter((one) => one.address === step && !before.snapshot.series.some((old) => old.address === one.address && old.key === one.key))) {
      findings.push({ kind: "metric", name: `${address}.${key}`, step, ...differs({ path: "number of points", old: "0", new: String(summary.count) }) })
    }
    for (const { address, name, sizeBytes } of after.snapshot.artifacts.filter((one) => one.address === step && !before.snapshot.artifacts.some((old) => old.address === one.address && old.name === one.name))) {
      findings.push({ kind: "artifact", name: `${address}/${name}`, step, ...differs({ path: "artifact", old: "nothing", new: `${sizeBytes} bytes` }) })
    }
  }
  for (const { address, outcome, step } of after.snapshot.steps) {
    if (address !== step || own.some((state) => state.step === step)) continue
    findings.push({ kind: "step", name: step, step, ...differs({ path: "outcome", old: "nothing: the run has no such step", new: outcome.status }) })
  }
  const checked = findings.filter(({ verdict }) => verdict !== "not checked")
  const { id, pipeline } = before.snapshot.run
  const made = {
    runId: id,
    pipeline,
    verdict: checked.length === 0 ? "not checked" as const : worst(checked).verdict,
    tolerance,
    findings,
    remarks: options.remarks ?? []
  }
  return Object.defineProperty({ ...made }, "toString", {
    value: (given?: TextOptions) => renderReproduction(made, given),
    enumerable: false
  }) as Reproduction
})

/** A reproduction as JSON text, with numbers that JSON does not have as strings. */
export const stringifyReproduction = (of: Reproduction, indent?: number): string => RunView.stringify(of, indent)
