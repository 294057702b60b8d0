/**
 * Everything that is recorded of a run, without what two runs of the same work may differ in: times, durations,
 * processes, attempts, and decisions with their reasons. Two portraits are compared to the last bit.
 *
 * Taking one reads every byte that the records refer to: outputs, checkpoints, artifacts and points are loaded and
 * verified, and what is wrong with them is told.
 */
import {
  ArtifactStore,
  type ArtifactRecord,
  type CheckpointRecord,
  Codec,
  Hasher,
  PointChunk,
  type OutputRef,
  type RunRecord,
  RunStore,
  type SeriesRecord,
  type StepRecord,
  type StoreError
} from "@uniflow/core"
import { Effect, Result } from "effect"

export type OutcomePortrait = Pick<
  StepRecord,
  "step" | "status" | "generation" | "fingerprint" | "components" | "seed" | "output" | "trusted" | "cacheable" | "source" | "retries" | "error"
>

export interface SeriesPortrait {
  readonly generation: number
  readonly key: string
  readonly summary: SeriesRecord["summary"]
  /** Points of each chunk. */
  readonly chunks: ReadonlyArray<number>
  readonly indexes: Float64Array
  readonly values: Float64Array
}

/** Everything recorded under one step address. */
export interface AddressPortrait {
  /** Outcomes by generation, oldest first; decisions to restore one are left out. */
  readonly outcomes: ReadonlyArray<OutcomePortrait>
  readonly series: ReadonlyArray<SeriesPortrait>
  readonly checkpoints: ReadonlyArray<Omit<CheckpointRecord, "runId" | "address" | "attempt" | "savedAtMs">>
  readonly artifacts: ReadonlyArray<Omit<ArtifactRecord, "runId" | "address" | "attempt" | "createdAtMs">>
  /** Lines that the attempt logged which recorded the newest outcome; of an unfinished step none. */
  readonly lines: ReadonlyArray<string>
}

export interface RunPortrait {
  readonly run: Pick<RunRecord, "id" | "pipeline" | "experiment" | "params" | "seed" | "parent" | "tags" | "note" | "goals">
  /** What a run that has ended agrees in, too. */
  readonly end: Pick<RunRecord, "status" | "error" | "failedStep" | "holder" | "cancelRequested">
  readonly addresses: ReadonlyMap<string, AddressPortrait>
  /** What cannot be loaded, does not hash to its name, or contradicts itself; one sentence each. */
  readonly damage: ReadonlyArray<string>
}

const outcomeOf = ({ cacheable, components, error, fingerprint, generation, output, retries, seed, source, status, step, trusted }: StepRecord): OutcomePortrait => ({
  step,
  status,
  generation,
  fingerprint,
  components,
  seed,
  output,
  trusted,
  cacheable,
  source,
  retries,
  error
})

/** Whether an address has an outcome that answers. */
export const isCompleted = (address: AddressPortrait | undefined): boolean => {
  const newest = address?.outcomes.at(-1)
  return newest !== undefined && newest.status !== "failed"
}

const byKey = <A>(key: (value: A) => string) => (a: A, b: A): number => (key(a) < key(b) ? -1 : 1)

