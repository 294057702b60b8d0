import { Dashboard } from "@uniflow/dashboard"
import { gzipSync } from "node:zlib"
import { Pipeline, Step } from "uniflow"
import { type Line, line } from "./Line.ts"
import { withUniflow } from "./workspace.ts"

const POINTS = 1_000_000
const PIXELS = 1000
const SPIKE = 123_457
const WARM = 5
const MOST_MS = 25
const MOST_BYTES = 50_000

const log = Step.make("log", {
  version: "1",
  run: ({ metrics }) => {
    for (let i = 0; i < POINTS; i++) metrics.log({ loss: i === SPIKE ? 1e9 : Math.sin(i / 1000) })
  }
})
const pipeline = Pipeline.make("curve", { steps: [log] })

/** Issue 4: a million points as a chart of 1,000 pixels asks for them, from the Request to the last byte of JSON. The bytes are not compressed. */
export const pageCurve = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow) => {
    await uniflow.run(pipeline, { runId: "long" })
    const page = Dashboard.make({ uniflow, hosts: ["bench"], dangerouslyAllowUnauthenticated: true })
    const times: Array<{ value: number; against: number }> = []
    const bytes: Array<{ value: number; against: number }> = []
    for (let round = 0; round < rounds + WARM; round++) {
      const begun = performance.now()
      const response = await page.handler(new Request(`http://bench/api/curves?runs=long&name=loss&buckets=${PIXELS}`, { headers: { host: "bench" } }))
      const body = await response.text()
      const took = performance.now() - begun
      const [curve] = (JSON.parse(body) as { readonly curves: ReadonlyArray<{ readonly x: ReadonlyArray<number>; readonly max: ReadonlyArray<number> }> }).curves
      if (curve?.x.length !== PIXELS || !curve.max.includes(1e9)) throw new Error("the spike is lost")
      // The first ones are for the compiler.
      if (round < WARM) continue
      times.push({ value: took, against: MOST_MS })
      bytes.push({ value: Buffer.byteLength(body), against: MOST_BYTES })
      if (round === WARM) console.error(`${gzipSync(body).length} bytes where a server compresses`)
    }
    await page.dispose()
    return [
      line({ name: "page-curve-million-points", unit: "ms", against: "the limit", pairs: times, bar: { most: 1 } }),
      line({ name: "page-curve-million-points-sent", unit: "bytes", against: "the limit", pairs: bytes, bar: { most: 1 } })
    ]
  })
