import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compareKeys, Filter, type FoundRun, lookupOf, matches, PointChunk, ProcessIdentity, RunStore, sortKeyOf } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"
import { NodeProcessIdentity, SqliteRunStore } from "../src/index.ts"

const RUNS = 6000

/** Runs whose values are few and many, missing and NaN, so that each way to search them is taken. */
const make = Effect.gen(function*() {
  const store = yield* RunStore
  const { self } = yield* ProcessIdentity
  const environment = { runtime: "node", platform: "linux", host: "h", pid: 1, argv: [], packages: {} }
  yield* Effect.forEach(Array.from({ length: RUNS }, (_, n) => n), (n) => {
    const id = `run_${(n * 7919) % RUNS}`
    const params = { spread: (n * 31) % 997, few: n % 3, mixed: n % 4 === 0 ? `t${n % 5}` : n % 4 === 1 ? n % 2 === 0 : n, ...(n % 10 === 0 ? { rare: n } : {}) }
    const create = { id, pipeline: "p", experiment: `e${n % 4}`, params, seed: n, parent: null, tags: n % 7 === 0 ? { seven: "yes" } : {}, goals: {}, createdAtMs: 1000 + (n >> 2) }
    const points = (address: string, key: string, last: number) => ({
      _tag: "PointsWritten" as const, series: { address, generation: 1, key }, chunks: [], summary: { ...PointChunk.emptySummary, count: 1, last, min: -last, max: last }
    })
    return Effect.scoped(Effect.flatMap(
      store.claim({ runId: id, create, onlyNew: true, holder: { ...self, sinceMs: 0 }, environment, leaseMs: 60_000, startedAtMs: 1000 }),
      ({ token }) =>
        store.commit({ runId: id, token }, [
          ...(n % 5 === 4 ? [] : [points("train", "loss", n % 5 === 3 ? NaN : (n * 17) % 1009)]),
          points("train", "tied", n % 2),
          ...(n % 11 === 0 ? [points("evaluate", "tied", 5)] : []),
          { _tag: "AttemptEnded", attempt: 1, status: n % 100 === 0 ? "failed" : "completed", endedAtMs: 1000 + (n % 50), error: null, failedStep: null }
        ])
    ))
  }, { concurrency: 256, discard: true })
})

const wheres = [
  "run.id != \"\"", "params.spread < 3", "params.spread >= 990 and params.few = 1", "metrics.loss > 500", "metrics.loss.min < -1000", "not params.spread > 2", "params.rare > 10",
  "tags.seven = \"yes\" and metrics.loss < 100", "params.mixed = true or params.mixed like \"t%\"", "metrics.tied = 5", "metrics.train.tied = 1 and params.few in (0, 2)",
  "run.experiment = \"e1\" and metrics.loss is null", "run.status = \"failed\"", "params.few != 0 and params.spread > 5 and metrics.loss < 1000", "run.duration > 40ms and params.few >= 0"
]
const orders = [
  "run.created desc", "metrics.loss", "metrics.loss desc", "metrics.loss.min", "params.few, metrics.loss desc", "params.mixed", "params.mixed desc", "params.rare", "metrics.tied desc",
  "run.duration desc", "run.started, run.id", "metrics.train.tied", "run.experiment, params.spread"
]

it("among thousands of runs a search finds what its meaning says, by whatever way, page by page", { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "uniflow-finding-"))
  try {
    await Effect.runPromise(Effect.gen(function*() {
      yield* make
      const store = yield* RunStore
      const all: Array<FoundRun> = []
      while (all.length < RUNS) all.push(...(yield* store.find({ limit: 1000, after: all.at(-1)?.sortKey })))
      expect(new Set(all.map(({ run }) => run.id)).size).toBe(RUNS)
      const lookups = all.map((one) => [one.run.id, lookupOf(one)] as const)
      for (const [w, text] of wheres.entries()) {
        const where = Filter.parse(text)
        const matching = lookups.filter(([, lookup]) => matches(where, lookup))
        for (const [o, by] of orders.entries()) {
          const orderBy = Filter.parseOrder(by)
          const expected = matching.map(([id, lookup]) => sortKeyOf(orderBy, id, lookup)).sort(compareKeys(orderBy)).map(({ id }) => id)
          // Small pages from the beginning, from somewhere within, and at the end.
          const limit = 5 + ((w * 13 + o * 7) % 120)
          const first = yield* store.find({ where, orderBy, limit })
          expect(first.map(({ run }) => run.id), `${text} by ${by}`).toStrictEqual(expected.slice(0, limit))
          for (const from of [limit, Math.floor(expected.length / 2), expected.length - 3]) {
            const id = expected[from - 1]
            if (id === undefined) continue
            const after = sortKeyOf(orderBy, id, lookups.find(([one]) => one === id)![1])
            const page = yield* store.find({ where, orderBy, limit, after })
            expect(page.map(({ run }) => run.id), `${text} by ${by} after ${from}`).toStrictEqual(expected.slice(from, from + limit))
          }
        }
      }
    }).pipe(Effect.provide(SqliteRunStore.layer({ filename: join(folder, "uniflow.db") }).pipe(Layer.provideMerge(NodeProcessIdentity.layer)))) as Effect.Effect<void, unknown>)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
