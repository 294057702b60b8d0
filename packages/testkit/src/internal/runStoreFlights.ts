import { Effect, Exit, Scope } from "effect"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStoreCapabilities, RunStorePlace } from "../RunStoreSuite.ts"
import { everythingOf, frozen, newRun, processOf, recorded, refused, runOf, work } from "./runStoreFixtures.ts"

const KEY = "0".repeat(64)

export const flightPromises = (promised: Promised<RunStorePlace>, can: RunStoreCapabilities): void => {
  promised("a flight is had by one run at a time, which may take it again; nobody is told of others", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "run-1")
      const two = yield* work(a, "run-2")
      expect(yield* a.store.flight(KEY)).toBeUndefined()
      expect(yield* a.store.takeFlight(one.writer, KEY)).toBe(true)
      expect(yield* a.store.takeFlight(two.writer, KEY)).toBe(false)
      expect(yield* a.store.takeFlight(one.writer, KEY)).toBe(true)
      expect(yield* a.store.flight(KEY)).toStrictEqual(yield* runOf(a, "run-1"))
      expect(yield* a.store.flight(`${KEY} 7`)).toBeUndefined()
      expect(yield* a.store.takeFlight(two.writer, `${KEY} 7`)).toBe(true)
      expect((yield* a.store.flight(`${KEY} 7`))?.id).toBe("run-2")
    }))

  promised("of eight runs of eight processes that take a flight at once exactly one has it, and all see which", (place) =>
    Effect.gen(function*() {
      const processes = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) =>
        Effect.flatMap(processOf(place, `process-${n}`), (process) => Effect.map(work(process, `run-${n}`), ({ writer }) => ({ process, writer }))))
      const taken = yield* Effect.forEach(processes, ({ process, writer }) => process.store.takeFlight(writer, KEY), { concurrency: "unbounded" })
      expect(taken.filter(Boolean)).toHaveLength(1)
      for (const { process } of processes) expect((yield* process.store.flight(KEY))?.id).toBe(processes[taken.indexOf(true)]!.writer.runId)
    }), can.shared)

  promised("a flight that has ended is free, with the outcome that was recorded; ending that of another run ends nothing", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "run-1")
      const two = yield* work(a, "run-2")
      yield* a.store.takeFlight(one.writer, KEY)
      yield* two.commit({ _tag: "FlightEnded", key: KEY })
      expect((yield* a.store.flight(KEY))?.id).toBe("run-1")
      yield* one.commit(recorded("run-1", 1, { cacheable: true }), { _tag: "FlightEnded", key: KEY })
      expect(yield* a.store.steps("run-1")).toHaveLength(1)
      expect(yield* a.store.flight(KEY)).toBeUndefined()
      expect(yield* a.store.takeFlight(two.writer, KEY)).toBe(true)
    }))

  promised("a flight ends with its attempt, and with its claim's scope", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const other = yield* work(a, "run-3")
      const ended = yield* work(a, "run-1")
      yield* a.store.takeFlight(ended.writer, KEY)
      yield* ended.end({ status: "interrupted" })
      expect(yield* a.store.flight(KEY)).toBeUndefined()
      const scope = yield* Scope.make()
      const closed = yield* Scope.provide(work(a, "run-2"), scope)
      expect(yield* a.store.takeFlight(closed.writer, KEY)).toBe(true)
      yield* Scope.close(scope, Exit.void)
      expect(yield* a.store.flight(KEY)).toBeUndefined()
      expect(yield* a.store.takeFlight(other.writer, KEY)).toBe(true)
    }))

  promised("a flight of a holder that is known to be dead may be taken, by one who names that claim", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      const dying = yield* frozen(work(a, "run-1"))
      yield* a.store.takeFlight(dying.writer, KEY)
      const b = yield* processOf(place, "process-2")
      const [one, two] = [yield* work(b, "run-2"), yield* work(b, "run-3")]
      const { token } = (yield* b.store.flight(KEY))!
      expect(token).toBe(dying.claim.token)
      expect(yield* b.store.takeFlight(one.writer, KEY, one.claim.token)).toBe(false)
      expect(yield* b.store.takeFlight(one.writer, KEY, token)).toBe(true)
      // Whoever saw the same and comes later takes it from nobody.
      expect(yield* b.store.takeFlight(two.writer, KEY, token)).toBe(false)
      expect((yield* b.store.flight(KEY))?.id).toBe("run-2")
    }), can.shared)

  promised("a flight is over when its run was taken by another process, which has it only when it takes it, too", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      yield* a.store.takeFlight((yield* frozen(work(a))).writer, KEY)
      const b = yield* processOf(place, "process-2", { look: () => "dead" })
      const again = yield* work(b)
      expect(yield* b.store.flight(KEY)).toBeUndefined()
      expect(yield* b.store.takeFlight((yield* work(b, "run-2")).writer, KEY)).toBe(true)
      expect(yield* b.store.takeFlight(again.writer, KEY)).toBe(false)
    }), can.shared)

  promised("a stale token takes no flight and ends none", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const first = yield* work(a)
      yield* first.end()
      yield* refused(a.store.takeFlight(first.writer, KEY), "LeaseLost")
      yield* refused(a.store.takeFlight({ runId: "nobody", token: first.claim.token }, KEY), "LeaseLost")
      expect(yield* a.store.flight(KEY)).toBeUndefined()
      const second = yield* work(a)
      yield* a.store.takeFlight(second.writer, KEY)
      yield* refused(first.commit({ _tag: "FlightEnded", key: KEY }), "LeaseLost")
      yield* refused(a.store.takeFlight(first.writer, KEY), "LeaseLost")
      expect((yield* a.store.flight(KEY))?.token).toBe(second.claim.token)
    }))

  promised("taking a flight, or failing to, is no change of a run", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "run-1")
      const two = yield* work(a, "run-2")
      const before = [yield* everythingOf(a, "run-1"), yield* everythingOf(a, "run-2"), yield* a.store.changes(0)]
      yield* a.store.takeFlight(one.writer, KEY)
      yield* a.store.takeFlight(two.writer, KEY)
      expect([yield* everythingOf(a, "run-1"), yield* everythingOf(a, "run-2"), yield* a.store.changes(0)]).toStrictEqual(before)
    }))

  promised("a run that was removed has no flight, nor has one that is made anew", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place, "process-1")
      yield* a.store.takeFlight((yield* frozen(work(a))).writer, KEY)
      const b = yield* processOf(place, "process-2", { look: () => "dead" })
      expect(yield* b.store.remove("run-1")).toBe(true)
      expect(yield* b.store.flight(KEY)).toBeUndefined()
      yield* work(b, "run-1", { create: newRun("run-1") })
      expect(yield* b.store.flight(KEY)).toBeUndefined()
    }), can.shared)
}
