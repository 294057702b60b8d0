import type { Change } from "@uniflow/core"
import { Effect, Exit, Fiber } from "effect"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStoreCapabilities, RunStorePlace } from "../RunStoreSuite.ts"
import { turn } from "./effects.ts"
import {
  activeOf,
  artifactOf,
  checkpointOf,
  digestOf,
  everythingOf,
  frozen,
  logOf,
  pointsOf,
  processOf,
  recorded,
  refused,
  requestOf,
  runOf,
  work
} from "./runStoreFixtures.ts"

const blob = digestOf(900)

/** One change of each kind, none of which may be seen when its commit fails. */
const all = (seq: number): ReadonlyArray<Change> => [
  recorded("run-1", seq),
  { _tag: "BlobKept", digest: blob, bytes: new Uint8Array([1]) },
  { _tag: "StepActive", active: activeOf("run-1", "load", { message: "no" }) },
  { _tag: "CheckpointSaved", record: checkpointOf("run-1", 2), keep: 1 },
  { _tag: "CheckpointsMoved", address: "train", from: 1, to: 9, upToSeq: 9 },
  pointsOf("loss", [0, 1], { fill: 9 }),
  { _tag: "PointsCut", series: { address: "train", generation: 1, key: "accuracy" }, fromChunk: 0 },
  { _tag: "GenerationCleared", address: "train", generation: 3 },
  { _tag: "ArtifactNamed", record: artifactOf("run-1", "plot", { mediaType: "no" }) },
  { _tag: "LogsAdded", logs: [logOf("run-1", seq)] },
  { _tag: "StepInactive", address: "pay" },
  { _tag: "CheckpointRemoved", address: "other", name: undefined },
  { _tag: "AttemptEnded", attempt: 1, status: "failed", endedAtMs: 1, error: null, failedStep: "train" }
]

/** Something of everything that `all` would change. */
const prepared: ReadonlyArray<Change> = [
  recorded("run-1", 1),
  { _tag: "StepActive", active: activeOf("run-1", "pay") },
  { _tag: "CheckpointSaved", record: checkpointOf("run-1", 1), keep: 2 },
  { _tag: "CheckpointSaved", record: checkpointOf("run-1", 1, { address: "other" }), keep: 2 },
  pointsOf("loss", [0]),
  pointsOf("accuracy", [0]),
  pointsOf("loss", [0], { generation: 3 }),
  { _tag: "ArtifactNamed", record: artifactOf("run-1", "plot") },
  { _tag: "LogsAdded", logs: [logOf("run-1", 1)] }
]

