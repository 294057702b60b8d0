import type { Annotation, Change, RunRecord, StoreError } from "@uniflow/core"
import { MemoryRunStore } from "@uniflow/core"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import * as Arbitrary from "../RecordArbitraries.ts"
import type { RunStorePlace } from "../RunStoreSuite.ts"
import { expectEqual, property } from "./effects.ts"
import type { Process, Work } from "./runStoreFixtures.ts"
import { checkpointOf, digestOf, everythingOf, newRun, plainChunks, processOf, runOf, work } from "./runStoreFixtures.ts"

/** A run of its own for each case of a property. */
const runsOf = (process: Process) => {
  let n = 0
  return <A>(body: (work: Work, runId: string) => Effect.Effect<A, unknown>, fields: Parameters<typeof work>[2] = {}): Effect.Effect<A, unknown> => {
    const runId = `run-${++n}`
    return Effect.scoped(Effect.flatMap(work(process, runId, { ...fields, create: fields.create ?? newRun(runId) }), (work) => body(work, runId)))
  }
}

const listOf = <A>(make: (n: number) => fc.Arbitrary<A>, maxLength = 4): fc.Arbitrary<ReadonlyArray<A>> =>
  fc.integer({ min: 1, max: maxLength }).chain((length) => fc.tuple(...Array.from({ length }, (_, n) => make(n + 1))))

const sorted = <A>(values: ReadonlyArray<A>, key: (value: A) => string): ReadonlyArray<A> =>
  values.toSorted((a, b) => key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0)

