/**
 * Arbitrary records, hostile on purpose, for property tests of whatever keeps or shows runs.
 *
 * They respect what the records' contract asks of writers (names are well-formed, numbers are finite and never -0, a
 * series' summary aside) and nothing more: free text holds quotes, NUL, lone surrogates and ten thousand characters,
 * keys may be `__proto__`, integers reach the limits of what is safe.
 */
import type {
  ActiveStep,
  ArtifactRecord,
  AttemptEnvironment,
  CheckpointRecord,
  ChunkRecord,
  FingerprintComponents,
  Holder,
  LogRecord,
  NewRun,
  OutputRef,
  Reason,
  SeriesSummary,
  StepRecord,
  StoredError
} from "@uniflow/core"
import type { Schema } from "effect"
import * as fc from "fast-check"

/** Records have the prototype that literals and decoded rows have. */
const plain = { noNullPrototype: true } as const

const awkward = [
  "",
  " ",
  "'",
  "\"",
  "`",
  "\\",
  "''; DROP TABLE runs; --",
  "%_%",
  "$1 ? :name @x",
  "null",
  "0",
  "-0",
  "1e309",
  "__proto__",
  "constructor",
  "toString",
  "length",
  "é",
  "e\u0301",
  "👩‍👩‍👧‍👦🏳️‍🌈",
  "𝒳",
  "\ufeffbom",
  "\u202Egnp.exe",
  "a\r\nb\tc",
  "\u001b[31mred",
  "{\"$redacted\":1}",
  "x".repeat(10_000)
]

/** Names that rows are found by: well-formed, not empty, without NUL, at most 256 characters. */
export const name: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...awkward.filter((text) => text !== "" && text.length <= 256), "x".repeat(256)),
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).map((text) => text.replaceAll("\0", "0"))
)

/** Free text: any JavaScript string, NUL and lone surrogates included. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...awkward, "\0", "a\0b", "\ud800", "\udc00\ud800", "a\udfffb"),
  fc.string({ unit: "grapheme" }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units))
)

/** Keys of a JSON object or of a record of strings. */
export const key: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 8 }) },
  { weight: 2, arbitrary: name },
  { weight: 1, arbitrary: text }
)

/** A record with own keys of every kind, `__proto__` included. */
export const record = <A>(value: fc.Arbitrary<A>, keys: fc.Arbitrary<string> = key): fc.Arbitrary<{ readonly [key: string]: A }> =>
  fc.array(fc.tuple(keys, value), { maxLength: 5 }).map((entries) => Object.fromEntries(entries))

/** Finite numbers that are not -0: what every number of a record is, a series' summary aside. */
export const number: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1, 0.1, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, Number.EPSILON),
  fc.double({ noNaN: true, noDefaultInfinity: true })
).map((value) => value + 0 === 0 ? 0 : value)

/** Any float64: NaN, -0, both infinities and denormal numbers. */
export const float: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(NaN, -0, 0, Infinity, -Infinity, 5e-324, -5e-324, Number.MAX_VALUE, Number.MIN_VALUE),
  fc.double()
)

/** Safe integers from 0 on. */
export const count: fc.Arbitrary<number> = fc.oneof(fc.nat({ max: 1000 }), fc.constantFrom(0, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER))

/** Safe integers of either sign. */
export const integer: fc.Arbitrary<number> = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER))

/** Times as they are given: fractions of milliseconds, the distant past and the far future. */
export const timeMs: fc.Arbitrary<number> = fc.oneof(fc.nat({ max: 4e12 }), fc.constantFrom(0, -1, 0.5, 1_700_000_000_000.25, 8.64e15))

/** Lower-case SHA-256 digests (of nothing in particular). */
export const digest: fc.Arbitrary<string> = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
)

/** Plain JSON. */
export const json: fc.Arbitrary<Schema.Json> = fc.letrec<{ readonly value: Schema.Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), number, text),
    fc.array(tie("value"), { maxLength: 3 }),
    record(tie("value"))
  )
})).value

const nullOr = <A>(value: fc.Arbitrary<A>): fc.Arbitrary<A | null> => fc.option(value, { nil: null })

export const storedError: fc.Arbitrary<StoredError> = fc.letrec<{ readonly error: StoredError }>((tie) => ({
  error: fc.record(
    { name: text, message: text, tag: text, stack: text, cause: fc.oneof({ maxDepth: 3 }, fc.constant({ name: "Error", message: "end" }), tie("error")) },
    { ...plain, requiredKeys: ["name", "message"] }
  )
})).error

export const environment: fc.Arbitrary<AttemptEnvironment> = fc.record(
  {
    git: fc.record({ commit: text, branch: text, dirty: fc.boolean() }, { ...plain, requiredKeys: ["commit", "dirty"] }),
    runtime: text,
    platform: text,
    host: text,
    pid: count,
    cwd: text,
    argv: fc.array(text, { maxLength: 4 }),
    packages: record(text)
  },
  { ...plain, requiredKeys: ["runtime", "platform", "host", "pid", "argv", "packages"] }
)

