import type { RunQuery, RunRecord } from "@uniflow/core"
import { Effect, Scope } from "effect"
import * as fc from "fast-check"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStoreCapabilities, RunStorePlace } from "../RunStoreSuite.ts"
import { digestOf, newRun, outputOf, processOf, recorded, stepOf, work } from "./runStoreFixtures.ts"
import type { Process } from "./runStoreFixtures.ts"

type Key = Pick<RunRecord, "createdAtMs" | "id">

const newestFirst = (a: Key, b: Key): number => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1)

/** All pages of a query, one after the other; `between` happens after each. */
const pagesOf = Effect.fnUntraced(function*({ store }: Process, query: RunQuery, between: Effect.Effect<unknown, unknown> = Effect.void) {
  const pages: Array<ReadonlyArray<string>> = []
  let after: RunQuery["after"]
  while (true) {
    const page = yield* store.runs({ ...query, after })
    if (page.length === 0) return pages
    pages.push(page.map(({ id }) => id))
    const { createdAtMs, id } = page.at(-1)!
    after = { createdAtMs, id }
    yield* between
  }
})

export const readPromises = (promised: Promised<RunStorePlace>, _can: RunStoreCapabilities, cases: number): void => {
  promised("of a run that is not there nothing is read", (place) =>
    Effect.gen(function*() {
      const { store } = yield* processOf(place)
      expect(yield* store.run("nobody")).toBeUndefined()
      const lists = [store.attempts, store.steps, store.active, store.series, store.checkpoints, store.artifacts, store.logs]
      for (const list of lists) expect(yield* list("nobody")).toStrictEqual([])
      expect(yield* store.runs({ limit: 10 })).toStrictEqual([])
      expect(yield* store.experiments).toStrictEqual([])
      expect(yield* store.lookup("train", digestOf(1))).toStrictEqual([])
      expect(yield* store.changes(0)).toStrictEqual({ cursor: 0, runIds: [] })
    }))

  promised("runs are listed newest first, ties by id, page by page, filtered by pipeline, experiment and status; experiments with how many they have", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const made: Array<RunRecord> = []
      for (let n = 0; n < 24; n++) {
        const id = `run-${(n * 7) % 24}`
        const create = newRun(id, {
          pipeline: n % 2 === 0 ? "digits" : "words",
          experiment: n % 3 === 0 ? "sweep" : "digits",
          createdAtMs: 1_000 + Math.floor(n / 5)
        })
        const { end } = yield* work(a, id, { create })
        if (n % 4 !== 0) yield* end({ status: n % 4 === 1 ? "failed" : "completed" })
        made.push((yield* a.store.run(id))!)
      }
      const experiments = [...Map.groupBy(made, ({ experiment }) => experiment)].map(([experiment, own]) => ({
        experiment,
        runs: own.length,
        running: own.filter(({ status }) => status === "running").length,
        failed: own.filter(({ status }) => status === "failed").length,
        newestAtMs: Math.max(...own.map(({ createdAtMs }) => createdAtMs))
      })).toSorted((one, other) => other.newestAtMs - one.newestAtMs || (one.experiment < other.experiment ? -1 : 1))
      expect(yield* a.store.experiments).toStrictEqual(experiments)
      const queries: ReadonlyArray<Omit<RunQuery, "limit">> = [
        {},
        { pipeline: "words" },
        { experiment: "sweep" },
        { status: ["failed"] },
        { status: ["running", "completed"] },
        { pipeline: "digits", experiment: "digits", status: ["completed", "running"] },
        { pipeline: "nothing" }
      ]
      for (const query of queries) {
        const expected = made.filter((run) =>
          (query.pipeline === undefined || run.pipeline === query.pipeline)
          && (query.experiment === undefined || run.experiment === query.experiment)
          && (query.status === undefined || query.status.includes(run.status))
        ).toSorted(newestFirst)
        expect(yield* a.store.runs({ ...query, limit: 1_000 })).toStrictEqual(expected)
        for (const limit of [1, 4, 24, 100]) {
          const pages = yield* pagesOf(a, { ...query, limit })
          expect(pages.flat()).toStrictEqual(expected.map(({ id }) => id))
          expect(pages.slice(0, -1).every(({ length }) => length === limit)).toBe(true)
        }
      }
    }))

  promised("pages stay stable while new runs arrive and old ones are removed", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const ids = Array.from({ length: 12 }, (_, n) => `run-${String(n).padStart(2, "0")}`)
      for (const [n, id] of ids.entries()) {
        const { end } = yield* work(a, id, { create: newRun(id, { createdAtMs: 1_000 + n }) })
        yield* end()
      }
      let n = 0
      const between = Effect.suspend(() => {
        const id = `later-${n++}`
        return Effect.andThen(work(a, id, { create: newRun(id, { createdAtMs: 5_000 + n }) }), a.store.remove(`run-${12 - n}`))
      })
      const pages = yield* Effect.scoped(Effect.flatMap(Effect.scope, (scope) =>
        pagesOf(a, { limit: 3 }, Effect.provideService(between, Scope.Scope, scope))))
      expect(pages.flat()).toStrictEqual(ids.toReversed())
    }))

  promised("a lookup gives completed, cacheable, untrusted generations of any run, by step and fingerprint", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const good = { cacheable: true, fingerprint: digestOf(5), output: outputOf(digestOf(6)) }
      const one = yield* work(a, "run-1")
      const two = yield* work(a, "run-2")
      yield* one.commit(
        recorded("run-1", 1, { ...good, startedAtMs: 100 }),
        recorded("run-1", 2, { ...good, cacheable: false }),
        recorded("run-1", 3, { ...good, status: "failed" }),
        recorded("run-1", 4, { ...good, status: "skipped", decision: "skipped" }),
        recorded("run-1", 5, { ...good, trusted: true }),
        recorded("run-1", 6, { ...good, step: "other", address: "other" }),
        recorded("run-1", 7, { ...good, fingerprint: digestOf(7) }),
        recorded("run-1", 8, { ...good, decision: "restored", startedAtMs: 900 }),
        recorded("run-1", 9, { ...good, address: "train[1]", startedAtMs: 300 })
      )
      yield* two.commit(recorded("run-2", 1, { ...good, decision: "cached", startedAtMs: 200 }))
      expect(yield* a.store.lookup("train", digestOf(5))).toStrictEqual([
        stepOf("run-1", 9, { ...good, address: "train[1]", startedAtMs: 300 }),
        stepOf("run-2", 1, { ...good, decision: "cached", startedAtMs: 200 }),
        stepOf("run-1", 1, { ...good, startedAtMs: 100 })
      ])
      expect(yield* a.store.lookup("nothing", digestOf(5))).toStrictEqual([])
      expect(yield* a.store.lookup("train", digestOf(9))).toStrictEqual([])
    }))

  promised("a lookup gives the newest 16", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const order = Array.from({ length: 20 }, (_, n) => (n * 7) % 20)
      yield* commit(...order.map((n) => recorded("run-1", n + 1, { cacheable: true, startedAtMs: 1_000 + n })))
      expect((yield* a.store.lookup("train", digestOf(1))).map(({ seq }) => seq)).toStrictEqual(Array.from({ length: 16 }, (_, n) => 20 - n))
    }))

  promised("changes tells of every change of every run, in order, once for each time that it is asked", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const ids = ["run-1", "run-2", "run-3", "run-4"]
      const works = yield* Effect.forEach(ids, (id) => work(a, id))
      let cursor = (yield* a.store.changes(0)).cursor
      const seqs = new Map<string, number>()
      let waiting: Array<string> = []
      const actions = fc.sample(fc.tuple(fc.nat(3), fc.constantFrom("commit", "annotate", "poll", "nothing")), cases * 3)
      for (const [n, action] of [...actions, [0, "poll"] as const]) {
        const id = ids[n]!
        if (action === "poll") {
          const polled = yield* a.store.changes(cursor)
          expect(polled.runIds).toStrictEqual(waiting)
          expect(polled.cursor).toBeGreaterThanOrEqual(cursor)
          cursor = polled.cursor
          waiting = []
        } else if (action === "nothing") {
          yield* works[n]!.commit()
          yield* a.store.run(id)
        } else {
          if (action === "annotate") yield* a.store.annotate(id, [{ _tag: "Noted", note: `${waiting.length}` }])
          else {
            const seq = (seqs.get(id) ?? 0) + 1
            seqs.set(id, seq)
            yield* works[n]!.commit(recorded(id, seq))
          }
          waiting = [...waiting.filter((one) => one !== id), id]
        }
      }
      expect((yield* a.store.changes(0)).runIds.toSorted()).toStrictEqual(ids)
    }))

  promised("a reader who follows the changes sees the state that each of them left", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit, end } = yield* work(a)
      let cursor = 0
      const seen: Array<unknown> = []
      for (const change of [commit(recorded("run-1", 1)), commit(recorded("run-1", 2)), end()]) {
        yield* change
        const changes = yield* a.store.changes(cursor)
        expect(changes.runIds).toStrictEqual(["run-1"])
        expect(changes.cursor).toBe((yield* a.store.run("run-1"))?.revision)
        cursor = changes.cursor
        seen.push([(yield* a.store.steps("run-1")).length, (yield* a.store.run("run-1"))?.status])
      }
      expect(seen).toStrictEqual([[1, "running"], [2, "running"], [2, "completed"]])
    }))

  promised("the order of changes goes on after the run that changed last was removed", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "run-1")
      const two = yield* work(a, "run-2")
      yield* two.end()
      const { cursor } = yield* a.store.changes(0)
      yield* a.store.remove("run-2")
      yield* one.commit(recorded("run-1", 1))
      expect((yield* a.store.changes(cursor)).runIds).toStrictEqual(["run-1"])
    }))

  promised("at most 1,000 runs are listed, and told of as changed, at a time", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const ids = Array.from({ length: 1_003 }, (_, n) => `run-${String(n).padStart(4, "0")}`)
      yield* Effect.scoped(Effect.forEach(ids, (id) => work(a, id), { concurrency: 50, discard: true }))
      const first = yield* a.store.changes(0)
      expect(first.runIds).toHaveLength(1_000)
      const second = yield* a.store.changes(first.cursor)
      expect(second.runIds).toHaveLength(3)
      expect([...first.runIds, ...second.runIds].toSorted()).toStrictEqual(ids)
      expect(yield* a.store.changes(second.cursor)).toStrictEqual({ cursor: second.cursor, runIds: [] })
      expect(yield* a.store.runs({ limit: 5_000 })).toHaveLength(1_000)
    }))
}
