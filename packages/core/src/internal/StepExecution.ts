import { Effect, Semaphore } from "effect"
import type { AnySchema, Fields } from "../AnySchema.ts"
import { type Encoded, SHARED_BYTES } from "../Codec.ts"
import { isMetrics, type Metrics, pointIssue } from "../Metrics.ts"
import * as PointChunk from "../PointChunk.ts"
import type { PipelineCheckpointService } from "../PipelineCheckpoint.ts"
import type { Reason } from "../Decision.ts"
import { initialState, type RandomState, SeededStream } from "../RandomStream.ts"
import type { ArtifactRecord, CheckpointPosition, CheckpointRecord, LogLevel, SeriesRecord } from "../RunRecord.ts"
import type { Change } from "../RunStore.ts"
import { RewindableClock } from "../StepClock.ts"
import type { ArtifactContent } from "../StepContext.ts"
import {
  CheckpointMisuse,
  CheckpointNotFound,
  CorruptArtifact,
  InvalidInput,
  type StoreError,
  type UnsavableValue
} from "../UniflowError.ts"
import { artifactSource } from "./artifactSource.ts"
import { mediaTypeOf } from "./mediaType.ts"
import type { RunSession } from "./RunSession.ts"
import { type Drained, type Logger, recording, together } from "./TrackingBuffer.ts"
import { SeriesWriter } from "./SeriesWriter.ts"

/** Which execution of which step it is. */
export interface ExecutionSubject {
  readonly address: string
  readonly step: string
  readonly generation: number
  /** Fingerprint that manual checkpoints answer to. */
  readonly checkpointFingerprint: () => string
  readonly checkpoints: Fields
  readonly keep: number
  /** Whether an earlier execution may have left points under the same generation. */
  readonly leftovers: boolean
}

/** One execution of one step: its manual checkpoints, points, artifacts, random numbers and lines. */
export class StepExecution {
  private asked: PipelineCheckpointService | undefined
  private readonly session: RunSession
  private readonly subject: ExecutionSubject
  private madeLogger: Logger | undefined
  private writers: Map<string, SeriesWriter> | undefined
  private readonly artifacts: Array<Change> = []
  private turns: Semaphore.Semaphore | undefined
  /** Whether something was tracked that a checkpoint loaded from now on could no longer rewind. */
  private opened = false
  /** Whether points or artifacts were taken over with the checkpoint that was loaded: they belong to the next one, too. */
  private carries = false
  private closed = false
  private known: Array<CheckpointRecord> | undefined
  private loaded: CheckpointRecord | undefined
  private versions: Record<string, number> = {}
  private seq = 0
  private stream: SeededStream | undefined
  private time: RewindableClock | undefined

  constructor(session: RunSession, subject: ExecutionSubject) {
    this.session = session
    this.subject = subject
    if (subject.leftovers) this.logger.open([{ _tag: "GenerationCleared", address: subject.address, generation: subject.generation }])
  }

  /** Where points go; made when the first is logged. */
  private get logger(): Logger {
    return this.madeLogger ??= this.session.tracking.logger(this.subject.address, this.subject.generation, this.series)
  }

  private get series(): Map<string, SeriesWriter> {
    return this.writers ??= new Map()
  }

  /** Its manual checkpoints; made when they are asked for. */
  get checkpoint(): PipelineCheckpointService {
    return this.asked ??= this.checkpoints()
  }

  /** Checkpoints are recorded in the order in which they were saved, awaited or not. */
  private get saving(): Semaphore.Semaphore {
    return this.turns ??= Semaphore.makeUnsafe(1)
  }

  private checkpoints(): PipelineCheckpointService {
    const { session, subject } = this
    return {
      save: (name, value) => this.save(name, value),
      load: <T>(name: string) => this.load<T>(name),
      latest: <T>(name: string) => this.latest<T>(name),
      exists: (name) => this.during("checkpoint.exists", Effect.suspend(() => Effect.map(this.answering(), (records) => records.some((record) => record.name === name)))),
      list: (name) =>
        this.during("checkpoint.list", Effect.suspend(() => Effect.map(this.answering(), (records) =>
          records.filter((record) => name === undefined || record.name === name).map((record) => ({
            name: record.name,
            version: record.version,
            savedAtMs: record.savedAtMs,
            sizeBytes: record.output.sizeBytes
          }))))),
      remove: (name) =>
        this.during("checkpoint.remove", this.saving.withPermit(Effect.suspend(() => {
          this.known = this.known?.filter((record) => record.name !== name)
          return session.submit([{ _tag: "CheckpointRemoved", address: subject.address, name }])
        })))
    }
  }

