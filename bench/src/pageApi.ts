import { Dashboard } from "@uniflow/dashboard"
import { make, query, quantile, randomOf, rounded } from "./findingRuns.ts"
import { type Line, median } from "./Line.ts"
import { withUniflow } from "./workspace.ts"

const QUERIES = 100

/** What the table asks for: status and 12 of the 40 keys. */
const SELECT = [...Array.from({ length: 6 }, (_, n) => `params.p${n}`), ...Array.from({ length: 6 }, (_, n) => `metrics.m${n}`)].join(",")

/** The most that 95 of 100 answers may take, in milliseconds, by the number of runs. */
const mostMs: Readonly<Record<number, number>> = { 10_000: 50, 100_000: 150 }

/** Issue 4: lists of runs through the page's own handler, from the Request to the last byte of JSON: filter, sort, select, the first 100. */
export const pageApi = (sizes: ReadonlyArray<number>) => (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow) => {
    const lines: Array<Line> = []
    const page = Dashboard.make({ uniflow, hosts: ["bench"], dangerouslyAllowUnauthenticated: true })
    let made = 0
    for (const size of sizes) {
      while (made < size) {
        const next = Math.min(size, made + 10_000)
        await make(uniflow, made, next)
        made = next
      }
      const random = randomOf(7)
      const times: Array<number> = []
      for (let n = 0; n < QUERIES; n++) {
        const { limit, orderBy, where } = query(random)
        const url = `http://bench/api/runs?${new URLSearchParams({ where, orderBy, select: SELECT, limit: String(limit) })}`
        const all: Array<number> = []
        for (let round = 0; round < rounds; round++) {
          const begun = performance.now()
          const response = await page.handler(new Request(url, { headers: { host: "bench" } }))
          const body = await response.text()
          all.push(performance.now() - begun)
          if (response.status !== 200) throw new Error(`${url}: ${response.status} ${body}`)
        }
        times.push(median(all))
      }
      const most = mostMs[size] ?? null
      for (const [name, value, bar] of [["p50", quantile(times, 0.5), null], ["p95", quantile(times, 0.95), most === null ? null : 1], ["worst", Math.max(...times), null]] as const) {
        lines.push({
          name: `page-api-${size}-runs-${name}`, unit: "ms", value: rounded(value), against: "the limit", againstValue: most ?? 0,
          ratio: rounded(value / (most ?? value)), bar, holds: bar === null ? null : value <= most!
        })
      }
    }
    await page.dispose()
    return lines
  })
