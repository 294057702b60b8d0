import { Duration, Effect, Exit, Fiber, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStoreCapabilities, RunStorePlace } from "../RunStoreSuite.ts"
import { failureOf, turn } from "./effects.ts"
import {
  activeOf,
  advanceUntilDone,
  environment,
  everythingOf,
  frozen,
  leaseMs,
  newRun,
  processOf,
  recorded,
  refused,
  requestOf,
  runOf,
  work
} from "./runStoreFixtures.ts"

const dead = () => "dead" as const

export const claimPromises = (promised: Promised<RunStorePlace>, can: RunStoreCapabilities): void => {
  promised("a claim makes the run, with everything that was given and nothing else", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const create = newRun("run-1", { params: { rate: 0.1 }, tags: { a: "b" }, goals: { loss: "minimize" }, parent: "run-0" })
      const { claim } = yield* work(a, "run-1", { create })
      const run = yield* runOf(a)
      expect(run).toStrictEqual({
        ...create,
        status: "running",
        note: null,
        error: null,
        failedStep: null,
        startedAtMs: 1_000,
        endedAtMs: null,
        attempts: 1,
        crashes: 0,
        token: claim.token,
        holder: a.holder,
        heartbeat: run.heartbeat,
        heartbeatMonotonicMs: run.heartbeatMonotonicMs,
        leaseMs,
        cancelRequested: false,
        revision: run.revision
      })
      expect(claim).toStrictEqual({ token: claim.token, attempt: 1, created: true, before: undefined })
      expect(yield* a.store.attempts("run-1")).toStrictEqual([
        { runId: "run-1", attempt: 1, status: "running", startedAtMs: 1_000, endedAtMs: null, environment, error: null }
      ])
    }))

  promised("a run that does not exist is not made unless that is asked for", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const error = yield* failureOf(a.store.claim(requestOf(a, "nobody", { create: undefined })))
      expect(error).toMatchObject({ _tag: "RunNotFound", runId: "nobody" })
      expect(yield* a.store.run("nobody")).toBeUndefined()
      expect(yield* a.store.attempts("nobody")).toStrictEqual([])
    }))

  promised("a run that exists is refused where a new one is asked for, free or held, and stays as it is", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { end } = yield* work(a)
      const held = yield* everythingOf(a)
      yield* refused(a.store.claim(requestOf(a, "run-1", { onlyNew: true })), "RunExists")
      expect(yield* everythingOf(a)).toStrictEqual(held)
      yield* end()
      const free = yield* everythingOf(a)
      yield* refused(a.store.claim(requestOf(a, "run-1", { onlyNew: true })), "RunExists")
      expect(yield* everythingOf(a)).toStrictEqual(free)
    }))

  promised("a free run is taken with a new attempt and a higher token; what it was made with stays", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const first = yield* work(a, "run-1", { create: newRun("run-1", { params: { rate: 0.1 }, tags: { kept: "yes" } }) })
      yield* first.end({ status: "failed", error: { name: "Error", message: "no" }, failedStep: "train" })
      const before = yield* runOf(a)
      const b = yield* processOf(place, "process-2")
      const second = yield* work(b, "run-1", {
        create: newRun("run-1", { pipeline: "other", experiment: "other", params: { rate: 9 }, seed: 8, tags: {}, createdAtMs: 9 }),
        startedAtMs: 3_000
      })
      expect(second.claim).toStrictEqual({ token: second.claim.token, attempt: 2, created: false, before })
      expect(second.claim.token).toBeGreaterThan(first.claim.token)
      const run = yield* runOf(b)
      expect(run).toStrictEqual({
        ...before,
        status: "running",
        error: null,
        failedStep: null,
        startedAtMs: 3_000,
        endedAtMs: null,
        attempts: 2,
        token: second.claim.token,
        holder: b.holder,
        heartbeat: run.heartbeat,
        heartbeatMonotonicMs: run.heartbeatMonotonicMs,
        revision: run.revision
      })
      expect(run.revision).toBeGreaterThan(before.revision)
      expect((yield* b.store.attempts("run-1")).map(({ attempt, endedAtMs, status }) => [attempt, status, endedAtMs])).toStrictEqual([
        [1, "failed", 2_000],
        [2, "running", null]
      ])
    }), can.shared)

  promised("a run that was completed may be claimed again", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      yield* (yield* work(a)).end()
      const again = yield* work(a, "run-1", { create: undefined })
      expect(again.claim).toMatchObject({ attempt: 2, created: false, before: { status: "completed", holder: null } })
    }))

  promised("a claim clears a request to cancel", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { end } = yield* work(a)
      yield* a.store.annotate("run-1", [{ _tag: "CancelRequested" }])
      yield* end({ status: "interrupted" })
      expect((yield* runOf(a)).cancelRequested).toBe(true)
      yield* work(a)
      expect((yield* runOf(a)).cancelRequested).toBe(false)
    }))

  for (const look of ["alive", "unknown"] as const) {
    promised(`a run whose holder lives (this machine says ${look}) is refused at once, and told who has it`, (place) =>
      Effect.gen(function*() {
        const a = yield* processOf(place, "process-1")
        yield* work(a)
        const held = yield* everythingOf(a)
        const b = yield* processOf(place, "process-2", { look: () => look })
        const error = yield* failureOf(b.store.claim(requestOf(b, "run-1")))
        expect(error).toMatchObject({ _tag: "RunIsActive", runId: "run-1", holder: a.holder })
        expect(yield* everythingOf(b)).toStrictEqual(held)
      }), can.shared)
  }

  promised("a process that holds a run is refused the same run", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      yield* work(a)
      expect(yield* failureOf(a.store.claim(requestOf(a, "run-1")))).toMatchObject({ _tag: "RunIsActive", holder: a.holder })
    }))

  promised("a holder that is proven dead is superseded at once, and its attempt counts as a crash", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      yield* frozen(work(a))
      const b = yield* processOf(place, "process-2", { look: dead })
      const { claim } = yield* work(b, "run-1", { startedAtMs: 3_000 })
      expect(claim).toMatchObject({ attempt: 2, created: false, before: { status: "running", holder: a.holder, crashes: 0 } })
      expect(yield* runOf(b)).toMatchObject({ status: "running", holder: b.holder, attempts: 2, crashes: 1, startedAtMs: 3_000 })
      expect((yield* b.store.attempts("run-1")).map(({ endedAtMs, status }) => [status, endedAtMs])).toStrictEqual([
        ["crashed", null],
        ["running", null]
      ])
    }), can.shared)

  promised("crashes are counted in a row: an attempt that ends by itself sets them to zero, one that ends as crashed keeps them", (place) =>
    Effect.gen(function*() {
      const crashes: Array<number> = []
      for (const [n, status] of ([undefined, undefined, "crashed", undefined, "failed", undefined, undefined] as const).entries()) {
        const process = yield* processOf(place, `process-${n}`, { look: dead })
        const { end } = yield* frozen(work(process))
        crashes.push((yield* runOf(process)).crashes)
        if (status !== undefined) yield* end({ status })
      }
      expect(crashes).toStrictEqual([0, 1, 2, 2, 3, 0, 1])
    }), can.shared)

  promised("on one boot a holder whose heartbeat is one lease old is superseded at once, one that is younger is not", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1", { monotonicMs: () => 5_000 })
      yield* frozen(work(a))
      const since = (yield* runOf(a)).heartbeatMonotonicMs
      const young = yield* processOf(place, "process-2", { monotonicMs: () => since + leaseMs - 1_000 })
      expect(yield* failureOf(young.store.claim(requestOf(young, "run-1")))).toMatchObject({ _tag: "RunIsActive", holder: a.holder })
      const old = yield* processOf(place, "process-3", { monotonicMs: () => since + leaseMs + 1_000 })
      expect((yield* work(old)).claim).toMatchObject({ attempt: 2, before: { holder: a.holder } })
      expect((yield* runOf(old)).crashes).toBe(1)
    }), can.shared, can.renewal)

  promised("a heartbeat of another boot is watched for one lease before its holder is superseded", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      yield* frozen(work(a))
      const b = yield* processOf(place, "process-2", { bootId: "boot-2", monotonicMs: () => 1e12 })
      const claiming = yield* Effect.forkChild(work(b))
      for (let part = 0; part < 9; part++) {
        yield* turn
        yield* TestClock.adjust(Duration.millis(leaseMs / 10))
      }
      yield* turn
      expect(claiming.pollUnsafe()).toBeUndefined()
      expect((yield* runOf(b)).holder).toStrictEqual(a.holder)
      yield* advanceUntilDone(claiming, leaseMs / 10)
      expect((yield* Fiber.join(claiming)).claim).toMatchObject({ attempt: 2, before: { holder: a.holder } })
      expect(yield* runOf(b)).toMatchObject({ holder: b.holder, crashes: 1 })
    }), can.shared, can.renewal)

  promised("processes that do not know their boot have no common clock: a heartbeat is watched, whatever its age", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1", { bootId: "", monotonicMs: () => 5_000 })
      yield* frozen(work(a))
      const b = yield* processOf(place, "process-2", { bootId: "", monotonicMs: () => 1e12 })
      const claiming = yield* Effect.forkChild(work(b))
      for (let n = 0; n < 5; n++) yield* turn
      expect(claiming.pollUnsafe()).toBeUndefined()
      yield* advanceUntilDone(claiming, leaseMs / 10)
      expect((yield* Fiber.join(claiming)).claim.attempt).toBe(2)
    }), can.shared, can.renewal)

  promised("a holder of another boot that lives is not superseded, however long its lease is watched", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const { commit } = yield* work(a)
      const b = yield* processOf(place, "process-2", { bootId: "boot-2" })
      const claiming = yield* Effect.forkChild(failureOf(b.store.claim(requestOf(b, "run-1"))))
      yield* turn
      yield* advanceUntilDone(claiming, leaseMs / 12)
      expect(yield* Fiber.join(claiming)).toMatchObject({ _tag: "RunIsActive", holder: a.holder })
      yield* commit(recorded("run-1", 1))
    }), can.shared, can.renewal)

  promised("a run that is released while its holder is watched is taken", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const { end } = yield* frozen(work(a))
      const b = yield* processOf(place, "process-2", { bootId: "boot-2" })
      const claiming = yield* Effect.forkChild(work(b))
      yield* turn
      yield* end()
      yield* advanceUntilDone(claiming, leaseMs / 12)
      expect((yield* Fiber.join(claiming)).claim.attempt).toBe(2)
      expect((yield* runOf(b)).crashes).toBe(0)
    }), can.shared, can.renewal)

  promised("a lease is kept up as long as its scope is open", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const { commit } = yield* work(a)
      const { heartbeat, revision } = yield* runOf(a)
      for (let third = 0; third < 30; third++) {
        yield* TestClock.adjust(Duration.millis(leaseMs / 3))
        // Long enough for a store that has to be asked over a network.
        for (let ask = 0; ask < 3; ask++) yield* Effect.andThen(runOf(a), turn)
      }
      const later = yield* runOf(a)
      expect(later.heartbeat).toBeGreaterThan(heartbeat + 10)
      expect(later.revision, "a heartbeat is no change").toBe(revision)
      const b = yield* processOf(place, "process-2")
      expect(yield* failureOf(b.store.claim(requestOf(b, "run-1")))).toMatchObject({ _tag: "RunIsActive" })
      yield* commit(recorded("run-1", 1))
    }), can.shared, can.renewal)

  promised("closing a claim's scope releases the run; the attempt counts as interrupted, not as a crash", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(work(a), scope)
      yield* Scope.close(scope, Exit.void)
      expect(yield* runOf(a)).toMatchObject({ holder: null, status: "running" })
      yield* refused(first.commit(recorded("run-1", 1)), "LeaseLost")
      const second = yield* work(a)
      expect(second.claim.token).toBeGreaterThan(first.claim.token)
      expect(yield* runOf(a)).toMatchObject({ attempts: 2, crashes: 0 })
      expect((yield* a.store.attempts("run-1")).map(({ status }) => status)).toStrictEqual(["interrupted", "running"])
    }))

  promised("closing the scope of a superseded claim takes nothing from the new holder", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const scope = yield* Scope.make()
      yield* Scope.provide(frozen(work(a)), scope)
      const b = yield* processOf(place, "process-2", { look: dead })
      const { commit } = yield* work(b)
      yield* Scope.close(scope, Exit.void)
      expect(yield* runOf(b)).toMatchObject({ holder: b.holder, status: "running" })
      yield* commit(recorded("run-1", 1))
    }), can.shared)

  promised("a claim removes what stood as active, except what may run only once", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const { commit } = yield* frozen(work(a))
      const pay = activeOf("run-1", "pay", { once: true })
      yield* commit({ _tag: "StepActive", active: activeOf("run-1", "train") }, { _tag: "StepActive", active: pay })
      const b = yield* processOf(place, "process-2", { look: dead })
      yield* work(b)
      expect(yield* b.store.active("run-1")).toStrictEqual([pay])
    }), can.shared)

  for (const [situation, prepare] of [
    ["a new run", () => Effect.void],
    ["a free run", (place: RunStorePlace) => Effect.flatMap(processOf(place, "process-0"), (process) => Effect.flatMap(work(process), ({ end }) => end()))],
    ["a run whose holder died", (place: RunStorePlace) => Effect.flatMap(processOf(place, "process-0"), (process) => frozen(work(process)))]
  ] as const) {
    promised(`of eight processes that claim ${situation} at once exactly one works, and the others are told who`, (place) =>
      Effect.gen(function*() {
        yield* prepare(place)
        const processes = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) =>
          processOf(place, `process-${n}`, { look: ({ nonce }) => nonce === "process-0" ? "dead" : "unknown" }))
        const results = yield* Effect.forEach(processes, (process) => Effect.result(work(process)), { concurrency: "unbounded" })
        const winners = processes.filter((_, n) => Result.isSuccess(results[n]!))
        expect(winners).toHaveLength(1)
        for (const result of results) {
          if (Result.isFailure(result)) expect(result.failure).toMatchObject({ _tag: "RunIsActive", holder: winners[0]!.holder })
        }
        const before = situation === "a new run" ? 0 : 1
        expect(yield* runOf(processes[0]!)).toMatchObject({ holder: winners[0]!.holder, attempts: before + 1 })
        expect(yield* processes[0]!.store.attempts("run-1")).toHaveLength(before + 1)
      }), can.shared)
  }

  promised("of eight processes that make the same new run exactly one does", (place) =>
    Effect.gen(function*() {
      const processes = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) => processOf(place, `process-${n}`))
      const results = yield* Effect.forEach(processes, (process) => Effect.result(work(process, "run-1", { onlyNew: true })), { concurrency: "unbounded" })
      const failures = results.flatMap((result) => Result.isFailure(result) ? [result.failure] : [])
      expect(failures).toHaveLength(7)
      for (const failure of failures) expect(failure).toMatchObject({ _tag: "StoreError", reason: "RunExists" })
    }), can.shared)

  promised("an interrupted claim holds nothing", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const claiming = yield* Effect.forkChild(Effect.scoped(Effect.andThen(work(a), Effect.never)))
      yield* turn
      yield* Fiber.interrupt(claiming)
      expect((yield* a.store.run("run-1"))?.holder ?? null).toBeNull()
      yield* work(a)
    }))

  promised("a token is never given twice, not even for a run that was removed and made again", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const first = yield* work(a)
      yield* first.end()
      yield* a.store.remove("run-1")
      const second = yield* work(a)
      expect(second.claim).toMatchObject({ created: true, attempt: 1, before: undefined })
      expect(second.claim.token).not.toBe(first.claim.token)
      yield* refused(first.commit(recorded("run-1", 1)), "LeaseLost")
      expect(yield* a.store.steps("run-1")).toStrictEqual([])
    }))
}