export const holder: fc.Arbitrary<Holder> = fc.record({
  nonce: fc.uuid(),
  host: text,
  pid: count,
  bootId: text,
  pidNamespace: text,
  processStart: text,
  sinceMs: timeMs
}, plain)

export const outputRef: fc.Arbitrary<OutputRef> = fc.record({ digest, sizeBytes: count, codec: text, mediaType: text }, plain)

export const reason: fc.Arbitrary<Reason> = fc.record(
  { component: text, old: text, new: text, sourceRun: text, note: text },
  { ...plain, requiredKeys: ["component"] }
)

export const components: fc.Arbitrary<FingerprintComponents> = fc.record({
  code: text,
  codeKind: fc.constantFrom("explicit", "deep", "shallow", "unknown"),
  params: record(json),
  inputs: record(text),
  files: record(text),
  env: record(text),
  codec: text,
  outputSchema: text
}, plain)

/** A new run under this id. */
export const newRun = (id: string): fc.Arbitrary<NewRun> =>
  fc.record({
    id: fc.constant(id),
    pipeline: name,
    experiment: name,
    params: record(json),
    seed: integer,
    parent: nullOr(name),
    tags: record(text, name),
    goals: record(fc.constantFrom("maximize" as const, "minimize" as const)),
    createdAtMs: timeMs
  }, plain)

/** A step's record in a run; `seq` has to be unlike any other of the run. */
export const stepRecord = (runId: string, seq: number, address: fc.Arbitrary<string> = name): fc.Arbitrary<StepRecord> =>
  fc.record({
    runId: fc.constant(runId),
    seq: fc.constant(seq),
    address,
    step: name,
    attempt: count,
    decision: fc.constantFrom("executed", "restored", "cached", "skipped"),
    reasons: fc.array(reason, { maxLength: 3 }),
    status: fc.constantFrom("completed", "failed", "skipped"),
    generation: count,
    fingerprint: fc.oneof(digest, fc.constant("")),
    components: nullOr(components),
    seed: nullOr(integer),
    output: nullOr(outputRef),
    trusted: fc.boolean(),
    cacheable: fc.boolean(),
    source: nullOr(fc.record({ runId: name, address: name, generation: count }, plain)),
    retries: count,
    startedAtMs: timeMs,
    durationMs: number,
    error: nullOr(storedError)
  }, plain)

export const activeStep = (runId: string, address: fc.Arbitrary<string> = name): fc.Arbitrary<ActiveStep> =>
  fc.record({
    runId: fc.constant(runId),
    address,
    step: name,
    attempt: count,
    startedAtMs: timeMs,
    rerun: count,
    once: fc.boolean(),
    fingerprint: digest,
    done: nullOr(number),
    total: nullOr(number),
    message: nullOr(text)
  }, plain)

export const checkpointRecord = (
  runId: string,
  { address = name, name: named = name, version = count, seq = count }: {
    readonly address?: fc.Arbitrary<string>
    readonly name?: fc.Arbitrary<string>
    readonly version?: fc.Arbitrary<number>
    readonly seq?: fc.Arbitrary<number>
  } = {}
): fc.Arbitrary<CheckpointRecord> =>
  fc.record({
    runId: fc.constant(runId),
    address,
    name: named,
    version,
    seq,
    fingerprint: digest,
    generation: count,
    attempt: count,
    output: outputRef,
    position: fc.record({
      points: record(fc.record({ count, nextIndex: number }, plain)),
      random: nullOr(fc.array(number, { maxLength: 4 })),
      versions: record(count)
    }, plain),
    savedAtMs: timeMs
  }, plain)

export const artifactRecord = (
  runId: string,
  { address = name, name: named = name, generation = count }: {
    readonly address?: fc.Arbitrary<string>
    readonly name?: fc.Arbitrary<string>
    readonly generation?: fc.Arbitrary<number>
  } = {}
): fc.Arbitrary<ArtifactRecord> =>
  fc.record({
    runId: fc.constant(runId),
    address,
    generation,
    attempt: count,
    name: named,
    digest,
    sizeBytes: count,
    mediaType: text,
    codec: nullOr(text),
    createdAtMs: timeMs
  }, plain)

export const logRecord = (runId: string, seq: number): fc.Arbitrary<LogRecord> =>
  fc.record({
    runId: fc.constant(runId),
    seq: fc.constant(seq),
    address: name,
    attempt: count,
    atMs: timeMs,
    level: fc.constantFrom("debug", "info", "warn", "error"),
    message: text
  }, plain)

/** Figures of a series as stores have to keep them: every float64, NaN and -0 included. */
export const summary: fc.Arbitrary<SeriesSummary> = fc.record({
  count,
  nans: count,
  last: float,
  lastIndex: float,
  min: float,
  minIndex: float,
  max: float,
  maxIndex: float,
  sum: float
}, plain)

/** A chunk at a position; the bytes are of no meaning to a store. */
export const chunkRecord = (chunk: number): fc.Arbitrary<ChunkRecord> =>
  fc.record({ chunk: fc.constant(chunk), count, bytes: fc.uint8Array({ maxLength: 64 }) }, plain)
