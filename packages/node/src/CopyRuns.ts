/**
 * Copies runs, with everything recorded of them and the bytes they refer to, from one place to another.
 *
 * Each run is copied as it stands at one moment, whole or not at all, and is looked at afterwards. Nothing is
 * overwritten: a run that is there already, with the same records, is left alone, so that the same copy again copies only
 * what is missing; one with other records is refused before anything is written, left out, or copied under a new id. A run that
 * is running is copied as `interrupted`. docs/moving.md tells how it is used.
 */
import type { RunBundle, StoreError } from "@uniflow/core"
import { Data, Effect } from "effect"
import type { CopySource, CopyTarget, InvalidArchive, SelectError, Selection } from "./CopyPlace.ts"
import { digestOfBundle } from "./internal/bundleLines.ts"

/** What is done about a run whose id is taken by another one. */
export type Existing = "refuse" | "rename" | "skip"

export interface CopyOptions extends Selection {
  /** `refuse` by default: then nothing at all is copied. `rename` gives such runs ids that end in `-2`, `-3`, … */
  readonly existing?: Existing | undefined
  /** Tell what would be copied, and write nothing. */
  readonly dryRun?: boolean | undefined
  /** Told after each run. */
  readonly onRun?: ((run: CopiedRun, at: number, of: number) => void) | undefined
}

/** What became of a run, or would. */
export interface CopiedRun {
  readonly id: string
  /** Its id in the copy. */
  readonly as: string
  /** `same`: it is there already. `skipped`: another run has its id. `gone`: it was removed meanwhile. */
  readonly outcome: "copied" | "same" | "skipped" | "gone"
}

export interface CopyResult {
  /** Oldest first. */
  readonly runs: ReadonlyArray<CopiedRun>
  /** Bytes of objects that were written. */
  readonly sizeBytes: number
  /** Objects that the source does not have whole. Their runs were copied without them; the steps are executed again when asked for. */
  readonly damaged: ReadonlyArray<{ readonly runId: string; readonly digest: string }>
  /** Copied runs with params that are recorded as keyed hashes only: another store has another key, so that they cannot be resumed there. */
  readonly redacted: ReadonlyArray<string>
}

/** Ids that are taken in the target by runs with other records. */
export class CopyRefused extends Data.TaggedError("CopyRefused")<{ readonly target: string; readonly ids: ReadonlyArray<string> }> {
  override get message(): string {
    const shown = this.ids.slice(0, 10).join(", ")
    return `${this.target} has other runs under these ids: ${shown}${this.ids.length > 10 ? `, and ${this.ids.length - 10} more` : ""}. `
      + "Nothing was copied. Copy them under new ids (--existing rename), or leave them out (--existing skip)"
  }
}

/** The run under another id, and what it says of other runs by their ids in the copy. */
const renamed = (bundle: RunBundle, names: ReadonlyMap<string, string>): RunBundle => {
  if (names.size === 0) return bundle
  const nameOf = (id: string): string => names.get(id) ?? id
  const own = <A extends { readonly runId: string }>(records: ReadonlyArray<A>): ReadonlyArray<A> => records.map((record) => ({ ...record, runId: nameOf(record.runId) }))
  const { parent } = bundle.run
  return {
    ...bundle,
    run: { ...bundle.run, id: nameOf(bundle.run.id), parent: parent === null ? null : nameOf(parent) },
    attempts: own(bundle.attempts),
    steps: own(bundle.steps).map((step) => ({
      ...step,
      source: step.source === null ? null : { ...step.source, runId: nameOf(step.source.runId) },
      reasons: step.reasons.map((reason) => reason.sourceRun === undefined ? reason : { ...reason, sourceRun: nameOf(reason.sourceRun) })
    })),
    active: own(bundle.active),
    checkpoints: own(bundle.checkpoints),
    artifacts: own(bundle.artifacts),
    logs: own(bundle.logs)
  }
}

const LONGEST_ID = 128

const isRedacted = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (Object.hasOwn(value, "$redacted") || Object.values(value).some(isRedacted))

