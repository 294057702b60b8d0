/**
 * Reading the items of a map from the store, for `pairItems`.
 *
 * What is read is bounded: outputs only where runs have different ones, none over 64 KiB, and so many altogether; what was not read has no scores of its
 * own, and is told by `unread`.
 */
import { ArtifactStore, Codec, type CorruptArtifact, Hasher, type OutputRef, type RunNotFound, type RunSnapshot, RunStore, snapshot, type StepState, type StoreError } from "@uniflow/core"
import { Effect, Result } from "effect"
import type { Goal } from "./Change.ts"
import { caseOf, type ItemComparison, type ItemOutcome, type ItemScore, MOST_SCORES, pairItems, scoresOf } from "./ItemComparison.ts"

const MOST_OUTPUT_BYTES = 64 * 1024
const MOST_READ_BYTES = 32 * 1024 * 1024
const MOST_READ = 20_000
const MOST_INPUT_BYTES = 16 * 1024 * 1024
const MANIFEST = "application/vnd.uniflow.map+json"

/** What was found, and how to read more of it. */
export interface ReadItems extends ItemComparison {
  readonly runs: ReadonlyArray<string>
  /** Outputs that differ and were not read, because they are too large, too many, or damaged: their scores were not compared. */
  readonly unread: number
  /** What the items were made of, by their keys, as far as the store still has it. */
  readonly inputs: Effect.Effect<ReadonlyMap<string, unknown>, StoreError, RunStore | ArtifactStore | Codec>
}

/** The bytes of a stored value; undefined where they are gone or damaged. */
const storedBytes = Effect.fnUntraced(function*({ digest }: Pick<OutputRef, "digest">): Effect.fn.Return<Uint8Array | undefined, StoreError, RunStore | ArtifactStore> {
  const kept = yield* (yield* RunStore).blob(digest)
  if (kept !== undefined) return kept
  return yield* Effect.catchTag((yield* ArtifactStore).get(digest), "CorruptArtifact", (_: CorruptArtifact) => Effect.undefined)
})

/** A stored value before its schema, in a box; undefined where its bytes are gone or damaged, or another codec made them. */
export const storedValue = Effect.fnUntraced(function*(ref: OutputRef): Effect.fn.Return<{ readonly value: unknown } | undefined, StoreError, RunStore | ArtifactStore | Codec> {
  const codec = yield* Codec
  if (ref.codec !== codec.id) return undefined
  const bytes = yield* storedBytes(ref)
  const decoded = bytes === undefined ? undefined : codec.decode(bytes)
  return decoded !== undefined && Result.isSuccess(decoded) ? { value: decoded.success } : undefined
})

const keyOf = ({ address, step }: { readonly address: string; readonly step: string }): string => address.slice(step.length + 1, -1)

const digestOf = (value: unknown): Effect.Effect<string | undefined, never, Codec> =>
  Effect.gen(function*() {
    const [codec, hasher] = [yield* Codec, yield* Hasher]
    const encoded = codec.encode(value)
    if (Result.isFailure(encoded)) return undefined
    const hash = hasher.make()
    for (const segment of encoded.success.segments) hash.update(segment)
    return hash.digest()
  })

interface ManifestEntry {
  readonly ref?: OutputRef
  readonly error?: unknown
}

const manifestOf = (bytes: Uint8Array): { readonly collect: boolean; readonly items: ReadonlyArray<ManifestEntry> } => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as ReturnType<typeof manifestOf>
  } catch {
    return { collect: false, items: [] }
  }
}

/** The elements of what a map went over. */
const elementsOf = Effect.fnUntraced(function*(ref: OutputRef): Effect.fn.Return<ReadonlyArray<unknown>, StoreError, RunStore | ArtifactStore | Codec> {
  if (ref.sizeBytes > MOST_INPUT_BYTES) return []
  if (ref.mediaType !== MANIFEST) {
    const found = yield* storedValue(ref)
    return Array.isArray(found?.value) ? found.value : []
  }
  const bytes = yield* storedBytes(ref)
  if (bytes === undefined) return []
  const { collect, items } = manifestOf(bytes)
  const elements: Array<unknown> = []
  let left = MOST_INPUT_BYTES
  for (const { error, ref: item } of items.slice(0, MOST_READ)) {
    if (item === undefined) {
      elements.push({ ok: false, error })
      continue
    }
    left -= item.sizeBytes
    if (left < 0) break
    const found = yield* storedValue(item)
    if (found !== undefined) elements.push(collect ? { ok: true, value: found.value } : found.value)
  }
  return elements
})

