import { Effect } from "effect"
import { changedParts, describeChange } from "../CodeParts.ts"
import type { Code } from "../CodeVersion.ts"
import type { Reason } from "../Decision.ts"
import * as Fingerprint from "../Fingerprint.ts"
import type { FingerprintComponents, StepRecord } from "../RunRecord.ts"
import type { StoreError } from "../UniflowError.ts"
import { known } from "./chain.ts"
import { isThere } from "./manifest.ts"
import type { Objects } from "./Objects.ts"

/** How saved outcomes are used: by fingerprint, by fingerprint or not at all, or by name. */
export type RunMode = "auto" | "strict" | "trust"

/** What a step is, when its saved outcomes are looked through. */
export interface Wanted {
  readonly fingerprint: string
  readonly components: FingerprintComponents
  readonly code: Code
  readonly seed: number
}

/** The outcome that answers, or why none does. `mismatch` tells that an outcome is there but does not answer. */
export type Match =
  | { readonly found: StepRecord; readonly reasons: ReadonlyArray<Reason>; readonly trusted: boolean }
  | { readonly found: undefined; readonly reasons: ReadonlyArray<Reason>; readonly mismatch: boolean }

const usable = (record: StepRecord): boolean => record.status !== "failed" && record.output !== null

export interface MatchOptions {
  readonly mode: RunMode
  readonly rerun: boolean
  readonly interrupted: boolean
}

/** Why an outcome is restored that answers. */
export const MATCHED: ReadonlyArray<Reason> = [{ component: "match" }]

const FIRST: Match = { found: undefined, reasons: [{ component: "first" }], mismatch: false }

/** Looks through the outcomes of a step, newest first. */
export const match = (outcomes: ReadonlyArray<StepRecord>, wanted: Wanted, objects: Objects, options: MatchOptions): Effect.Effect<Match, StoreError> => {
  const newest = outcomes.at(-1)
  if (newest === undefined) {
    return wanted.code.kind === "unknown" || options.rerun || options.interrupted ? search(outcomes, wanted, objects, options) : Effect.succeed(FIRST)
  }
  // What is mostly so, and told at once.
  return !options.rerun && Fingerprint.answers(newest, wanted.fingerprint, wanted.seed) && known(isThere(objects, newest.step, newest.output!))?.value === true
    ? Effect.succeed({ found: newest, reasons: MATCHED, trusted: false })
    : search(outcomes, wanted, objects, options)
}

const search = Effect.fnUntraced(function*(
  outcomes: ReadonlyArray<StepRecord>,
  wanted: Wanted,
  objects: Objects,
  options: MatchOptions
): Effect.fn.Return<Match, StoreError> {
  if (options.rerun) return { found: undefined, reasons: [{ component: "rerun", note: "asked for" }], mismatch: false }
  const unusable: Array<Reason> = []
  const newestFirst = outcomes.toReversed()
  const answering = newestFirst.filter((record) => Fingerprint.answers(record, wanted.fingerprint, wanted.seed))
  const byName = options.mode === "trust" ? newestFirst.filter((record) => usable(record) && !answering.includes(record)) : []
  for (const record of [...answering, ...byName]) {
    const exact = answering.includes(record)
    const output = record.output!
    if (yield* isThere(objects, record.step, output)) {
      return exact
        ? { found: record, reasons: MATCHED, trusted: false }
        : { found: record, reasons: [{ component: "trusted", note: "reused by name" }, ...(yield* differences(record, wanted, objects))], trusted: true }
    }
    unusable.push({ component: "artifact", old: output.digest.slice(0, 12), note: "its bytes are missing, damaged or no longer decode" })
  }
  if (unusable.length > 0) return { found: undefined, reasons: unusable, mismatch: true }
  const saved = outcomes.findLast(usable)
  const newest = outcomes.at(-1)
  const reasons: Array<Reason> = []
  if (wanted.code.kind === "unknown") reasons.push({ component: "code", note: wanted.code.why })
  else if (saved !== undefined) reasons.push(...(yield* differences(saved, wanted, objects)), ...(saved.trusted ? [{ component: "trusted" }] : []))
  if (newest?.status === "failed") reasons.push({ component: "failed", ...(newest.error === null ? {} : { note: newest.error.message.split("\n")[0]! }) })
  else if (options.interrupted) reasons.push({ component: "interrupted" })
  else if (newest === undefined) reasons.push({ component: "first" })
  return { found: undefined, reasons, mismatch: saved !== undefined }
})

/** What differs, with the functions that changed, or why they are not seen, told of the code. */
const differences = Effect.fnUntraced(function*(
  record: StepRecord,
  wanted: Wanted,
  objects: Objects
): Effect.fn.Return<ReadonlyArray<Reason>, StoreError> {
  const differing: Array<Reason> = record.components === null ? [] : [...Fingerprint.diff(record.components, wanted.components)]
  if (record.seed !== null && record.seed !== wanted.seed) differing.push({ component: "seed", old: String(record.seed), new: String(wanted.seed) })
  const at = differing.findIndex(({ component }) => component === "code")
  if (at < 0) return differing
  const note = yield* codeNote(record, wanted.code, objects)
  if (note !== undefined) differing[at] = { ...differing[at]!, note: [differing[at]!.note, note].filter((each) => each !== undefined).join("; ") }
  return differing
})

const codeNote = ({ components, runId }: StepRecord, code: Code, objects: Objects): Effect.Effect<string | undefined, StoreError> => {
  if (code.kind === "shallow") return Effect.succeed(code.why === undefined ? undefined : `not seen whole, because ${code.why}`)
  if (code.kind !== "deep" || code.parts === undefined || components?.codeKind !== "deep") return Effect.succeed(undefined)
  const { parts } = code
  return Effect.map(objects.codeParts(runId, components.code), (before) => before === undefined ? undefined : describeChange(changedParts(before, parts)))
}
