/** Snapshots of runs as the core puts them together, with sensible contents where a test does not care. */
import {
  type ActiveStep,
  type ArtifactRecord,
  type AttemptRecord,
  type RunRecord,
  type RunSnapshot,
  type SeriesRecord,
  type SeriesSummary,
  statesOf,
  type StepRecord
} from "@uniflow/core"

export const startMs = Date.UTC(2023, 9, 27, 14, 3, 11)

export const attempt = (runId: string, fields: Partial<AttemptRecord> = {}): AttemptRecord => ({
  runId,
  attempt: 1,
  status: "completed",
  startedAtMs: startMs,
  endedAtMs: startMs + 12_300,
  environment: {
    git: { commit: "3f2a1b9c4d5e6f708192a3b4c5d6e7f8091a2b3c", branch: "main", dirty: false },
    runtime: "node 24.21.0",
    platform: "linux x64",
    host: "workbench",
    pid: 4711,
    argv: ["node", "train.ts"],
    packages: { effect: "4.1.0", uniflow: "1.0.0" }
  },
  error: null,
  ...fields
})

export const step = (name: string, fields: Partial<StepRecord> = {}): StepRecord => ({
  runId: "run",
  seq: 1,
  address: name,
  step: name,
  attempt: 1,
  decision: "executed",
  reasons: [{ component: "first" }],
  status: "completed",
  generation: 1,
  fingerprint: `fingerprint of ${name}`,
  components: { code: "1", codeKind: "explicit", params: {}, inputs: {}, files: {}, env: {}, codec: "json@1", outputSchema: "" },
  seed: null,
  output: output(name),
  trusted: false,
  cacheable: true,
  source: null,
  retries: 0,
  startedAtMs: startMs,
  durationMs: 1_000,
  error: null,
  ...fields
})

/** An output whose digest is decided by a text. */
export const output = (text: string, sizeBytes = 2_048): NonNullable<StepRecord["output"]> => ({
  digest: digest(text),
  sizeBytes,
  codec: "cbor@1",
  mediaType: "application/cbor"
})

/** 64 hexadecimal digits that differ for different texts. */
export const digest = (text: string): string => {
  let state = 2_166_136_261
  const digits: Array<string> = []
  for (let round = 0; round < 8; round++) {
    for (const character of `${text}${round}`) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0
    digits.push(state.toString(16).padStart(8, "0"))
  }
  return digits.join("")
}

/** The summary of a series of points. */
const summary = (points: ReadonlyArray<number>): SeriesSummary => {
  const numbers = points.filter((point) => !Number.isNaN(point))
  const none = numbers.length === 0
  return {
    count: points.length,
    nans: points.length - numbers.length,
    last: points.at(-1) ?? Number.NaN,
    lastIndex: points.length - 1,
    min: none ? Number.NaN : Math.min(...numbers),
    minIndex: 0,
    max: none ? Number.NaN : Math.max(...numbers),
    maxIndex: 0,
    sum: numbers.reduce((total, point) => total + point, 0)
  }
}

export const series = (address: string, key: string, points: ReadonlyArray<number>, generation = 1): SeriesRecord => ({
  runId: "run",
  address,
  generation,
  key,
  summary: summary(points),
  revision: 1
})

export const artifact = (address: string, name: string, contents: string, sizeBytes = 1_000): ArtifactRecord => ({
  runId: "run",
  address,
  generation: 1,
  attempt: 1,
  name,
  digest: digest(contents),
  sizeBytes,
  mediaType: "application/octet-stream",
  codec: null,
  createdAtMs: startMs
})

export const active = (name: string, fields: Partial<ActiveStep> = {}): ActiveStep => ({
  runId: "run",
  address: name,
  step: name,
  attempt: 1,
  startedAtMs: startMs,
  rerun: 0,
  once: false,
  fingerprint: "",
  done: null,
  total: null,
  message: null,
  ...fields
})

export interface SnapshotFields extends Partial<Omit<RunRecord, "attempts">> {
  readonly attempts?: ReadonlyArray<AttemptRecord>
  readonly history?: ReadonlyArray<StepRecord>
  readonly active?: ReadonlyArray<ActiveStep>
  readonly series?: ReadonlyArray<SeriesRecord>
  readonly artifacts?: ReadonlyArray<ArtifactRecord>
}

export const run = (id: string, fields: SnapshotFields = {}): RunSnapshot => {
  const { active: running = [], artifacts = [], attempts = [attempt(id)], history = [], series: points = [], ...record } = fields
  const recorded = history.map((one, at) => ({ ...one, runId: id, seq: at + 1 }))
  const described: RunRecord = {
    id,
    pipeline: "digits",
    experiment: "digits",
    status: "completed",
    params: {},
    seed: 42,
    parent: null,
    tags: {},
    note: null,
    error: null,
    failedStep: null,
    createdAtMs: startMs,
    startedAtMs: attempts.at(-1)?.startedAtMs ?? startMs,
    endedAtMs: attempts.at(-1)?.endedAtMs ?? null,
    crashes: 0,
    token: attempts.length,
    holder: null,
    heartbeat: 0,
    heartbeatMonotonicMs: 0,
    leaseMs: 30_000,
    cancelRequested: false,
    revision: 1,
    goals: {},
    ...record,
    attempts: attempts.length
  }
  return {
    run: described,
    attempts,
    steps: [...statesOf(described, recorded).values()],
    history: recorded,
    active: running,
    series: points,
    artifacts,
    checkpoints: []
  }
}

/** A run of the digits example with a learning rate. */
export const digits = (id: string, learningRate: number, losses: ReadonlyArray<number>, accuracy: number, fields: SnapshotFields = {}): RunSnapshot =>
  run(id, {
    params: { path: "digits.csv", learningRate, epochs: losses.length },
    goals: { accuracy: "maximize", loss: "minimize" },
    history: [
      step("load", { durationMs: 812, output: output("images", 7_840_123) }),
      step("train", { durationMs: 8_412 + learningRate * 1_000, output: output(`model ${learningRate}`, 318_400) }),
      step("evaluate", { durationMs: 96, output: output(`accuracy ${accuracy}`, 31) })
    ],
    series: [series("train", "loss", losses), series("evaluate", "accuracy", [accuracy])],
    artifacts: [artifact("train", "model.onnx", `model ${learningRate}`, 322_000)],
    ...fields
  })