const inputsOf = Effect.fnUntraced(function*(snapshots: ReadonlyArray<RunSnapshot>, step: string): Effect.fn.Return<ReadonlyMap<string, unknown>, StoreError, RunStore | ArtifactStore | Codec> {
  const inputs = new Map<string, unknown>()
  const seen = new Set<string>()
  for (const { history, steps } of snapshots) {
    const own = steps.find(({ address }) => address === step)
    const digest = (own?.outcome.components ?? own?.record.components)?.inputs["over"]
    const over = history.find(({ output }) => output !== null && output.digest === digest)?.output
    if (over === undefined || over === null || seen.has(over.digest)) continue
    seen.add(over.digest)
    const occurrences = new Map<string, number>()
    for (const element of yield* elementsOf(over)) {
      const key = (yield* digestOf(element))?.slice(0, 16)
      if (key === undefined) continue
      const occurrence = (occurrences.get(key) ?? 0) + 1
      occurrences.set(key, occurrence)
      inputs.set(occurrence === 1 ? key : `${key}#${occurrence}`, element)
    }
  }
  return inputs
})

/** An output as it is compared: a case's own `output` says whether it changed, not the times beside it. */
const read = Effect.fnUntraced(function*(ref: OutputRef): Effect.fn.Return<Pick<ItemOutcome, "identity" | "scores"> | undefined, StoreError, RunStore | ArtifactStore | Codec> {
  const found = yield* storedValue(ref)
  if (found === undefined) return undefined
  const { value } = found
  const own = caseOf(value)
  return { identity: own === undefined ? ref.digest : (yield* digestOf(own.output)) ?? ref.digest, scores: scoresOf(value) }
})

/**
 * The items of a map's step in several runs, paired; the first run is the baseline. A step that is no map has none. Scores are the metrics that an item
 * logged and those of its output (`scoresOf`), with the goals that the baseline's pipeline declares. Fails with `RunNotFound` for a run that the store does not have.
 */
export const compareItems = Effect.fn("@uniflow/compare/compareItems")(function*(
  runIds: ReadonlyArray<string>,
  step: string
): Effect.fn.Return<ReadItems, RunNotFound | StoreError, RunStore | ArtifactStore | Codec> {
  const snapshots = yield* Effect.forEach(runIds, (id) => snapshot(id), { concurrency: 4 })
  const goals = new Map<string, Goal>(Object.entries(snapshots[0]?.run.goals ?? {}))
  const perRun = snapshots.map(({ active, steps }) => {
    const unfinished = new Set(active.map(({ address }) => address))
    return new Map(steps.filter((state) => state.step === step && state.address !== step && !unfinished.has(state.address)).map((state): [string, StepState] => [keyOf(state), state]))
  })
  const metrics = snapshots.map(({ series }) => {
    const own = new Map<string, Array<ItemScore>>()
    for (const { address, key, summary } of series) {
      if (!address.startsWith(`${step}[`)) continue
      const item = keyOf({ address, step })
      own.set(item, [...own.get(item) ?? [], { name: key, value: summary.last, goal: goals.get(key) }])
    }
    return own
  })

  const outputs = new Map<string, Pick<ItemOutcome, "identity" | "scores">>()
  const differing = new Map<string, OutputRef>()
  for (const key of new Set(perRun.flatMap((items) => [...items.keys()]))) {
    const refs = perRun.flatMap((items) => items.get(key)?.outcome.output ?? [])
    if (new Set(refs.map(({ digest }) => digest)).size > 1) for (const ref of refs) differing.set(ref.digest, ref)
  }
  let [unread, left] = [0, MOST_READ_BYTES]
  for (const ref of differing.values()) {
    const small = ref.sizeBytes <= MOST_OUTPUT_BYTES && ref.sizeBytes <= left && outputs.size < MOST_READ
    if (small) left -= ref.sizeBytes
    const found = small ? yield* read(ref) : undefined
    if (found === undefined) unread++
    else outputs.set(ref.digest, found)
  }

  const runs = perRun.map((items, at) =>
    new Map([...items].map(([key, { outcome, record }]): [string, ItemOutcome] => {
      const output = outcome.output ?? undefined
      const found = output === undefined ? undefined : outputs.get(output.digest)
      const logged = metrics[at]!.get(key) ?? []
      const more = (found?.scores ?? []).filter(({ name }) => !logged.some((one) => one.name === name))
      return [key, {
        status: record.status,
        error: outcome.error === null ? undefined : { name: outcome.error.name, message: outcome.error.message },
        durationMs: outcome.decision === "executed" ? outcome.durationMs : undefined,
        output,
        identity: found?.identity ?? output?.digest,
        scores: [...logged, ...more.map((score) => ({ ...score, goal: goals.get(score.name) ?? score.goal }))].slice(0, MOST_SCORES)
      }]
    })))
  return { ...pairItems(step, runs), runs: runIds, unread, inputs: inputsOf(snapshots, step) }
})
