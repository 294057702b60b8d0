import { createHash, randomFillSync } from "node:crypto"
import { createReadStream } from "node:fs"
import { open, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Pipeline, Schema, Step, Uniflow } from "uniflow"
import { type Line, line, timed } from "./Line.ts"
import { withUniflow } from "./workspace.ts"

const BYTES = 256 * 1024 * 1024
const MIB = 1024 * 1024

const fill = (seed: number): Float64Array => {
  const array = new Float64Array(BYTES / 8)
  randomFillSync(new Uint8Array(array.buffer, 0, 64 * 1024))
  for (let at = 8192; at < array.length; at *= 2) array.copyWithin(at, 0, Math.min(at, array.length - at))
  array[0] = seed
  return array
}

/** Write and hash by the plain means: pieces of 1 MiB one after the other, synchronised, renamed. */
const rawSave = async (bytes: Uint8Array, path: string): Promise<void> => {
  const hash = createHash("sha256")
  const file = await open(`${path}.tmp`, "w")
  for (let at = 0; at < bytes.length; at += MIB) {
    const piece = bytes.subarray(at, at + MIB)
    hash.update(piece)
    await file.write(piece)
  }
  await file.sync()
  await file.close()
  hash.digest()
  await rename(`${path}.tmp`, path)
}

const rawLoad = async (path: string): Promise<void> => {
  const bytes = await readFile(path)
  createHash("sha256").update(bytes).digest()
}

let value = fill(0)

const big = Pipeline.make("big", {
  steps: [Step.make("array", { version: "1", params: { round: Schema.Number }, run: () => value })]
})

const fileStep = Pipeline.make("file", {
  steps: [
    Step.make("keep", {
      version: "1",
      params: { path: Schema.String, streamed: Schema.Boolean },
      run: async ({ params, artifacts }) => {
        globalThis.gc?.()
        const before = process.memoryUsage().rss
        let peak = before
        const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5)
        const { digest } = await artifacts.put("array.bin", params.streamed ? createReadStream(params.path) : { file: params.path })
        clearInterval(timer)
        return { digest, extraMiB: Math.max(peak, process.memoryUsage().rss) / MIB - before / MIB }
      }
    })
  ]
})

/** 4: a 256 MiB Float64Array saved durably, loaded and verified; and the memory a stream of that size takes. */
export const largeValues = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow, folder) => {
    const saved: Array<{ value: number; against: number }> = []
    const loaded: Array<{ value: number; against: number }> = []
    const memory: Array<{ value: number; against: number }> = []
    const rate = (ms: number): number => BYTES / 1e6 / (ms / 1000)
    for (let round = 0; round < rounds + 1; round++) {
      value = fill(round + 1)
      const raw = join(folder, `raw-${round}`)
      const rawSaved = await timed(() => rawSave(new Uint8Array(value.buffer), raw))
      const ours = await timed(() => uniflow.run(big, { runId: `big-${round}`, params: { round } }))
      const rawLoaded = await timed(() => rawLoad(raw))
      const again = await Uniflow.open({ directory: join(folder, ".uniflow") })
      const ourLoaded = await timed(async () => {
        const run = await again.run(big, { runId: `big-${round}`, params: { round } })
        if (run.outputs.array[0] !== round + 1 || run.outputs.array.length !== BYTES / 8) throw new Error("another array came back")
      })
      await again.close()
      if (round > 0) {
        saved.push({ value: rate(ours), against: rate(rawSaved) })
        loaded.push({ value: rate(ourLoaded), against: rate(rawLoaded) })
      }
      await uniflow.runs.remove(`big-${round}`)
      await uniflow.gc({ grace: 0 })
      if (round < rounds) await rm(raw)
      else {
        value = new Float64Array(1)
        for (const streamed of [false, true]) {
          const run = await uniflow.run(fileStep, { params: { path: raw, streamed } })
          memory.push({ value: run.outputs.keep.extraMiB, against: BYTES / MIB })
        }
      }
    }
    return [
      line({ name: "save-256-MiB", unit: "MB/s", against: "write and hash in pieces of 1 MiB, fsync, rename", pairs: saved, bar: { least: 0.9 } }),
      line({ name: "load-256-MiB", unit: "MB/s", against: "read and hash", pairs: loaded, bar: { least: 0.8 } }),
      line({ name: "extra-memory-256-MiB-file", unit: "MiB", against: "its size", pairs: memory.slice(0, 1), bar: { most: 64 / 256 } }),
      line({ name: "extra-memory-256-MiB-stream", unit: "MiB", against: "its size", pairs: memory.slice(1), bar: { most: 64 / 256 } })
    ]
  })