export const roundTripPromises = (promised: Promised<RunStorePlace>, cases: number): void => {
  promised("a run: params, tags and names, whatever they hold", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      let n = 0
      yield* property(fc.tuple(Arbitrary.newRun("?"), Arbitrary.holder, Arbitrary.environment, Arbitrary.timeMs), cases, ([made, holder, environment, startedAtMs]) =>
        Effect.scoped(Effect.gen(function*() {
          const create = { ...made, id: `${made.pipeline}-${n++}` }
          const { claim } = yield* work(a, create.id, { create, holder, environment, startedAtMs })
          const run = yield* runOf(a, create.id)
          const { cancelRequested, crashes, endedAtMs, error, failedStep, heartbeat, heartbeatMonotonicMs, leaseMs, note, revision, status, token, attempts, ...rest } = run
          expectEqual(rest, { ...create, holder, startedAtMs })
          expect(token).toBe(claim.token)
          expectEqual(yield* a.store.attempts(create.id), [
            { runId: create.id, attempt: 1, status: "running", startedAtMs, endedAtMs: null, environment, error: null }
          ])
          const [listed] = yield* a.store.runs({ pipeline: create.pipeline, experiment: create.experiment, limit: 1_000 }).pipe(
            Effect.map((runs) => runs.filter(({ id }) => id === create.id))
          )
          expectEqual(listed, run)
        })))
    }))

  promised("names that begin alike and go on with a quote, a backslash or a control character, in whatever order they are read", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      // V8 from 12.8 on takes one of these keys for another when both are read from JSON by one process.
      const names = ["\\", "\"", "\n", "a\\", "a\"", "a\n", "a\u0001", "a\u001f"]
      for (const [n, name] of names.entries()) {
        const params = { b: 1, [name]: n }
        const tags = { b: "1", [name]: String(n) }
        yield* Effect.scoped(Effect.gen(function*() {
          const { commit } = yield* work(a, `run-${n}`, { create: { ...newRun(`run-${n}`), params, tags } })
          const record = checkpointOf(`run-${n}`, 1, {
            position: { points: { b: { count: 1, nextIndex: 1 }, [name]: { count: n, nextIndex: n } }, random: null, versions: {} }
          })
          yield* commit({ _tag: "CheckpointSaved", record, keep: 2 })
          const run = yield* runOf(a, `run-${n}`)
          expectEqual(run.params, params)
          expectEqual(run.tags, tags)
          expectEqual((yield* a.store.checkpoints(`run-${n}`))[0]?.position, record.position)
        }))
      }
    }))

  promised("tags and notes, whatever they hold", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      yield* property(fc.tuple(Arbitrary.record(Arbitrary.text, Arbitrary.name), Arbitrary.text), cases, ([tags, note]) =>
        inRun((_, runId) =>
          Effect.gen(function*() {
            yield* a.store.annotate(runId, [{ _tag: "Tagged", tags }, { _tag: "Noted", note }])
            const run = yield* runOf(a, runId)
            expectEqual(run.tags, tags)
            expect(run.note).toBe(note)
            yield* a.store.annotate(runId, [{ _tag: "Tagged", tags: Object.fromEntries(Object.keys(tags).map((name) => [name, null])) }])
            expectEqual(Object.keys((yield* runOf(a, runId)).tags), [])
          })
        ))
    }))

  promised("steps, with reasons, fingerprints, outputs and errors", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      yield* property(listOf((seq) => Arbitrary.stepRecord("?", seq)), cases, (made) =>
        inRun(({ commit }, runId) =>
          Effect.gen(function*() {
            const records = made.map((record) => ({ ...record, runId }))
            yield* commit(...records.map((record): Change => ({ _tag: "StepRecorded", record })))
            expectEqual(yield* a.store.steps(runId), records)
            for (const record of records) {
              const found = (yield* a.store.lookup(record.step, record.fingerprint)).some((one) => one.runId === runId && one.seq === record.seq)
              if (!record.cacheable || record.trusted || record.status !== "completed" || record.decision === "restored") expect(found).toBe(false)
            }
          })
        ))
    }))

  promised("steps that are being executed", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      yield* property(fc.uniqueArray(Arbitrary.activeStep("?"), { maxLength: 4, selector: ({ address }) => address }), cases, (made) =>
        inRun(({ commit }, runId) =>
          Effect.gen(function*() {
            const records = made.map((active) => ({ ...active, runId }))
            yield* commit(...records.map((active): Change => ({ _tag: "StepActive", active })))
            expectEqual(sorted(yield* a.store.active(runId), ({ address }) => address), sorted(records, ({ address }) => address))
          })
        ))
    }))

  promised("checkpoints, with their position", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      const key = ({ address, name }: { readonly address: string; readonly name: string }): string => JSON.stringify([address, name])
      yield* property(fc.uniqueArray(Arbitrary.checkpointRecord("?"), { maxLength: 4, selector: key }), cases, (made) =>
        inRun(({ commit }, runId) =>
          Effect.gen(function*() {
            const records = made.map((record) => ({ ...record, runId }))
            yield* commit(...records.map((record): Change => ({ _tag: "CheckpointSaved", record, keep: 2 })))
            expectEqual(sorted(yield* a.store.checkpoints(runId), key), sorted(records, key))
          })
        ))
    }))

  promised("named artifacts", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      const key = ({ address, generation, name }: { readonly address: string; readonly generation: number; readonly name: string }): string =>
        JSON.stringify([address, generation, name])
      yield* property(fc.uniqueArray(Arbitrary.artifactRecord("?"), { maxLength: 4, selector: key }), cases, (made) =>
        inRun(({ commit }, runId) =>
          Effect.gen(function*() {
            const records = made.map((record) => ({ ...record, runId }))
            yield* commit(...records.map((record): Change => ({ _tag: "ArtifactNamed", record })))
            expectEqual(sorted(yield* a.store.artifacts(runId), key), sorted(records, key))
          })
        ))
    }))

  promised("log lines", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      yield* property(listOf((seq) => Arbitrary.logRecord("?", seq), 6), cases, (made) =>
        inRun(({ commit }, runId) =>
          Effect.gen(function*() {
            const logs = made.map((line) => ({ ...line, runId }))
            yield* commit({ _tag: "LogsAdded", logs })
            expectEqual(yield* a.store.logs(runId), logs)
            const { address } = logs[0]!
            expectEqual(yield* a.store.logs(runId, { address }), logs.filter((line) => line.address === address))
          })
        ))
    }))

  promised("the figures of a series, every bit of them: NaN, -0 and both infinities", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      const series = fc.record({ address: Arbitrary.name, generation: Arbitrary.count, key: Arbitrary.name }, { noNullPrototype: true })
      yield* property(fc.tuple(series, Arbitrary.summary, listOf((n) => Arbitrary.chunkRecord(n - 1))), cases, ([series, summary, chunks]) =>
        inRun(({ commit }, runId) =>
          Effect.gen(function*() {
            yield* commit({ _tag: "PointsWritten", series, chunks, summary })
            const { revision } = yield* runOf(a, runId)
            expectEqual(yield* a.store.series(runId), [{ runId, ...series, summary, revision }])
            expectEqual(plainChunks(yield* a.store.chunks({ runId, ...series })), chunks)
          })
        ))
    }))

  promised("the errors that attempts end in", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const inRun = runsOf(a)
      yield* property(fc.tuple(Arbitrary.storedError, Arbitrary.name, Arbitrary.timeMs), cases, ([error, failedStep, endedAtMs]) =>
        inRun(({ end }, runId) =>
          Effect.gen(function*() {
            yield* end({ status: "failed", error, failedStep, endedAtMs })
            expect(yield* runOf(a, runId)).toMatchObject({ failedStep, endedAtMs })
            expectEqual((yield* runOf(a, runId)).error, error)
            expectEqual((yield* a.store.attempts(runId))[0]?.error, error)
          })
        ))
    }))

  promised("any sequence of changes leaves the same as it leaves in memory, refused ones included", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const memory = yield* processOf({ open: MemoryRunStore.make })
      let n = 0
      yield* property(fc.array(fc.oneof({ weight: 5, arbitrary: changes }, { weight: 1, arbitrary: annotations }), { maxLength: 12 }), cases, (steps) =>
        Effect.gen(function*() {
          const runId = `run-${++n}`
          const left = yield* Effect.forEach([a, memory], (process) =>
            Effect.scoped(Effect.gen(function*() {
              const { commit } = yield* work(process, runId)
              const outcomes: Array<string> = []
              for (const step of steps) {
                const effect: Effect.Effect<unknown, StoreError> = step.kind === "changes"
                  ? commit(...step.changes(runId))
                  : process.store.annotate(runId, step.annotations)
                const outcome = yield* Effect.result(effect)
                outcomes.push(Result.isSuccess(outcome) ? "done" : outcome.failure.reason)
              }
              const { run, series, ...rest } = yield* everythingOf(process, runId)
              const { heartbeat, heartbeatMonotonicMs, revision, token, ...fields }: RunRecord = run!
              return { outcomes, fields, ...rest, series: series.map(({ revision, ...series }) => series) }
            })))
          expectEqual(left[0], left[1])
        }))
    }))
}

