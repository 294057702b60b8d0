import { Filter, MemoryRunStore, readBundle, type RunBundle, type RunRecord, type RunStoreService } from "@uniflow/core"
import { Effect, Result, type Scope } from "effect"
import * as fc from "fast-check"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStorePlace } from "../RunStoreSuite.ts"
import { expectEqual, failureOf, property } from "./effects.ts"
import { digestOf, environment, everythingOf, logOf, newRun, outputOf, pointsOf, type Process, processOf, recorded, runOf, stepOf, work } from "./runStoreFixtures.ts"
import { changes } from "./runStoreRoundTrips.ts"

/** What a store tells of a run, without what each store counts by itself. */
const told = Effect.fnUntraced(function*(process: Process, runId: string) {
  const { run, series, ...rest } = yield* everythingOf(process, runId)
  const { cancelRequested, heartbeat, heartbeatMonotonicMs, holder, revision, token, ...fields }: RunRecord = run!
  return { fields, ...rest, series: series.map(({ revision, ...one }) => one) }
})

/** A run of a store in memory that ended, as a bundle. */
const made = Effect.fnUntraced(function*(runId = "run-1"): Effect.fn.Return<RunBundle, unknown, Scope.Scope> {
  const memory = yield* processOf({ open: MemoryRunStore.make })
  yield* Effect.scoped(Effect.gen(function*() {
    const { commit, end } = yield* work(memory, runId)
    yield* commit({ _tag: "StepRecorded", record: stepOf(runId, 1, { output: outputOf(digestOf(1)) }) })
    yield* end()
  }))
  return (yield* readBundle(memory.store, runId))!
}, Effect.scoped)

