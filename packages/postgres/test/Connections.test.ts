import { PgConnection } from "@effect/sql-pg"
import { type AttemptEnvironment, ProcessIdentity, RunStore, type RunStoreService, type StepRecord } from "@uniflow/core"
import { Effect, Redacted } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { PostgresRunStore } from "../src/index.ts"
import { type CuttingProxy, cuttingProxy } from "./cutting.ts"
import { type Server, startServer } from "./server.ts"

let server: Server
let proxy: CuttingProxy
let url: string
beforeAll(async () => {
  server = await startServer()
  const direct = new URL(server.url)
  proxy = await cuttingProxy(Number(direct.port))
  direct.port = String(proxy.port)
  url = direct.href
}, 60_000)
afterAll(async () => {
  await proxy?.close()
  await server?.remove()
}, 60_000)

const environment: AttemptEnvironment = { runtime: "node", platform: "linux", host: "host", pid: 1, argv: [], packages: {} }

const withStore = <A>(schema: string, use: (store: RunStoreService) => Effect.Effect<A, unknown>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(RunStore, use).pipe(Effect.provide(PostgresRunStore.layer({ url, schema })))))

const recorded = (runId: string, seq: number): StepRecord => ({
  runId, seq, address: `step-${seq}`, step: `step-${seq}`, attempt: 1, decision: "executed", status: "completed", generation: 1,
  fingerprint: String(seq).padStart(64, "0"), seed: null, trusted: false, cacheable: false, retries: 0, startedAtMs: seq, durationMs: 1,
  output: null, reasons: [], components: null, source: null, error: null
})

const claimed = (store: RunStoreService, runId: string) =>
  Effect.flatMap(ProcessIdentity, ({ self }) =>
    store.claim({
      runId,
      create: { id: runId, pipeline: "p", experiment: "p", params: {}, seed: 0, parent: null, tags: {}, goals: {}, createdAtMs: 1 },
      onlyNew: true,
      holder: { ...self, sinceMs: 1 },
      environment,
      leaseMs: 600_000,
      startedAtMs: 1
    }))

it("a connection that is cut before or in the middle of a commit, 500 times, loses nothing and records nothing twice", { timeout: 120_000 }, async () => {
  const seqs = await withStore("cut", (store) =>
    Effect.scoped(Effect.gen(function*() {
      const { token } = yield* claimed(store, "run")
      let before = 0
      for (let seq = 1; seq <= 500; seq++) {
        proxy.cutNext(seq % 2 === 0 ? "before" : "after")
        yield* store.commit({ runId: "run", token }, [{ _tag: "StepRecorded", record: recorded("run", seq) }])
        expect(proxy.cuts(), `commit ${seq}`).toBeGreaterThan(before)
        before = proxy.cuts()
      }
      return (yield* store.steps("run")).map(({ seq }) => seq)
    })))
  expect(seqs).toEqual(Array.from({ length: 500 }, (_, n) => n + 1))
  expect(proxy.cuts()).toBeGreaterThanOrEqual(500)
})

it("a claim whose answer is lost is a claim, and only one", { timeout: 60_000 }, async () => {
  await withStore("claims", (store) =>
    Effect.gen(function*() {
      for (let n = 0; n < 40; n++) {
        yield* Effect.scoped(Effect.gen(function*() {
          proxy.cutNext(n % 2 === 0 ? "before" : "after")
          const claim = yield* claimed(store, `run-${n}`)
          expect(claim).toMatchObject({ attempt: 1, created: true })
          yield* store.commit({ runId: `run-${n}`, token: claim.token }, [{ _tag: "StepRecorded", record: recorded(`run-${n}`, 1) }])
        }))
      }
      expect((yield* store.runs({ limit: 100 })).map(({ attempts }) => attempts)).toEqual(Array.from({ length: 40 }, () => 1))
    }))
})

it("many that commit at once while connections are cut are each recorded once", { timeout: 120_000 }, async () => {
  await withStore("many", (store) =>
    Effect.scoped(Effect.gen(function*() {
      const runs = Array.from({ length: 16 }, (_, n) => `run-${n}`)
      const claims = yield* Effect.forEach(runs, (runId) => claimed(store, runId))
      const before = proxy.cuts()
      yield* Effect.forEach(runs, (runId, n) =>
        Effect.forEach(Array.from({ length: 30 }, (_, k) => k + 1), (seq) => {
          if ((n + seq) % 7 === 0) proxy.cutNext(seq % 2 === 0 ? "before" : "after")
          return store.commit({ runId, token: claims[n]!.token }, [{ _tag: "StepRecorded", record: recorded(runId, seq) }])
        }), { concurrency: "unbounded" })
      expect(proxy.cuts() - before).toBeGreaterThan(5)
      for (const runId of runs) expect((yield* store.steps(runId)).map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, k) => k + 1))
    })))
})

it("a server that is restarted meanwhile is waited for", { timeout: 120_000 }, async () => {
  await withStore("restart", (store) =>
    Effect.scoped(Effect.gen(function*() {
      const { token } = yield* claimed(store, "run")
      for (let seq = 1; seq <= 60; seq++) {
        if (seq % 20 === 0) {
          yield* Effect.promise(() => server.stop())
          yield* Effect.forkChild(Effect.promise(() => server.start()))
        }
        yield* store.commit({ runId: "run", token }, [{ _tag: "StepRecorded", record: recorded("run", seq) }])
      }
      expect((yield* store.steps("run")).map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1))
    })))
})

it("what is done exclusively may read though there is one connection, others take turns, and one whose transaction was ended is told", { timeout: 60_000 }, async () => {
  const schema = "exclusive"
  await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const store = yield* RunStore
    let inside = 0
    const once = store.exclusively(Effect.gen(function*() {
      expect(++inside).toBe(1)
      expect(yield* store.runs({ limit: 1 })).toEqual([])
      inside--
    }))
    yield* Effect.all([once, once, once, once], { concurrency: "unbounded", discard: true })
    const admin = yield* PgConnection.make({ url: Redacted.make(server.url) })
    const ended = store.exclusively(admin.query(`SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      WHERE c.relname = 'held' AND c.relnamespace = '${schema}'::regnamespace AND l.mode = 'RowShareLock'`))
    expect(yield* Effect.flip(ended)).toMatchObject({ _tag: "StoreError", message: expect.stringContaining("cannot be had exclusively") as unknown })
  }).pipe(Effect.provide(PostgresRunStore.layer({ url, schema, maxConnections: 1 })))))
})