export const fencePromises = (promised: Promised<RunStorePlace>, can: RunStoreCapabilities): void => {
  promised("a commit with a token that no longer holds is LeaseLost and leaves nothing, whatever it would change", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const old = yield* frozen(work(a))
      yield* old.commit(...prepared)
      const b = yield* processOf(place, "process-2", { look: () => "dead" })
      const now = yield* work(b)
      const before = yield* everythingOf(b)
      yield* refused(old.commit(...all(2)), "LeaseLost")
      for (const change of all(2)) yield* refused(old.commit(change), "LeaseLost")
      expect(yield* everythingOf(b)).toStrictEqual(before)
      expect(yield* b.store.blob(blob)).toBeUndefined()
      yield* now.commit(...all(2))
      expect(yield* runOf(b)).toMatchObject({ status: "failed" })
    }), can.shared)

  promised("only the token that was given last holds", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { claim } = yield* work(a)
      for (const token of [0, -1, claim.token - 1, claim.token + 1]) {
        yield* refused(a.store.commit({ runId: "run-1", token }, [recorded("run-1", 1)]), "LeaseLost")
      }
      yield* refused(a.store.commit({ runId: "nobody", token: claim.token }, [recorded("nobody", 1)]), "LeaseLost")
      yield* work(a, "run-2")
      yield* refused(a.store.commit({ runId: "run-2", token: claim.token }, [recorded("run-2", 1)]), "LeaseLost")
      expect(yield* a.store.steps("run-1")).toStrictEqual([])
    }))

  promised("a commit of no changes tells whether the token holds, and changes nothing", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit, writer } = yield* work(a)
      const before = yield* everythingOf(a)
      yield* commit()
      expect(yield* everythingOf(a)).toStrictEqual(before)
      yield* refused(a.store.commit({ ...writer, token: writer.token + 1 }, []), "LeaseLost")
    }))

  promised("a token is spent when its attempt has ended", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit, end } = yield* work(a)
      yield* end()
      const ended = yield* everythingOf(a)
      yield* refused(commit(recorded("run-1", 1)), "LeaseLost")
      yield* refused(commit(), "LeaseLost")
      yield* refused(end(), "LeaseLost")
      expect(yield* everythingOf(a)).toStrictEqual(ended)
    }))

  promised("a token is spent when its run was removed", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const { commit } = yield* frozen(work(a))
      const b = yield* processOf(place, "process-2", { look: () => "dead" })
      yield* b.store.remove("run-1")
      yield* refused(commit(...all(1)), "LeaseLost")
      expect(yield* b.store.run("run-1")).toBeUndefined()
      expect(yield* b.store.steps("run-1")).toStrictEqual([])
    }), can.shared)

  promised("a stale commit does not disturb those that are made at the same moment", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const works = yield* Effect.forEach(Array.from({ length: 8 }, (_, n) => `run-${n}`), (runId) => frozen(work(a, runId)))
      const b = yield* processOf(place, "process-2", { look: () => "dead" })
      const stale = [2, 5]
      for (const n of stale) yield* work(b, `run-${n}`)
      const commits = [1, 2, 3].flatMap((seq) => works.map(({ commit }, n) => ({ n, commit: commit(recorded(`run-${n}`, seq)) })))
      const exits = yield* Effect.forEach(commits, ({ commit }) => Effect.exit(commit), { concurrency: "unbounded" })
      expect(exits.map(Exit.isFailure)).toStrictEqual(commits.map(({ n }) => stale.includes(n)))
      for (const n of works.keys()) {
        expect(yield* a.store.steps(`run-${n}`), `run-${n}`).toHaveLength(stale.includes(n) ? 0 : 3)
      }
    }), can.shared)

  for (const [what, refusedChange] of [
    ["a step", recorded("run-1", 1)],
    ["a log line", { _tag: "LogsAdded", logs: [logOf("run-1", 2), logOf("run-1", 1)] }]
  ] as const) {
    promised(`a commit that repeats the position of ${what} is refused and leaves nothing, what came before it included`, (place) =>
      Effect.gen(function*() {
        const a = yield* processOf(place)
        const { commit } = yield* work(a)
        yield* commit(...prepared)
        const before = yield* everythingOf(a)
        yield* refused(commit(...all(2).filter(({ _tag }) => _tag !== "LogsAdded"), refusedChange), "NotPermitted")
        yield* refused(commit(refusedChange, ...all(2).filter(({ _tag }) => _tag !== "LogsAdded")), "NotPermitted")
        expect(yield* everythingOf(a)).toStrictEqual(before)
        expect(yield* a.store.blob(blob)).toBeUndefined()
        yield* commit(...all(2))
      }))
  }

  promised("a position may not be used twice within one commit", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* refused(commit(recorded("run-1", 1), recorded("run-1", 1, { address: "other" })), "NotPermitted")
      expect(yield* a.store.steps("run-1")).toStrictEqual([])
    }))

  promised("a refused commit does not disturb those that are made at the same moment", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const works = yield* Effect.forEach(Array.from({ length: 6 }, (_, n) => `run-${n}`), (runId) => work(a, runId))
      yield* works[3]!.commit(recorded("run-3", 1))
      const exits = yield* Effect.forEach(works, ({ commit }, n) => Effect.exit(commit(recorded(`run-${n}`, 2), recorded(`run-${n}`, 1))), { concurrency: "unbounded" })
      expect(exits.map(Exit.isSuccess)).toStrictEqual([true, true, true, false, true, true])
      for (const n of works.keys()) expect(yield* a.store.steps(`run-${n}`)).toHaveLength(n === 3 ? 1 : 2)
    }))

  promised("commits of one run that are made at the same moment are all recorded", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const seqs = Array.from({ length: 100 }, (_, n) => n + 1)
      yield* Effect.forEach(seqs, (seq) => commit(recorded("run-1", seq)), { concurrency: "unbounded" })
      expect((yield* a.store.steps("run-1")).map(({ seq }) => seq)).toStrictEqual(seqs)
    }))

  promised("a commit that is interrupted is recorded completely or not at all", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      for (let n = 0; n < 20; n++) {
        const fiber = yield* Effect.forkChild(commit(recorded("run-1", 2 * n + 1), recorded("run-1", 2 * n + 2)), { startImmediately: true })
        if (n % 2 === 0) yield* Effect.yieldNow
        if (n % 3 === 0) yield* turn
        yield* Fiber.interrupt(fiber)
      }
      yield* commit()
      const seqs = (yield* a.store.steps("run-1")).map(({ seq }) => seq)
      for (const seq of seqs) expect(seqs).toContain(seq % 2 === 0 ? seq - 1 : seq + 1)
    }))

  promised("what was committed is there when the store is opened again, and tokens go on", (place) =>
    Effect.gen(function*() {
      const { before, token } = yield* Effect.scoped(Effect.gen(function*() {
        const a = yield* processOf(place)
        const { claim, commit } = yield* work(a)
        yield* commit(...all(1).slice(0, -1))
        const before = yield* everythingOf(a)
        return { before, token: claim.token, identity: yield* a.store.identity }
      }))
      const again = yield* processOf(place, "process-2")
      const { run, ...rest } = yield* everythingOf(again)
      const { run: was, ...same } = before
      expect(rest).toStrictEqual(same)
      expect(run).toMatchObject({ params: was?.params, status: "running", attempts: 1 })
      expect(yield* again.store.blob(blob)).toEqual(new Uint8Array([1]))
      expect((yield* again.store.claim(requestOf(again, "run-1"))).token).toBeGreaterThan(token)
    }), can.durable)

  promised("a store has an identity of its own: the same through each handle, another one elsewhere", (place) =>
    Effect.gen(function*() {
      const a = yield* (yield* processOf(place, "process-1")).store.identity
      const b = yield* (yield* processOf(place, "process-2")).store.identity
      expect(a.id).not.toBe("")
      expect(a.secret).toHaveLength(32)
      expect(new Set(a.secret).size).toBeGreaterThan(4)
      expect(b.id).toBe(a.id)
      expect(b.secret).toEqual(a.secret)
    }), can.shared)
}
