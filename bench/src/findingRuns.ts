import { Filter, PointChunk, ProcessIdentity, RunStore } from "@uniflow/core"
import { Effect } from "effect"
import type { Uniflow } from "uniflow"
import { type Line, median } from "./Line.ts"
import { withUniflow } from "./workspace.ts"

/** The most that 95 of 100 searches may take, in milliseconds. */
const MOST_MS = 100

const QUERIES = 100

/** mulberry32: the same runs and searches each time. */
export const randomOf = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const pick = <A>(random: () => number, all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!

const WORDS = ["adam", "sgd", "rmsprop", "lion"]

/** Runs with 20 params and 20 metrics, written as a runner does: a claim, and a commit that ends the run. */
export const make = (uniflow: Uniflow.Uniflow, from: number, to: number): Promise<void> =>
  uniflow.runPromise(Effect.gen(function*() {
    const store = yield* RunStore
    const { self } = yield* ProcessIdentity
    const random = randomOf(from)
    const environment = { runtime: "node", platform: "linux", host: "bench", pid: 1, argv: [], packages: {} }
    yield* Effect.forEach(Array.from({ length: to - from }, (_, n) => from + n), (n) => {
      const id = `run_${String(n).padStart(8, "0")}`
      const params = Object.fromEntries(Array.from({ length: 20 }, (_, k) => [
        `p${k}`,
        k % 5 === 4 ? pick(random, WORDS) : k % 5 === 3 ? Math.floor(random() * 10) : random()
      ]))
      const create = { id, pipeline: "bench", experiment: `e${n % 20}`, params, seed: n, parent: null, tags: {}, goals: {}, createdAtMs: 1.7e12 + n }
      return Effect.scoped(Effect.flatMap(
        store.claim({ runId: id, create, onlyNew: true, holder: { ...self, sinceMs: 0 }, environment, leaseMs: 60_000, startedAtMs: 1.7e12 + n }),
        ({ token }) =>
          store.commit({ runId: id, token }, [
            ...Array.from({ length: 20 }, (_, k) => {
              const last = random()
              return {
                _tag: "PointsWritten" as const,
                series: { address: k < 10 ? "train" : "evaluate", generation: 1, key: `m${k}` },
                chunks: [],
                summary: { ...PointChunk.emptySummary, count: 10, last, min: last / 2, max: last * 2 }
              }
            }),
            { _tag: "AttemptEnded", attempt: 1, status: n % 50 === 0 ? "failed" : "completed", endedAtMs: 1.7e12 + n + random() * 1e6, error: null, failedStep: null }
          ])
      ))
    }, { concurrency: 256, discard: true })
  }))

/** A search as people make them: one to three conditions, narrow and wide ones, and an order. */
export const query = (random: () => number): { readonly where: string; readonly orderBy: string; readonly limit: number } => {
  const condition = (): string => {
    const k = Math.floor(random() * 20)
    const share = pick(random, [0.001, 0.01, 0.1, 0.5, 0.9])
    switch (Math.floor(random() * 8)) {
      case 0:
        return `params.p${k - (k % 5) + 4} = "${pick(random, WORDS)}"`
      case 1:
        return `params.p${k - (k % 5) + 3} in (1, 2)`
      case 2:
        return `metrics.m${k}.min < ${share / 2}`
      case 3:
        return `not params.p${k - (k % 5)} > ${share}`
      case 4:
        return `run.experiment = "e${k}"`
      case 5:
        return `run.status = "completed"`
      case 6:
        return `params.p${k - (k % 5)} < ${share}`
      default:
        return `metrics.m${k} > ${1 - share}`
    }
  }
  const conditions = Array.from({ length: 1 + Math.floor(random() * 3) }, condition)
  const order = pick(random, ["metrics.m1 desc", "metrics.m15", "params.p5", "run.created desc", "run.started", "metrics.m3.min", "params.p3, metrics.m2 desc"])
  return { where: conditions.join(random() < 0.15 ? " or " : " and "), orderBy: order, limit: 100 }
}

/** By nearest rank: the smallest value that at least this share of all does not exceed. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)]!

export const rounded = (value: number): number => Number(value.toPrecision(4))

/** Filter, sort and the first 100 of many runs with 40 keys. */
export const findingRuns = (sizes: ReadonlyArray<number>) => (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow) => {
    const lines: Array<Line> = []
    let made = 0
    for (const size of sizes) {
      const begun = performance.now()
      while (made < size) {
        const next = Math.min(size, made + 10_000)
        await make(uniflow, made, next)
        made = next
      }
      console.error(`${size} runs made in ${Math.round((performance.now() - begun) / 1000)} s`)
      const random = randomOf(7)
      const queries = Array.from({ length: QUERIES }, () => query(random))
      const times: Array<{ readonly ms: number; readonly options: ReturnType<typeof query> }> = []
      for (const options of queries) {
        const all: Array<number> = []
        for (let round = 0; round < rounds; round++) {
          const at = performance.now()
          await uniflow.runs.find(options).toArray()
          all.push(performance.now() - at)
        }
        times.push({ ms: median(all), options })
      }
      const all = times.map(({ ms }) => ms)
      const report = (name: string, value: number, bar: number | null): void =>
        void lines.push({
          name: `find-${size}-runs-${name}`, unit: "ms", value: rounded(value), against: "the limit", againstValue: MOST_MS,
          ratio: rounded(value / MOST_MS), bar, holds: bar === null ? null : value <= MOST_MS
        })
      report("p50", quantile(all, 0.5), null)
      report("p95", quantile(all, 0.95), size === 100_000 ? 1 : null)
      report("worst", Math.max(...all), null)
      for (const { ms, options } of times.toSorted((a, b) => b.ms - a.ms).slice(0, 6)) {
        console.error(`${ms.toFixed(1)} ms  ${Filter.format(Filter.parse(options.where))}  by ${options.orderBy}`)
      }
    }
    return lines
  })