// Few names, so that changes meet: what is written is replaced, moved, cut and cleared by what follows.
const address = fc.constantFrom("train", "train[1]")
const named = fc.constantFrom("a", "b")
const small = fc.integer({ min: 0, max: 3 })

const change: fc.Arbitrary<(runId: string) => Change> = fc.oneof(
  fc.integer({ min: 1, max: 30 }).chain((seq) => Arbitrary.stepRecord("?", seq, address)).map((record) => (runId: string): Change => ({
    _tag: "StepRecorded",
    record: { ...record, runId }
  })),
  Arbitrary.activeStep("?", address).map((active) => (runId: string): Change => ({ _tag: "StepActive", active: { ...active, runId } })),
  address.map((address) => (): Change => ({ _tag: "StepInactive", address })),
  fc.tuple(address, named, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 })).chain(([address, name, version, keep]) =>
    // A seq of its own for each name and version: equal ones have no order.
    Arbitrary.checkpointRecord("?", {
      address: fc.constant(address),
      name: fc.constant(name),
      version: fc.constant(version),
      seq: fc.constant(version * 2 + (name === "a" ? 0 : 1))
    }).map((record) => (runId: string): Change => ({ _tag: "CheckpointSaved", record: { ...record, runId, generation: version % 3 }, keep }))
  ),
  fc.tuple(address, fc.option(named, { nil: undefined })).map(([address, name]) => (): Change => ({ _tag: "CheckpointRemoved", address, name })),
  fc.tuple(address, small, small, fc.nat(8)).map(([address, from, to, upToSeq]) => (): Change => ({ _tag: "CheckpointsMoved", address, from, to, upToSeq })),
  fc.tuple(address, small, named, fc.uniqueArray(small, { maxLength: 4 }), fc.uint8Array({ maxLength: 8 }), Arbitrary.summary).map(
    ([address, generation, key, positions, bytes, summary]) => (): Change => ({
      _tag: "PointsWritten",
      series: { address, generation, key },
      chunks: positions.map((chunk) => ({ chunk, count: bytes.length, bytes })),
      summary
    })
  ),
  fc.tuple(address, small, named, small).map(([address, generation, key, fromChunk]) => (): Change => ({
    _tag: "PointsCut",
    series: { address, generation, key },
    fromChunk
  })),
  fc.tuple(address, small).map(([address, generation]) => (): Change => ({ _tag: "GenerationCleared", address, generation })),
  Arbitrary.artifactRecord("?", { address, name: named, generation: small }).map((record) => (runId: string): Change => ({
    _tag: "ArtifactNamed",
    record: { ...record, runId }
  })),
  fc.integer({ min: 1, max: 30 }).chain((seq) => Arbitrary.logRecord("?", seq)).map((line) => (runId: string): Change => ({
    _tag: "LogsAdded",
    logs: [{ ...line, runId }]
  })),
  fc.nat(3).map((n) => (): Change => ({ _tag: "BlobKept", digest: digestOf(n), bytes: new Uint8Array([n]) }))
)

/** Changes of a run, in commits. */
export const changes = fc.array(change, { maxLength: 5 }).map((made) => ({
  kind: "changes" as const,
  changes: (runId: string): ReadonlyArray<Change> => made.map((one) => one(runId))
}))

const annotation: fc.Arbitrary<Annotation> = fc.oneof(
  fc.array(fc.tuple(named, fc.option(Arbitrary.text, { nil: null })), { maxLength: 2 }).map((tags): Annotation => ({ _tag: "Tagged", tags: Object.fromEntries(tags) })),
  fc.option(Arbitrary.text, { nil: null }).map((note): Annotation => ({ _tag: "Noted", note })),
  fc.constant<Annotation>({ _tag: "CancelRequested" })
)

const annotations = fc.array(annotation, { maxLength: 2 }).map((annotations) => ({ kind: "annotations" as const, annotations }))