export const restorePromises = (promised: Promised<RunStorePlace>, cases: number): void => {
  promised("a restored run reads as it did, whatever was recorded of it", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const memory = yield* processOf({ open: MemoryRunStore.make })
      let n = 0
      yield* property(fc.tuple(fc.array(changes, { maxLength: 12 }), fc.boolean()), cases, ([commits, ends]) =>
        Effect.gen(function*() {
          const runId = `run-${++n}`
          yield* Effect.scoped(Effect.gen(function*() {
            const { commit, end } = yield* work(memory, runId, { create: newRun(runId, { tags: { stage: "a" }, params: { rate: n } }) })
            for (const one of commits) yield* Effect.ignore(commit(...one.changes(runId)))
            if (ends) yield* end()
          }))
          const bundle = (yield* readBundle(memory.store, runId))!
          yield* a.store.restore(bundle, [])
          const original = yield* told(memory, runId)
          const interrupted = ends ? {} : { status: "interrupted" as const }
          expectEqual(yield* told(a, runId), {
            ...original,
            fields: { ...original.fields, ...interrupted },
            attempts: original.attempts.map((attempt) => ({ ...attempt, ...interrupted }))
          })
          // And a copy of the copy is the same again.
          const { run: { revision: _, token: __, ...run }, ...rest } = (yield* readBundle(a.store, runId))!
          const { run: { revision: ___, token: ____, ...first }, ...others } = bundle
          expectEqual(run, first)
          expectEqual(rest.steps, others.steps)
        }))
    }))

  promised("it is found by what it was found by: params, tags, Git, and the metrics of the generation that counts", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const memory = yield* processOf({ open: MemoryRunStore.make })
      const git = { commit: "c0ffee", branch: "main", dirty: true }
      yield* Effect.scoped(Effect.gen(function*() {
        const create = newRun("run-1", { params: { rate: 0.1, model: { size: "small" } }, tags: { stage: "trial" } })
        const { commit } = yield* work(memory, "run-1", { create, environment: { ...environment, git } })
        yield* commit(pointsOf("loss", [3], { address: "train", generation: 1 }))
        yield* commit(recorded("run-1", 1, { address: "train", generation: 1, status: "failed" }))
        yield* commit(pointsOf("loss", [5], { address: "train", generation: 2 }))
        yield* commit(recorded("run-1", 2, { address: "train", generation: 2 }))
        yield* commit(pointsOf("loss", [7], { address: "test", generation: 1 }))
        yield* commit(recorded("run-1", 3, { address: "test", generation: 1 }))
        yield* commit(pointsOf("loss", [2], { address: "test", generation: 2 }))
      }))
      yield* a.store.restore((yield* readBundle(memory.store, "run-1"))!, [])
      for (const text of ["params.rate = 0.1", "params.model.size = 'small'", "tags.stage = 'trial'", "run.git.commit = 'c0ffee'", "run.status = 'interrupted'"]) {
        expect((yield* a.store.find({ where: Filter.parse(text), limit: 10 })).map(({ run }) => run.id), text).toEqual(["run-1"])
      }
      const metrics = Effect.map(a.store.find({ limit: 1 }), ([found]) => found!.metrics)
      expectEqual(yield* metrics, (yield* memory.store.find({ limit: 1 }))[0]!.metrics)
      expect((yield* metrics).map(({ address, generation }) => `${address} ${generation}`)).toEqual(["test 2", "train 2"])
    }))

  for (const [often, times] of [["once", 1], ["again and again", Infinity]] as const) {
    promised(`a run that changes ${often} while it is read is read as it stood at one moment`, (place) =>
      Effect.scoped(Effect.gen(function*() {
        const a = yield* processOf(place)
        const { commit } = yield* work(a)
        let seq = 0
        let left: number = times
        let isStill = false
        // One commit adds a step and a line: between reading the lines and reading the steps.
        const change = Effect.suspend(() => {
          if (isStill || left-- <= 0) return Effect.void
          seq++
          return commit(recorded("run-1", seq, { address: `s${seq}` }), { _tag: "LogsAdded", logs: [logOf("run-1", seq)] })
        })
        const store: RunStoreService = {
          ...a.store,
          attempts: (runId) => Effect.andThen(change, a.store.attempts(runId)),
          exclusively: (effect) => {
            isStill = true
            return Effect.ensuring(a.store.exclusively(effect), Effect.sync(() => void (isStill = false)))
          }
        }
        const { logs, steps } = (yield* readBundle(store, "run-1"))!
        expect(steps.map((step) => step.seq)).toEqual(logs.map((line) => line.seq))
        expect(steps).toHaveLength(seq)
        expect(seq).toBeGreaterThanOrEqual(Math.min(times, 2))
      })))
  }

  promised("a taken id is refused, and what stands there stays", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const bundle = yield* made()
      yield* Effect.scoped(work(a, "run-1"))
      const before = yield* everythingOf(a)
      expect((yield* failureOf(a.store.restore(bundle, []))).reason).toBe("RunExists")
      expectEqual(yield* everythingOf(a), before)
    }))

  promised("of two restores of one id at once, one wins", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const bundle = yield* made()
      const others = yield* Effect.forEach(["run-2", "run-3", "run-4"], made)
      const outcomes = yield* Effect.forEach([bundle, bundle, ...others], (one) => Effect.result(a.store.restore(one, [])), { concurrency: "unbounded" })
      expect(outcomes.filter(Result.isFailure).map(({ failure }) => failure.reason)).toEqual(["RunExists"])
      expect((yield* a.store.runs({ limit: 10 })).map(({ id }) => id).sort()).toEqual(["run-1", "run-2", "run-3", "run-4"])
    }))

  promised("a bundle that cannot be recorded as a whole leaves nothing", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const bundle = yield* made()
      const twice = { ...bundle, steps: [...bundle.steps, ...bundle.steps] }
      yield* failureOf(a.store.restore(twice, [{ digest: digestOf(1), bytes: new Uint8Array([1]) }]))
      expect(yield* a.store.run("run-1")).toBeUndefined()
      expect(yield* a.store.blob(digestOf(1))).toBeUndefined()
      yield* a.store.restore(bundle, [])
      expect((yield* runOf(a)).status).toBe("completed")
    }))

  promised("small bytes come with it, and are referred to", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const bundle = yield* made()
      yield* a.store.restore(bundle, [{ digest: digestOf(1), bytes: new Uint8Array([1]) }])
      expect(yield* a.store.blob(digestOf(1))).toEqual(new Uint8Array([1]))
      expect(yield* a.store.unreferenced([digestOf(1), digestOf(2)])).toEqual([digestOf(2)])
      expect(yield* a.store.collectBlobs({ refreshedBeforeMs: 1e15, dryRun: true })).toEqual({ count: 0, sizeBytes: 0 })
    }))

  promised("a restored run is taken, gone on with and followed like any other", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      yield* Effect.scoped(work(a, "run-0"))
      const { cursor } = yield* a.store.changes(0)
      yield* a.store.restore(yield* made(), [])
      expect((yield* a.store.changes(cursor)).runIds).toEqual(["run-1"])
      const { revision } = yield* runOf(a)
      yield* Effect.scoped(Effect.gen(function*() {
        const { claim, commit, end } = yield* work(a, "run-1", { create: undefined })
        expect(claim).toMatchObject({ attempt: 2, created: false })
        expect(claim.token).toBeGreaterThan(revision)
        yield* commit({ _tag: "StepRecorded", record: stepOf("run-1", 2) })
        yield* end()
      }))
      expect((yield* a.store.steps("run-1")).map(({ seq }) => seq)).toEqual([1, 2])
      expect(yield* a.store.remove("run-1")).toBe(true)
      expect(yield* a.store.run("run-1")).toBeUndefined()
    }))
}
