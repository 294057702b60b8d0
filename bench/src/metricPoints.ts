import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Pipeline, Schema, Step } from "uniflow"
import { type Line, line, timed } from "./Line.ts"
import { withUniflow } from "./workspace.ts"

const POINTS = 1_000_000
const BUCKETS = 1000
const SPIKE = 123_457

let logging = 0
let memory = 0

const log = Step.make("log", {
  version: "1",
  params: { round: Schema.Number },
  run: ({ metrics }) => {
    globalThis.gc?.()
    const before = process.memoryUsage().rss
    const begun = performance.now()
    for (let i = 0; i < POINTS; i++) metrics.log({ loss: i === SPIKE ? 1e9 : Math.sin(i / 1000) })
    logging = performance.now() - begun
    memory = (process.memoryUsage().rss - before) / 1024 / 1024
  }
})
const pipeline = Pipeline.make("points", { steps: [log] })

/** A plain look at every value of the same chunks: read the rows, find minimum and maximum of each bucket. */
const rawScan = (database: DatabaseSync): number => {
  const rows = database.prepare("select bytes from chunks where series = (select max(id) from series) order by chunk").all() as unknown as ReadonlyArray<{ bytes: Uint8Array }>
  const minimum = new Float64Array(BUCKETS).fill(Infinity)
  const maximum = new Float64Array(BUCKETS).fill(-Infinity)
  let seen = 0
  for (const { bytes } of rows) {
    const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
    const values = new Float64Array(bytes.slice(24, 24 + count * 8).buffer)
    for (let i = 0; i < count; i++) {
      const bucket = ((seen + i) * BUCKETS / POINTS) | 0
      const value = values[i]!
      if (value < minimum[bucket]!) minimum[bucket] = value
      if (value > maximum[bucket]!) maximum[bucket] = value
    }
    seen += count
  }
  return Math.max(...maximum)
}

/** 5: a million metric points, logged and read back into a thousand buckets. */
export const metricPoints = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow, folder) => {
    const written: Array<{ value: number; against: number }> = []
    const recorded: Array<{ value: number; against: number }> = []
    const grown: Array<{ value: number; against: number }> = []
    const read: Array<{ value: number; against: number }> = []
    for (let round = 0; round < rounds + 1; round++) {
      const whole = await timed(() => uniflow.run(pipeline, { runId: `points-${round}`, params: { round } }))
      const database = new DatabaseSync(join(folder, ".uniflow", "uniflow.db"), { readOnly: true })
      let spike = 0
      const raw = await timed(() => (spike = rawScan(database)))
      database.close()
      const ours = await timed(async () => {
        const buckets = await uniflow.runs.metric(`points-${round}`, "loss", { buckets: BUCKETS })
        if (buckets.length !== BUCKETS || !buckets.some((bucket) => bucket.max === 1e9) || spike !== 1e9) throw new Error("the spike is lost")
      })
      if (round === 0) continue
      written.push({ value: POINTS / (logging / 1000), against: 500_000 })
      recorded.push({ value: POINTS / (whole / 1000), against: 500_000 })
      grown.push({ value: memory, against: (POINTS * 24) / 1024 / 1024 })
      read.push({ value: ours, against: raw })
    }
    return [
      line({ name: "metrics-log", unit: "points/s", against: "500,000 points/s", pairs: written, bar: { least: 1 } }),
      line({ name: "metrics-log-until-recorded", unit: "points/s", against: "500,000 points/s", pairs: recorded, bar: { least: 1 } }),
      line({ name: "metrics-log-memory", unit: "MiB", against: "the points' own size", pairs: grown, bar: null }),
      line({ name: "metrics-read-1000-buckets", unit: "ms", against: "a raw scan of the same chunks", pairs: read, bar: { most: 3 } })
    ]
  })
