import type { StepRecord } from "@uniflow/core"
import { Effect } from "effect"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStoreCapabilities, RunStorePlace } from "../RunStoreSuite.ts"
import {
  activeOf,
  artifactOf,
  checkpointOf,
  environment,
  everythingOf,
  frozen,
  logOf,
  pointsOf,
  processOf,
  recorded,
  refused,
  runOf,
  stepOf,
  work
} from "./runStoreFixtures.ts"

export const annotationPromises = (promised: Promised<RunStorePlace>, can: RunStoreCapabilities): void => {
  promised("Tagged sets and removes tags, Noted sets and removes the note, at any time and without the lease", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const { commit, end } = yield* work(a)
      const b = yield* processOf(place, "process-2")
      expect(yield* b.store.annotate("run-1", [{ _tag: "Tagged", tags: { a: "1", b: "2", "": "empty" } }, { _tag: "Noted", note: "look" }])).toBe(true)
      const { revision, tags, note, holder } = yield* runOf(b)
      expect({ tags, note, holder }).toStrictEqual({ tags: { a: "1", b: "2", "": "empty" }, note: "look", holder: a.holder })
      yield* b.store.annotate("run-1", [{ _tag: "Tagged", tags: { a: null, b: "3", c: null } }, { _tag: "Tagged", tags: { "": null } }])
      expect(yield* runOf(b)).toMatchObject({ tags: { b: "3" }, note: "look" })
      expect(Object.keys((yield* runOf(b)).tags)).toStrictEqual(["b"])
      expect((yield* runOf(b)).revision).toBeGreaterThan(revision)
      yield* commit(recorded("run-1", 1))
      yield* end()
      yield* b.store.annotate("run-1", [{ _tag: "Noted", note: null }])
      expect(yield* runOf(b)).toMatchObject({ note: null, status: "completed" })
    }), can.shared)

  promised("CancelRequested is seen by the holder, which may go on writing", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* a.store.annotate("run-1", [{ _tag: "CancelRequested" }])
      expect(yield* runOf(a)).toMatchObject({ cancelRequested: true, status: "running" })
      yield* commit(recorded("run-1", 1))
    }))

  promised("an unknown run cannot be annotated, and is not made by it", (place) =>
    Effect.gen(function*() {
      const { store } = yield* processOf(place)
      expect(yield* store.annotate("nobody", [{ _tag: "Noted", note: "?" }])).toBe(false)
      expect(yield* store.run("nobody")).toBeUndefined()
    }))

  const answered = (attempts: number, records: ReadonlyArray<StepRecord> = []) =>
    ({ _tag: "AnsweredAgain", attempts, environment, atMs: 9_000, records }) as const

  promised("AnsweredAgain adds a completed attempt with its records and leaves the rest of the run", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit, end } = yield* work(a)
      yield* commit(recorded("run-1", 1))
      yield* end()
      const before = yield* runOf(a)
      const restored = stepOf("run-1", 2, { attempt: 2, decision: "restored", reasons: [{ component: "match" }] })
      expect(yield* a.store.annotate("run-1", [answered(1, [restored])])).toBe(true)
      const { attempts, revision, ...rest } = yield* runOf(a)
      const { attempts: _, revision: earlier, ...same } = before
      expect(rest).toStrictEqual(same)
      expect(attempts).toBe(2)
      expect(revision).toBeGreaterThan(earlier)
      expect((yield* a.store.attempts("run-1"))[1]).toStrictEqual({
        runId: "run-1",
        attempt: 2,
        status: "completed",
        startedAtMs: 9_000,
        endedAtMs: 9_000,
        environment,
        error: null
      })
      expect(yield* a.store.steps("run-1")).toStrictEqual([stepOf("run-1", 1), restored])
      expect(yield* a.store.annotate("run-1", [answered(2)])).toBe(true)
      expect((yield* runOf(a)).attempts).toBe(3)
    }))

  promised("AnsweredAgain is refused for a run that is not completed, or that went on meanwhile, with all that came with it", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const again = [{ _tag: "Noted", note: "no" } as const, answered(1, [stepOf("run-1", 5)])]
      const first = yield* work(a)
      const held = yield* everythingOf(a)
      yield* refused(a.store.annotate("run-1", again), "LeaseLost")
      expect(yield* everythingOf(a)).toStrictEqual(held)
      yield* first.end({ status: "failed" })
      yield* refused(a.store.annotate("run-1", again), "LeaseLost")
      yield* (yield* work(a)).end()
      const completed = yield* everythingOf(a)
      yield* refused(a.store.annotate("run-1", again), "LeaseLost")
      yield* refused(a.store.annotate("run-1", [answered(3)]), "LeaseLost")
      expect(yield* everythingOf(a)).toStrictEqual(completed)
      expect(yield* a.store.annotate("run-1", [answered(2)])).toBe(true)
      yield* refused(a.store.annotate("run-1", [answered(2)]), "LeaseLost")
    }))

  promised("AnsweredAgain may not repeat the position of a step that is recorded", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit, end } = yield* work(a)
      yield* commit(recorded("run-1", 1))
      yield* end()
      const before = yield* everythingOf(a)
      const records = [stepOf("run-1", 2, { attempt: 2 }), stepOf("run-1", 1, { attempt: 2 })]
      yield* refused(a.store.annotate("run-1", [{ _tag: "Noted", note: "no" }, answered(1, records)]), "NotPermitted")
      expect(yield* everythingOf(a)).toStrictEqual(before)
    }))

  promised("of eight answers at once exactly one is recorded", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      yield* (yield* work(a)).end()
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 8 }),
        () => Effect.match(a.store.annotate("run-1", [answered(1)]), { onFailure: ({ reason }) => reason, onSuccess: () => "answered" as const }),
        { concurrency: "unbounded" }
      )
      expect(outcomes.toSorted()).toStrictEqual([...Array.from({ length: 7 }, () => "LeaseLost"), "answered"])
      expect(yield* a.store.attempts("run-1")).toHaveLength(2)
    }))

  promised("remove takes a run away with everything that was recorded of it, and no other", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit, end } = yield* work(a)
      yield* commit(
        recorded("run-1", 1, { cacheable: true }),
        pointsOf("loss", [0, 1]),
        { _tag: "CheckpointSaved", record: checkpointOf("run-1", 1), keep: 2 },
        { _tag: "ArtifactNamed", record: artifactOf("run-1", "a") },
        { _tag: "LogsAdded", logs: [logOf("run-1", 1)] },
        { _tag: "StepActive", active: activeOf("run-1", "pay", { once: true }) }
      )
      yield* end()
      yield* work(a, "run-2")
      const other = yield* everythingOf(a, "run-2")
      expect(yield* a.store.remove("run-1")).toBe(true)
      const nothing = { run: undefined, attempts: [], steps: [], active: [], series: [], chunks: [], checkpoints: [], artifacts: [], logs: [] }
      expect(yield* everythingOf(a)).toStrictEqual(nothing)
      expect(yield* a.store.chunks({ runId: "run-1", address: "train", generation: 1, key: "loss" })).toStrictEqual([])
      expect(yield* a.store.lookup("train", stepOf("run-1", 1).fingerprint)).toStrictEqual([])
      expect(yield* a.store.runs({ limit: 10 })).toHaveLength(1)
      expect(yield* everythingOf(a, "run-2")).toStrictEqual(other)
      expect(yield* a.store.remove("run-1")).toBe(false)
      yield* work(a, "run-1")
      expect(yield* everythingOf(a)).toMatchObject({ ...nothing, run: { attempts: 1 }, attempts: [{ attempt: 1 }] })
    }))

  promised("a run that is held is not removed; one whose holder is dead is", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      yield* frozen(work(a))
      const held = yield* everythingOf(a)
      yield* refused(a.store.remove("run-1"), "NotPermitted")
      const b = yield* processOf(place, "process-2")
      yield* refused(b.store.remove("run-1"), "NotPermitted")
      const stranger = yield* processOf(place, "process-3", { bootId: "boot-2" })
      yield* refused(stranger.store.remove("run-1"), "NotPermitted")
      expect(yield* everythingOf(a)).toStrictEqual(held)
      const c = yield* processOf(place, "process-4", { look: () => "dead" })
      expect(yield* c.store.remove("run-1")).toBe(true)
      expect(yield* c.store.run("run-1")).toBeUndefined()
    }), can.shared)
}
