/**
 * A run as JSON lines, the same lines for the same records whichever store they come from: so that two copies of a run are
 * told to be equal by their digest, and that a file of them can be read by anybody.
 *
 * The first line is the run; each further one holds a record under the name of its kind. docs/format/archive.md
 * describes them. Reading trusts nothing: every record passes its Schema and has to belong to the run.
 */
import {
  ActiveStep,
  ArtifactRecord,
  AttemptRecord,
  type BundledSeries,
  CheckpointRecord,
  type ChunkRecord,
  JsonText,
  LogRecord,
  type RunBundle,
  RunRecord,
  StepRecord
} from "@uniflow/core"
import { Schema } from "effect"
import { hasher } from "../NodeHasher.ts"

/** JSON with the keys of objects in order; numbers that JSON does not have as text. */
const canonical = (value: unknown): string => {
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) return `"${Object.is(value, -0) ? "-0" : value}"`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  const members: ReadonlyArray<readonly [string, unknown]> = Object.entries(value)
  return `{${members.filter(([, member]) => member !== undefined).sort(([a], [b]) => a < b ? -1 : 1).map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(",")}}`
}

const lineOf = (kind: string, record: unknown): string => `{"${kind}":${canonical(record)}}\n`

/** Lines of a run. Records without an order of their own are in the order of their texts. */
export function* linesOf(bundle: RunBundle): Generator<string> {
  const { cancelRequested, heartbeat, heartbeatMonotonicMs, holder, leaseMs, revision, token, ...run } = bundle.run
  const unordered = (kind: string, records: ReadonlyArray<unknown>): ReadonlyArray<string> => records.map((record) => lineOf(kind, record)).sort()
  yield lineOf("run", run)
  for (const record of bundle.attempts) yield lineOf("attempt", record)
  for (const record of bundle.steps) yield lineOf("step", record)
  yield* unordered("active", bundle.active)
  yield* unordered("checkpoint", bundle.checkpoints)
  yield* unordered("artifact", bundle.artifacts)
  const series = bundle.series.map(({ chunks, ...one }) => [lineOf("series", one), chunks] as const).sort(([a], [b]) => a < b ? -1 : 1)
  for (const [line, chunks] of series) {
    yield line
    for (const { bytes, chunk, count } of chunks) yield lineOf("chunk", { chunk, count, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64") })
  }
  for (const record of bundle.logs) yield lineOf("log", record)
}

/** What tells one state of a run from another: the digest of its lines. */
export const digestOfBundle = (bundle: RunBundle): string => {
  const hash = hasher.make()
  for (const line of linesOf(bundle)) hash.update(Buffer.from(line))
  return hash.digest()
}

/** The longest line, in bytes, and how deep a value in it may nest. */
export const LONGEST_LINE = 64 * 1024 * 1024
const DEEPEST = 500

const Float = Schema.Union([Schema.Number, Schema.Literals(["NaN", "Infinity", "-Infinity", "-0"])])
const Summary = Schema.Struct({
  count: Schema.Int, nans: Schema.Int, last: Float, lastIndex: Float, min: Float, minIndex: Float, max: Float, maxIndex: Float, sum: Float
})
const { cancelRequested: _, heartbeat: __, heartbeatMonotonicMs: ___, holder: ____, leaseMs: _____, revision: ______, token: _______, ...runFields } = RunRecord.fields

const Base64 = Schema.String.check(Schema.isPattern(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/))

const decoders = {
  run: Schema.decodeUnknownSync(Schema.Struct(runFields)),
  attempt: Schema.decodeUnknownSync(AttemptRecord),
  step: Schema.decodeUnknownSync(StepRecord),
  active: Schema.decodeUnknownSync(ActiveStep),
  checkpoint: Schema.decodeUnknownSync(CheckpointRecord),
  artifact: Schema.decodeUnknownSync(ArtifactRecord),
  series: Schema.decodeUnknownSync(Schema.Struct({ address: Schema.String, generation: Schema.Int, key: Schema.String, summary: Summary })),
  chunk: Schema.decodeUnknownSync(Schema.Struct({ chunk: Schema.Int, count: Schema.Int, bytes: Base64 })),
  log: Schema.decodeUnknownSync(LogRecord)
}

type Kind = keyof typeof decoders

/** The order in which kinds come. Chunks follow their series. */
const order: ReadonlyArray<Kind> = ["run", "attempt", "step", "active", "checkpoint", "artifact", "series", "log"]

/** How deep the arrays and objects of a JSON text stand inside one another. */
const depthOf = (text: string): number => {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++
    } else if (char === 0x5b || char === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (char === 0x5d || char === 0x7d) depth--
  }
  return deepest
}

/** Names that rows are found by: well-formed, without NUL, at most 512 characters. */
const checkNames = (...names: ReadonlyArray<string>): void => {
  for (const name of names) if (name.length > 512 || name.includes("\0") || !name.isWellFormed()) throw new Error("a name is too long, or holds what names do not hold")
}

/** Records of steps that every store has room for in one run. */
const MOST_STEPS = 2 ** 28

const isDigest = (digest: string): boolean => /^[0-9a-f]{64}$/.test(digest)

const checkOutput = (digest: string, sizeBytes: number): void => {
  if (!isDigest(digest) || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Error("an output has no digest, or no size")
}

/** Takes the lines of one run, in their order; throws for what is no such line. */
export class BundleReader {
  private run: RunRecord | undefined
  private readonly attempts: Array<AttemptRecord> = []
  private readonly steps: Array<StepRecord> = []
  private readonly active: Array<ActiveStep> = []
  private readonly checkpoints: Array<CheckpointRecord> = []
  private readonly artifacts: Array<ArtifactRecord> = []
  private readonly series: Array<BundledSeries & { readonly chunks: Array<ChunkRecord> }> = []
  private readonly logs: Array<LogRecord> = []
  private readonly seen = new Set<string>()
  private at = 0
  /** Whether points and log lines are kept; they are checked in any case. */
  private readonly whole: boolean

  constructor(whole: boolean) {
    this.whole = whole
  }

  private unique(...key: ReadonlyArray<string | number>): void {
    const id = JSON.stringify(key)
    if (this.seen.has(id)) throw new Error("a record is there twice")
    this.seen.add(id)
  }

  private belongs({ runId }: { readonly runId: string }): void {
    if (runId !== this.run!.id) throw new Error("a record belongs to another run")
  }

  /** One line, without its end. */
  line(text: string): void {
    if (depthOf(text) > DEEPEST) throw new Error("a value nests too deep")
    const value = JsonText.parse(text)
    const [entry, ...others] = typeof value === "object" && value !== null ? Object.entries(value) : []
    if (entry === undefined || others.length > 0 || !Object.hasOwn(decoders, entry[0])) throw new Error("a line is no record that this release knows")
    const kind = entry[0] as Kind
    const place = order.indexOf(kind === "chunk" ? "series" : kind)
    if (place < this.at || (kind === "run") !== (this.run === undefined)) throw new Error("its records are out of order")
    this.at = place
    this.take(kind, entry[1])
  }

  private take(kind: Kind, value: unknown): void {
    switch (kind) {
      case "run": {
        const run = decoders.run(value)
        checkNames(run.id, run.pipeline, run.experiment, ...Object.keys(run.tags), ...(run.parent === null ? [] : [run.parent]))
        if (run.status === "running") throw new Error("a copy of a run is never running")
        this.run = { ...run, token: 0, holder: null, heartbeat: 0, heartbeatMonotonicMs: 0, leaseMs: 0, cancelRequested: false, revision: 0 }
        break
      }
      case "attempt": {
        const record = decoders.attempt(value)
        this.belongs(record)
        this.attempts.push(record)
        if (record.attempt !== this.attempts.length || record.status === "running") throw new Error("its attempts are not those of a run")
        break
      }
      case "step": {
        const record = decoders.step(value)
        this.belongs(record)
        checkNames(record.address, record.step, record.fingerprint)
        if (record.seq >= MOST_STEPS) throw new Error("it has more steps than a run may have")
        if (record.seq <= (this.steps.at(-1)?.seq ?? -1)) throw new Error("its steps are out of order")
        if (record.output !== null) checkOutput(record.output.digest, record.output.sizeBytes)
        this.steps.push(record)
        break
      }
      case "active": {
        const record = decoders.active(value)
        this.belongs(record)
        checkNames(record.address, record.step)
        this.unique(kind, record.address)
        this.active.push(record)
        break
      }
      case "checkpoint": {
        const record = decoders.checkpoint(value)
        this.belongs(record)
        checkNames(record.address, record.name)
        this.unique(kind, record.address, record.name, record.version)
        checkOutput(record.output.digest, record.output.sizeBytes)
        this.checkpoints.push(record)
        break
      }
      case "artifact": {
        const record = decoders.artifact(value)
        this.belongs(record)
        checkNames(record.address, record.name)
        this.unique(kind, record.address, record.generation, record.name)
        checkOutput(record.digest, record.sizeBytes)
        this.artifacts.push(record)
        break
      }
      case "series": {
        const { address, generation, key, summary } = decoders.series(value)
        checkNames(address, key)
        this.unique(kind, address, generation, key)
        const figures = Object.fromEntries(Object.entries(summary).map(([name, figure]) => [name, Number(figure)])) as BundledSeries["summary"] & object
        this.series.push({ address, generation, key, summary: figures, chunks: [] })
        break
      }
      case "chunk": {
        const { bytes, chunk, count } = decoders.chunk(value)
        const series = this.series.at(-1)
        if (series === undefined || chunk < 0) throw new Error("points belong to no series")
        this.unique(kind, this.series.length, chunk)
        if (this.whole) series.chunks.push({ chunk, count, bytes: new Uint8Array(Buffer.from(bytes, "base64")) })
        break
      }
      case "log": {
        const record = decoders.log(value)
        this.belongs(record)
        this.unique(kind, record.seq)
        if (this.whole) this.logs.push(record)
        break
      }
    }
  }

  /** The run that the lines told of. */
  end(): RunBundle {
    if (this.run === undefined) throw new Error("it tells of no run")
    if (this.run.attempts !== this.attempts.length) throw new Error("its attempts are not all there")
    const { active, artifacts, attempts, checkpoints, logs, run, series, steps } = this
    return { run, attempts, steps, active, checkpoints, artifacts, series, logs }
  }
}

/** What a run's records refer to: sizes in bytes by digest. */
export const objectsOf = ({ artifacts, checkpoints, steps }: RunBundle): Map<string, number> => {
  const sizes = new Map<string, number>()
  for (const { output } of steps) if (output !== null) sizes.set(output.digest, output.sizeBytes)
  for (const { output } of checkpoints) sizes.set(output.digest, output.sizeBytes)
  for (const { digest, sizeBytes } of artifacts) sizes.set(digest, sizeBytes)
  return sizes
}