const joined = (parts: ReadonlyArray<Float64Array>): Float64Array => {
  const all = new Float64Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

const grouped = <A extends { readonly address: string }>(values: ReadonlyArray<A>): ReadonlyMap<string, ReadonlyArray<A>> => Map.groupBy(values, ({ address }) => address)

/** What is wrong with the bytes of a digest; undefined when they are whole. */
const damageOf = Effect.fnUntraced(function*(
  what: string,
  ref: { readonly digest: string; readonly sizeBytes: number },
  codecId: string | null
): Effect.fn.Return<string | undefined, StoreError, RunStore | ArtifactStore | Codec> {
  const runs = yield* RunStore
  const artifacts = yield* ArtifactStore
  const codec = yield* Codec
  const hasher = yield* Hasher
  const kept = yield* runs.blob(ref.digest)
  const loaded = kept === undefined ? yield* Effect.result(artifacts.get(ref.digest)) : Result.succeed(kept)
  if (Result.isFailure(loaded)) {
    return loaded.failure._tag === "StoreError" ? yield* loaded.failure : `${what} cannot be loaded: ${loaded.failure.message}`
  }
  const bytes = loaded.success
  if (bytes.length !== ref.sizeBytes) return `${what} has ${bytes.length} bytes and is recorded with ${ref.sizeBytes}`
  if (hasher.bytes(bytes) !== ref.digest) return `${what} does not hash to its name ${ref.digest}`
  if (codecId !== codec.id) return undefined
  const decoded = codec.decode(bytes)
  return Result.isFailure(decoded) ? `${what} does not decode: ${decoded.failure}` : undefined
})

/** Takes the portrait of a run; undefined when there is none. */
export const take = Effect.fnUntraced(function*(
  runId: string
): Effect.fn.Return<RunPortrait | undefined, StoreError, RunStore | ArtifactStore | Codec> {
  const store = yield* RunStore
  const run = yield* store.run(runId)
  if (run === undefined) return undefined
  const damage: Array<string> = []
  const checked = new Set<string>()
  const check = Effect.fnUntraced(function*(what: string, ref: OutputRef | ArtifactRecord) {
    if (checked.has(ref.digest)) return
    checked.add(ref.digest)
    const found = yield* damageOf(`${what} of run "${runId}"`, ref, ref.codec)
    if (found !== undefined) damage.push(found)
  })

  const records = yield* store.steps(runId)
  const outcomes = grouped(records.filter((record) => record.decision !== "restored" || record.components !== null))
  for (const record of records) if (record.output !== null) yield* check(`The output of "${record.address}"`, record.output)
  records.forEach((record, n) => {
    // A commit that was refused leaves a gap.
    if (record.seq <= (records[n - 1]?.seq ?? 0)) damage.push(`Record ${n + 1} of run "${runId}" has seq ${record.seq}, and the one before it ${records[n - 1]?.seq}`)
    const generations = outcomes.get(record.address)?.map(({ generation }) => generation) ?? []
    if (!generations.includes(record.generation)) damage.push(`Record ${record.seq} of run "${runId}" names generation ${record.generation} of "${record.address}", which is not recorded`)
  })

  const checkpoints = grouped(yield* store.checkpoints(runId))
  for (const one of [...checkpoints.values()].flat()) yield* check(`Checkpoint "${one.name}" ${one.version} of "${one.address}"`, one.output)
  const artifacts = grouped(yield* store.artifacts(runId))
  for (const one of [...artifacts.values()].flat()) yield* check(`Artifact "${one.name}" of "${one.address}"`, one)

  const series = new Map<string, Array<SeriesPortrait>>()
  for (const one of yield* store.series(runId)) {
    const what = `Points ${one.key} (generation ${one.generation}) of "${one.address}" of run "${runId}"`
    const chunks: Array<PointChunk.Points> = []
    for (const { bytes, chunk, count } of yield* store.chunks(one)) {
      const points = PointChunk.decode(bytes)
      if (points === undefined || points.values.length !== count) damage.push(`${what}: chunk ${chunk} is torn`)
      else chunks.push(points)
      if (chunk !== chunks.length - 1) damage.push(`${what}: chunk ${chunk} stands at position ${chunks.length - 1}`)
    }
    const values = joined(chunks.map((points) => points.values))
    if (values.length !== one.summary.count) damage.push(`${what}: ${values.length} points, and a summary over ${one.summary.count}`)
    const portrait: SeriesPortrait = {
      generation: one.generation,
      key: one.key,
      summary: one.summary,
      chunks: chunks.map((points) => points.values.length),
      indexes: joined(chunks.map((points) => points.indexes)),
      values
    }
    series.set(one.address, [...series.get(one.address) ?? [], portrait])
  }

  const lines = grouped(yield* allLogs(runId))
  const addresses = new Set([...outcomes.keys(), ...checkpoints.keys(), ...artifacts.keys(), ...series.keys()])
  return {
    run: {
      id: run.id,
      pipeline: run.pipeline,
      experiment: run.experiment,
      params: run.params,
      seed: run.seed,
      parent: run.parent,
      tags: run.tags,
      note: run.note,
      goals: run.goals
    },
    end: { status: run.status, error: run.error, failedStep: run.failedStep, holder: run.holder, cancelRequested: run.cancelRequested },
    addresses: new Map([...addresses].sort().map((address): [string, AddressPortrait] => {
      const own = outcomes.get(address) ?? []
      const attempt = own.at(-1)?.attempt
      return [address, {
        outcomes: own.map(outcomeOf),
        series: (series.get(address) ?? []).sort(byKey(({ generation, key }) => `${generation} ${key}`)),
        checkpoints: (checkpoints.get(address) ?? []).map(({ address: _, attempt: __, runId: ___, savedAtMs: ____, ...rest }) => rest),
        artifacts: (artifacts.get(address) ?? [])
          .map(({ address: _, attempt: __, createdAtMs: ___, runId: ____, ...rest }) => rest)
          .sort(byKey(({ generation, name }) => `${generation} ${name}`)),
        lines: (lines.get(address) ?? []).filter((line) => line.attempt === attempt).map(({ level, message }) => `${level} ${message}`)
      }]
    })),
    damage
  }
})

const allLogs = Effect.fnUntraced(function*(runId: string) {
  const store = yield* RunStore
  const all = [...yield* store.logs(runId)]
  for (;;) {
    const page = yield* store.logs(runId, { after: all.at(-1)?.seq ?? 0 })
    if (page.length === 0) return all
    all.push(...page)
  }
})