  /** Random numbers of this execution; the stream is made when the first is asked for. */
  get random(): SeededStream {
    return this.stream ??= new SeededStream(initialState(this.session.hasher, this.session.seed, this.subject.address))
  }

  /** The time as this execution sees it. */
  get clock(): RewindableClock {
    return this.time ??= new RewindableClock(this.session.now)
  }

  /** Why the execution did not begin from nothing: the newest checkpoint that it loaded. */
  get continued(): ReadonlyArray<Reason> {
    const { loaded } = this
    return loaded === undefined ? [] : [{ component: "checkpoint", note: `went on from version ${loaded.version} of "${loaded.name}"` }]
  }

  /** Whether the execution drew a random number, now or before the checkpoint that it loaded. */
  get drew(): boolean {
    return this.stream?.drawn === true
  }

  /** Logs a point of each series. */
  log(values: { readonly [key: string]: number }, index: number | undefined): void {
    if (this.closed) throw this.ended("metrics.log")
    for (const [key, value] of Object.entries(values)) {
      const issue = pointIssue(key, value)
        ?? (index === undefined || Number.isFinite(index) ? undefined : `the index of metric "${key}" must be a finite number, not ${String(index)}`)
      if (issue !== undefined) throw new InvalidInput({ what: `metrics.log in step "${this.subject.step}"`, issue })
    }
    this.opened = true
    const now = this.session.now()
    for (const key of Object.keys(values)) this.logger.push(key, values[key]!, index === undefined ? undefined : index + 0, now)
  }

  line(level: LogLevel, message: string): void {
    if (!this.closed) this.session.tracking.line(this.subject.address, level, String(message), this.session.now())
  }

  /** Keeps bytes under a name. */
  put(name: string, content: ArtifactContent, mediaType: string | undefined) {
    return Effect.gen({ self: this }, function*() {
      if (typeof name !== "string" || name.length === 0 || name.length > 256) {
        return yield* new InvalidInput({ what: `artifacts.put in step "${this.subject.step}"`, issue: "a name must have 1 to 256 characters" })
      }
      const info = yield* this.during("artifacts.put", this.session.putArtifact(artifactSource(content)))
      if (this.closed) return yield* this.ended("artifacts.put")
      const record: ArtifactRecord = {
        runId: this.session.runId,
        address: this.subject.address,
        generation: this.subject.generation,
        attempt: this.session.attempt,
        name,
        ...info,
        mediaType: mediaType ?? mediaTypeOf(typeof content === "object" && "file" in content && !/\.[a-z0-9]+$/i.test(name) ? content.file : name),
        codec: null,
        createdAtMs: this.session.now()
      }
      this.artifacts.push({ _tag: "ArtifactNamed", record })
      return info
    })
  }

  /** Tracks the numbers of an output: a `Metrics` value, or a top-level field that is one. */
  trackOutput(value: unknown): void {
    const found: Array<Metrics> = isMetrics(value)
      ? [value]
      : typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
      ? Object.values(value).filter(isMetrics)
      : []
    for (const metrics of found) this.log(metrics, undefined)
  }

  /** What has to be recorded with the outcome; nothing is taken after it. */
  finish(): Drained {
    return this.last({ always: true })
  }

  private last(options: { readonly always: boolean }): Drained {
    const taken = this.take(options)
    this.close()
    return taken
  }

  /** Takes what was tracked so far. What others left goes before it, and can be put back with it. */
  private take(options: { readonly always: boolean }): Drained {
    const { artifacts, madeLogger, session } = this
    const rest = session.tracking.drainRest()
    const taken = madeLogger === undefined ? rest : together(rest, madeLogger.take(options))
    return artifacts.length === 0 ? taken : { ...taken, changes: [...taken.changes, ...artifacts] }
  }

  /** What is kept of an execution that came to nothing. What an earlier one left stays, unless points went over it. */
  abandon(): ReadonlyArray<Change> {
    return this.last({ always: false }).changes
  }

  /** Nothing more is taken. */
  close(): void {
    this.closed = true
    this.madeLogger?.close()
  }

