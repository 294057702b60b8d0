import { Effect } from "effect"
import type { Reason } from "../Decision.ts"
import * as Fingerprint from "../Fingerprint.ts"
import type { ArtifactRecord, CheckpointRecord, FingerprintComponents, OutputRef, SeriesRecord, StepRecord } from "../RunRecord.ts"
import { type Change, INLINE_BYTES } from "../RunStore.ts"
import type { StoreError } from "../UniflowError.ts"
import { isGeneration } from "./History.ts"
import type { Outcome, RunSession } from "./RunSession.ts"

/** Bytes that stand outside of the run store. */
type Stored = Pick<OutputRef, "digest" | "sizeBytes">

interface Copied {
  readonly changes: ReadonlyArray<Change>
  readonly items: ReadonlyArray<Outcome>
  /** What the copy refers to and did not keep anew. */
  readonly outside: ReadonlyArray<Stored>
}

/**
 * Whether everything is there that a copy refers to. Asked when the copy is recorded: until then the other run may have
 * been removed and its bytes collected, from then on they are spared.
 */
export const isWhole = (session: RunSession, { outside }: Copied): Effect.Effect<boolean, StoreError> =>
  Effect.map(Effect.forEach(outside, ({ digest, sizeBytes }) => session.isStored(digest, sizeBytes)), (found) => found.every(Boolean))

/**
 * What has to be recorded so that an outcome of another run stands complete in this one: bytes kept in the run
 * store, metric points, artifacts, and for a map the outcomes of its items; for a fork (`ignored` are the params that do
 * not count for them) manual checkpoints, too. Undefined when bytes are missing.
 */
export const copyFrom = Effect.fnUntraced(function*(
  session: RunSession,
  record: StepRecord,
  address: string,
  elements: ReadonlyArray<{ readonly address: string; readonly components: FingerprintComponents }>,
  ignored?: ReadonlyArray<string>
): Effect.fn.Return<Copied | undefined, StoreError> {
  const { store } = session
  const changes: Array<Change> = []
  const outside: Array<Stored> = []
  const items = record.address === record.step && elements.length > 0 ? itemsOf(yield* store.steps(record.runId), session, record.step, elements) : []
  const series = yield* store.series(record.runId)
  const artifacts = yield* store.artifacts(record.runId)
  const checkpoints = ignored === undefined ? [] : yield* store.checkpoints(record.runId)
  for (const from of [record, ...items]) {
    const to = from === record ? address : from.address
    const generation = session.history.next(to)
    // An execution that was interrupted may have left something there.
    if (session.attempt > 1) changes.push({ _tag: "GenerationCleared", address: to, generation })
    if (!(yield* keepAgain(session, from.output, changes, outside))) return undefined
    const isOfIt = isOf(from)
    if (!(yield* copyTracked(session, series.filter(isOfIt), artifacts.filter(isOfIt), to, generation, changes, outside))) return undefined
    const fingerprint = ignored && Fingerprint.checkpointHash(session.hasher, record.step, from.components!, ignored)
    const saved = checkpoints.filter((it) => it.address === from.address && it.generation <= from.generation && it.fingerprint === fingerprint)
    changes.push(...(yield* copyCheckpoints(session, saved, to, generation)))
  }
  const outcomes = items.map((item): Outcome => cachedFrom(session, item, item.address, []))
  // Removed while it was read, it may have been read in part.
  return (yield* store.run(record.runId)) && { changes, items: outcomes, outside }
})

/** The record of taking an outcome from another run; its times are those of the execution that made it. */
export const cachedFrom = (
  session: RunSession,
  record: StepRecord,
  address: string,
  reasons: ReadonlyArray<Reason>,
  component: "cache" | "fork" = "cache"
): Outcome => ({
  ...record,
  address,
  decision: "cached",
  reasons: [{ component, sourceRun: record.runId }, ...reasons],
  generation: session.history.next(address),
  source: { runId: record.runId, address: record.address, generation: record.generation },
  retries: 0
})

/** The outcomes that a map of another run was made of: for each element the newest one that answers for it. */
const itemsOf = (
  records: ReadonlyArray<StepRecord>,
  { hasher, seed }: RunSession,
  step: string,
  elements: ReadonlyArray<{ readonly address: string; readonly components: FingerprintComponents }>
): ReadonlyArray<StepRecord> => {
  const wanted = new Map(elements.map(({ address, components }) => [address, Fingerprint.hash(hasher, step, components)]))
  const found = new Map<string, StepRecord>()
  for (const record of records) {
    const fingerprint = wanted.get(record.address)
    if (fingerprint !== undefined && isGeneration(record) && Fingerprint.answers(record, fingerprint, seed)) found.set(record.address, record)
  }
  return [...found.values()]
}

/** Keeps bytes of another run for this one, too; false where they are missing or damaged. */
const keepAgain = Effect.fnUntraced(function*(
  session: RunSession,
  ref: Stored | null,
  changes: Array<Change>,
  outside: Array<Stored> = []
): Effect.fn.Return<boolean, StoreError> {
  if (ref === null) return true
  const bytes = ref.sizeBytes <= INLINE_BYTES ? yield* session.store.blob(ref.digest) : undefined
  if (bytes === undefined) {
    outside.push(ref)
    return yield* session.isStored(ref.digest, ref.sizeBytes)
  }
  if (session.hasher.bytes(bytes) !== ref.digest) return false
  changes.push({ _tag: "BlobKept", digest: ref.digest, bytes })
  return true
})

/** Whether something was tracked by the execution that an outcome or a checkpoint is of. */
export const isOf = ({ address, generation }: SeriesRecord | StepRecord | CheckpointRecord) => (one: SeriesRecord | ArtifactRecord): boolean =>
  one.address === address && one.generation === generation

/** Points and artifacts, as those of an execution of this run; false where bytes of an artifact are missing, which is left out. */
export const copyTracked = Effect.fnUntraced(function*(
  session: RunSession,
  series: ReadonlyArray<SeriesRecord>,
  artifacts: ReadonlyArray<ArtifactRecord>,
  address: string,
  generation: number,
  changes: Array<Change>,
  outside?: Array<Stored>
): Effect.fn.Return<boolean, StoreError> {
  for (const one of series) {
    const chunks = yield* session.store.chunks(one)
    changes.push({ _tag: "PointsWritten", series: { address, generation, key: one.key }, chunks, summary: one.summary })
  }
  let isWhole = true
  for (const one of artifacts) {
    if (yield* keepAgain(session, one, changes, outside)) {
      changes.push({ _tag: "ArtifactNamed", record: { ...one, runId: session.runId, address, generation, attempt: session.attempt } })
    } else isWhole = false
  }
  return isWhole
})

/** Manual checkpoints of another run, as those that an execution of this one has saved; without those whose bytes are missing. */
export const copyCheckpoints = Effect.fnUntraced(function*(
  session: RunSession,
  saved: ReadonlyArray<CheckpointRecord>,
  address: string,
  generation: number
): Effect.fn.Return<ReadonlyArray<Change>, StoreError> {
  const changes: Array<Change> = []
  for (const one of saved) {
    if (!(yield* keepAgain(session, one.output, changes))) continue
    changes.push({ _tag: "CheckpointSaved", record: { ...one, runId: session.runId, address, generation, attempt: session.attempt }, keep: saved.length })
    session.mayHaveCheckpoints = true
  }
  return changes
})
