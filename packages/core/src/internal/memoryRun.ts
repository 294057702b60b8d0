/**
 * Everything recorded of one run in memory, and what each change does to it: what the changes of `RunStore` mean.
 */
import { compareText, type FoundRun, type MetricSummary } from "../FoundRun.ts"
import type {
  ActiveStep,
  ArtifactRecord,
  AttemptRecord,
  CheckpointRecord,
  ChunkRecord,
  LogRecord,
  RunRecord,
  SeriesRecord,
  StepRecord
} from "../RunRecord.ts"
import type { Annotation, Change } from "../RunStore.ts"

interface Series {
  record: SeriesRecord
  readonly chunks: Map<number, ChunkRecord>
}

/** Everything recorded of one run. */
export interface MemoryRun {
  run: RunRecord
  attempts: Array<AttemptRecord>
  readonly steps: Map<number, StepRecord>
  readonly active: Map<string, ActiveStep>
  checkpoints: Array<CheckpointRecord>
  readonly series: Map<string, Series>
  /** Of each address, the generation that was recorded, or logged points, last. */
  readonly generations: Map<string, number>
  readonly artifacts: Map<string, ArtifactRecord>
  readonly logs: Map<number, LogRecord>
}

/** One key of several parts. */
export const keyOf = (...parts: ReadonlyArray<string | number>): string => JSON.stringify(parts)

/** A run of which nothing else is recorded yet. */
export const memoryRun = (run: RunRecord): MemoryRun => ({
  run, attempts: [], steps: new Map(), active: new Map(), checkpoints: [], series: new Map(), generations: new Map(),
  artifacts: new Map(), logs: new Map()
})

/** A chunk with bytes of its own. */
export const copyOf = (chunk: ChunkRecord): ChunkRecord => ({ ...chunk, bytes: chunk.bytes.slice() })

/** Changes fields of the record. */
export const set = (entry: MemoryRun, fields: Partial<RunRecord>): void => {
  entry.run = { ...entry.run, ...fields }
}

const addSteps = (entry: MemoryRun, records: ReadonlyArray<StepRecord>): void => {
  for (const record of records) {
    entry.steps.set(record.seq, record)
    entry.generations.set(record.address, record.generation)
  }
}

/** What was being executed is not any more, `once` steps aside: their outcome is unknown. */
export const dropActive = (entry: MemoryRun): void => {
  for (const [address, active] of entry.active) if (!active.once) entry.active.delete(address)
}

/** Makes a change; kept blobs and flights belong to the store. */
export const apply = (entry: MemoryRun, change: Exclude<Change, { readonly _tag: "BlobKept" | "FlightEnded" }>, revision: number): void => {
  const runId = entry.run.id
  switch (change._tag) {
    case "StepRecorded":
      addSteps(entry, [change.record])
      entry.active.delete(change.record.address)
      break
    case "StepActive":
      entry.active.set(change.active.address, change.active)
      break
    case "StepInactive":
      entry.active.delete(change.address)
      break
    case "CheckpointSaved": {
      const { record, keep } = change
      entry.checkpoints = entry.checkpoints.filter((other) =>
        other.address !== record.address || other.name !== record.name
        || (other.version < record.version && other.version > record.version - keep)
      )
      entry.checkpoints.push(record)
      break
    }
    case "CheckpointRemoved":
      entry.checkpoints = entry.checkpoints.filter(({ address, name }) =>
        address !== change.address || (change.name !== undefined && name !== change.name)
      )
      break
    case "CheckpointsMoved":
      entry.checkpoints = entry.checkpoints.map((record) =>
        record.address === change.address && record.generation === change.from && record.seq <= change.upToSeq
          ? { ...record, generation: change.to }
          : record
      )
      break
    case "PointsWritten": {
      const { address, generation, key } = change.series
      const id = keyOf(address, generation, key)
      const series = entry.series.get(id)
      const record = { runId, address, generation, key, summary: change.summary, revision }
      const chunks = series?.chunks ?? new Map<number, ChunkRecord>()
      for (const chunk of change.chunks) chunks.set(chunk.chunk, copyOf(chunk))
      entry.series.set(id, { record, chunks })
      entry.generations.set(address, generation)
      break
    }
    case "PointsCut": {
      const id = keyOf(change.series.address, change.series.generation, change.series.key)
      const series = entry.series.get(id)
      if (series === undefined) break
      if (change.fromChunk <= 0) entry.series.delete(id)
      else {
        for (const chunk of series.chunks.keys()) if (chunk >= change.fromChunk) series.chunks.delete(chunk)
        series.record = { ...series.record, revision }
      }
      break
    }
    case "GenerationCleared": {
      const cleared = (of: { readonly address: string; readonly generation: number }): boolean =>
        of.address === change.address && of.generation === change.generation
      for (const [id, { record }] of entry.series) if (cleared(record)) entry.series.delete(id)
      for (const [id, record] of entry.artifacts) if (cleared(record)) entry.artifacts.delete(id)
      break
    }
    case "ArtifactNamed":
      entry.artifacts.set(keyOf(change.record.address, change.record.generation, change.record.name), change.record)
      break
    case "LogsAdded":
      for (const line of change.logs) entry.logs.set(line.seq, line)
      break
    case "AttemptEnded": {
      const { status, endedAtMs, error, failedStep } = change
      entry.attempts = entry.attempts.map((attempt) =>
        attempt.attempt === change.attempt ? { ...attempt, status, endedAtMs, error } : attempt
      )
      if (status !== "interrupted") dropActive(entry)
      set(entry, { status, endedAtMs, error, failedStep, holder: null, crashes: status === "crashed" ? entry.run.crashes : 0 })
      break
    }
  }
}

/** Makes an annotation. */
export const annotate = (entry: MemoryRun, annotation: Annotation): void => {
  switch (annotation._tag) {
    case "Tagged": {
      const tags = new Map(Object.entries(entry.run.tags))
      for (const [name, value] of Object.entries(annotation.tags)) {
        if (value === null) tags.delete(name)
        else tags.set(name, value)
      }
      set(entry, { tags: Object.fromEntries(tags) })
      break
    }
    case "Noted":
      set(entry, { note: annotation.note })
      break
    case "CancelRequested":
      set(entry, { cancelRequested: true })
      break
    case "AnsweredAgain": {
      const attempt = entry.run.attempts + 1
      const { atMs, environment, records } = annotation
      const { id: runId } = entry.run
      entry.attempts.push({ runId, attempt, status: "completed", startedAtMs: atMs, endedAtMs: atMs, environment, error: null })
      addSteps(entry, records)
      set(entry, { attempts: attempt })
      break
    }
  }
}

/** The run as a search finds it. */
export const found = (entry: MemoryRun): Omit<FoundRun, "sortKey"> => {
  const metrics: Array<MetricSummary> = []
  for (const { record: { address, generation, key, summary } } of entry.series.values()) {
    if (address.includes("[") || entry.generations.get(address) !== generation) continue
    // No store tells -0 from 0 here.
    metrics.push({ address, key, generation, last: summary.last + 0, min: summary.min + 0, max: summary.max + 0 })
  }
  metrics.sort((a, b) => compareText(a.address, b.address) || compareText(a.key, b.key))
  return { run: entry.run, git: entry.attempts.at(-1)?.environment.git, metrics }
}