  private during<A, E>(what: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E | CheckpointMisuse> {
    return Effect.suspend((): Effect.Effect<A, E | CheckpointMisuse> => (this.closed ? Effect.fail(this.ended(what)) : effect))
  }

  private schemaOf(name: string): AnySchema | undefined {
    const { checkpoints } = this.subject
    return Object.hasOwn(checkpoints, name) ? checkpoints[name] : undefined
  }

  /** Whether the execution is over: nothing may be asked of it any more. */
  get isClosed(): boolean {
    return this.closed
  }

  ended(what: string): CheckpointMisuse {
    return new CheckpointMisuse({ issue: `${what} was called after step "${this.subject.step}" had ended; await everything that the step starts.` })
  }

  private answering(): Effect.Effect<ReadonlyArray<CheckpointRecord>, StoreError> {
    if (this.known !== undefined) return Effect.succeed(this.known)
    if (!this.session.mayHaveCheckpoints && !this.subject.leftovers) return Effect.succeed(this.known = [])
    const fingerprint = this.subject.checkpointFingerprint()
    return Effect.map(this.session.checkpoints(this.subject.address), (records) =>
      this.known ??= records.filter((record) => record.fingerprint === fingerprint))
  }

  private newest(name: string): Effect.Effect<CheckpointRecord | undefined, CheckpointMisuse | StoreError> {
    return Effect.gen({ self: this }, function*() {
      if (this.closed) return yield* this.ended("checkpoint.load")
      if (this.opened) {
        return yield* new CheckpointMisuse({
          issue: `Step "${this.subject.step}" loads checkpoint "${name}" after it has logged metric points or saved artifacts with another checkpoint; load first, so that they can go on from there.`
        })
      }
      return (yield* this.answering()).findLast((record) => record.name === name)
    })
  }

  private latest<T>(name: string) {
    return Effect.gen({ self: this }, function*() {
      const record = yield* this.newest(name)
      return record === undefined ? undefined : (yield* this.use(record)) as T
    })
  }

  private load<T>(name: string) {
    return Effect.gen({ self: this }, function*() {
      const record = yield* this.newest(name)
      if (record === undefined) return yield* new CheckpointNotFound({ name, step: this.subject.step })
      return (yield* this.use(record)) as T
    })
  }

  /** Loads a checkpoint and rewinds points and random numbers to the newest one loaded. */
  private use(record: CheckpointRecord) {
    return Effect.gen({ self: this }, function*() {
      const value = yield* this.session.objects.load(
        `Checkpoint "${record.name}" of step "${this.subject.step}"`,
        record.output,
        this.schemaOf(record.name)
      )
      if (this.loaded === undefined || record.seq > this.loaded.seq) {
        yield* this.rewind(record)
        this.loaded = record
        this.versions = { ...record.position.versions }
        this.seq = record.seq
        const { clockMs, random } = record.position
        if (clockMs !== undefined || this.time !== undefined) this.clock.restore(clockMs ?? null)
        if (random !== null) this.random.restore(random as unknown as RandomState)
      }
      return value
    })
  }

  /** Prepares the series as they were at a checkpoint, from the points of the generation that saved it. */
  private rewind(record: CheckpointRecord) {
    return Effect.gen({ self: this }, function*() {
      const { address, generation } = this.subject
      const here = record.generation === generation
      const all = yield* this.session.series(address)
      const opening: Array<Change> = here ? [] : [{ _tag: "GenerationCleared", address, generation }]
      this.series.clear()
      for (const series of all.filter((one) => one.generation === record.generation)) {
        const position = Object.hasOwn(record.position.points, series.key) ? record.position.points[series.key] : undefined
        const count = position?.count ?? 0
        const fullChunks = Math.floor(count / PointChunk.CHUNK_POINTS)
        if (here) opening.push({ _tag: "PointsCut", series: { address, generation, key: series.key }, fromChunk: fullChunks })
        if (position === undefined || count === 0) continue
        const { writer, copied } = yield* this.resume(series, count, position.nextIndex, !here)
        this.series.set(series.key, writer)
        opening.push(...copied)
      }
      if (!here) {
        for (const artifact of yield* this.session.artifactsOf(address, record.generation)) {
          if (artifact.createdAtMs <= record.savedAtMs) opening.push({ _tag: "ArtifactNamed", record: { ...artifact, generation } })
        }
      }
      this.carries = this.series.size > 0 || opening.some(({ _tag }) => _tag === "ArtifactNamed")
      this.logger.open(opening)
    })
  }

  private resume(series: SeriesRecord, count: number, nextIndex: number, copy: boolean) {
    return Effect.gen({ self: this }, function*() {
      const { address, generation } = this.subject
      const fullChunks = Math.floor(count / PointChunk.CHUNK_POINTS)
      const copied: Array<Change> = []
      let sealed = PointChunk.emptySummary
      let open: PointChunk.Points = { indexes: new Float64Array(), values: new Float64Array(), timesMs: new Float64Array() }
      for (const chunk of yield* this.session.chunks(series)) {
        if (chunk.chunk > fullChunks) break
        const points = PointChunk.decode(chunk.bytes)
        if (points === undefined) {
          return yield* new CorruptArtifact({ digest: "", what: `Points ${series.key} of step "${this.subject.step}"`, reason: "a chunk of them is damaged" })
        }
        if (chunk.chunk === fullChunks) {
          open = PointChunk.take(points, count - fullChunks * PointChunk.CHUNK_POINTS)
          break
        }
        sealed = PointChunk.summarize(sealed, points)
        if (copy) copied.push({ _tag: "PointsWritten", series: { address, generation, key: series.key }, chunks: [chunk], summary: sealed })
      }
      return { writer: SeriesWriter.resume(series.key, nextIndex, fullChunks, sealed, open), copied }
    })
  }

  private position(): CheckpointPosition {
    const points: Record<string, { count: number; nextIndex: number }> = {}
    for (const [key, writer] of this.writers ?? []) {
      Object.defineProperty(points, key, { value: { count: writer.count, nextIndex: writer.nextIndex }, enumerable: true })
    }
    const clockMs = this.time?.position ?? null
    return { points, random: this.drew ? this.random.state : null, ...(clockMs === null ? {} : { clockMs }), versions: this.versions }
  }

  private save(name: string, value: unknown): Effect.Effect<void, UnsavableValue | CheckpointMisuse | StoreError> {
    return Effect.gen({ self: this }, function*() {
      if (this.closed) return yield* this.ended("checkpoint.save")
      if (typeof name !== "string" || name.length === 0 || name.length > 256) {
        return yield* new CheckpointMisuse({ issue: `The name of a checkpoint in step "${this.subject.step}" must have 1 to 256 characters.` })
      }
      const version = (Object.hasOwn(this.versions, name) ? this.versions[name]! : 0) + 1
      this.versions = { ...this.versions, [name]: version }
      const seq = ++this.seq
      const position = this.position()
      // Encoded at once, too: from here on it does not matter what becomes of the value.
      const encoded = yield* this.session.objects.encode(`Checkpoint "${name}" of step "${this.subject.step}"`, value, this.schemaOf(name))
      yield* this.saving.withPermit(this.record(name, version, seq, position, ownBytes(encoded)))
    })
  }

  private record(name: string, version: number, seq: number, position: CheckpointPosition, encoded: Encoded) {
    return Effect.gen({ self: this }, function*() {
      const { ref, changes } = yield* this.session.objects.keep(encoded)
      const { address, generation, checkpointFingerprint, keep } = this.subject
      const record: CheckpointRecord = {
        runId: this.session.runId,
        address,
        name,
        version,
        seq,
        fingerprint: checkpointFingerprint(),
        generation,
        attempt: this.session.attempt,
        output: ref,
        position,
        savedAtMs: this.session.now()
      }
      const tracked = yield* this.session.collect(() => {
        // The artifacts put so far belong to the checkpoint; what an earlier execution left goes before them.
        const always = this.artifacts.length > 0 || this.carries
        if (always) this.opened = true
        return this.take({ always })
      })
      // The step may go on though its checkpoint could not be saved.
      yield* recording(tracked, (tracked) => this.session.submit([...tracked, ...changes, { _tag: "CheckpointSaved", record, keep }]))
      const others = (yield* this.answering()).filter((one) => one.name !== name || (one.version < version && one.version > version - keep))
      this.known = [...others, record]
    })
  }
}

/** The bytes by themselves: those of a large value may share memory with it, which its owner goes on to change. */
const ownBytes = (encoded: Encoded): Encoded =>
  encoded.sizeBytes < SHARED_BYTES ? encoded : { ...encoded, segments: encoded.segments.map((segment) => segment.slice()) }