type CopyError = SelectError | InvalidArchive | CopyRefused

/** Decides about every run before anything is written. */
const plan = Effect.fnUntraced(function*(from: CopySource, to: CopyTarget, ids: ReadonlyArray<string>, existing: Existing): Effect.fn.Return<
  { readonly runs: ReadonlyArray<CopiedRun>; readonly names: ReadonlyMap<string, string> },
  StoreError | InvalidArchive | CopyRefused
> {
  const names = new Map<string, string>()
  const taken = new Set(ids)
  const refused: Array<string> = []
  const runs: Array<CopiedRun> = []
  /** Whether the target has this run already: as it is, or with the ids that `names` gives. */
  const isThere = Effect.fnUntraced(function*(bundle: RunBundle, as: string) {
    const there = yield* to.read(as)
    if (there === undefined) return false
    const digest = digestOfBundle(there)
    return digest === digestOfBundle(bundle) || digest === digestOfBundle(renamed(bundle, names))
  })
  for (const id of ids) {
    if (!(yield* to.has(id))) {
      runs.push({ id, as: id, outcome: "copied" })
      continue
    }
    const bundle = yield* from.read(id)
    if (bundle === undefined) runs.push({ id, as: id, outcome: "gone" })
    else if (yield* isThere(bundle, id)) runs.push({ id, as: id, outcome: "same" })
    else if (existing !== "rename") {
      if (existing === "refuse") refused.push(id)
      runs.push({ id, as: id, outcome: "skipped" })
    } else {
      for (let n = 2;; n++) {
        const suffix = `-${n}`
        const as = `${id.slice(0, LONGEST_ID - suffix.length)}${suffix}`
        if (taken.has(as)) continue
        names.set(id, as)
        const isFree = !(yield* to.has(as))
        if (!isFree && !(yield* isThere(bundle, as))) continue
        taken.add(as)
        runs.push({ id, as, outcome: isFree ? "copied" : "same" })
        break
      }
    }
  }
  if (refused.length > 0) return yield* new CopyRefused({ target: to.name, ids: refused })
  return { runs, names }
})

/** Copies the selected runs. */
export const copy = Effect.fnUntraced(function*(
  from: CopySource,
  to: CopyTarget,
  options: CopyOptions = {}
): Effect.fn.Return<CopyResult, CopyError> {
  const { dryRun = false, existing = "refuse", onRun, ...selection } = options
  const ids = yield* from.select(selection)
  const planned = yield* plan(from, to, ids, existing)
  const damaged: Array<{ readonly runId: string; readonly digest: string }> = []
  const redacted: Array<string> = []
  const runs: Array<CopiedRun> = []
  let sizeBytes = 0
  for (const run of planned.runs) {
    let outcome = run.outcome
    if (outcome === "copied" && !dryRun) {
      const bundle = yield* from.read(run.id)
      if (bundle === undefined) outcome = "gone"
      else {
        const copy = renamed(bundle, planned.names)
        const kept = yield* Effect.catchIf(to.keep(copy, from.bytes), (error) => error._tag === "StoreError" && error.reason === "RunExists", () => Effect.succeed(undefined))
        if (kept === undefined) {
          // Somebody else made it since: another copy like this one, or a run of that id.
          const there = yield* to.read(run.as)
          if (there === undefined || digestOfBundle(there) !== digestOfBundle(copy)) return yield* new CopyRefused({ target: to.name, ids: [run.as] })
          runs.push({ ...run, outcome: "same" })
          continue
        }
        sizeBytes += kept.sizeBytes
        damaged.push(...kept.damaged.map((digest) => ({ runId: run.as, digest })))
        if (isRedacted(bundle.run.params)) redacted.push(run.as)
      }
    }
    const copied = { ...run, outcome }
    runs.push(copied)
    if (!dryRun) onRun?.(copied, runs.length, planned.runs.length)
  }
  if (!dryRun) yield* to.finish
  return { runs, sizeBytes, damaged, redacted }
})
