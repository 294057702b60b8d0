// Sweeps on the folder in the first argument when a line comes in, and tells what came of it. Its steps note each of their
// executions in the file of the second argument; the first execution of the shared one waits for another line.
import { appendFileSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Metrics, Pipeline, Step } from "@uniflow/core"
import { Schema } from "effect"
import * as NodeUniflow from "../../src/NodeUniflow.ts"

const [directory, file] = process.argv.slice(2)
if (file === undefined) throw new Error("which file?")

const note = (line: string): number => {
  appendFileSync(file, `${line}\n`)
  return readFileSync(file, "utf8").split("\n").filter((one) => one.startsWith("load")).length
}

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const load = Step.make("load", {
  version: "1",
  cache: true,
  run: async () => {
    const isFirst = note(`load ${process.pid}`) === 1
    console.log("executing")
    if (isFirst) await input.next()
    return [1, 2, 3]
  }
})

const fit = Step.make("fit", {
  version: "1",
  inputs: { load },
  params: { rate: Schema.Number },
  run: ({ inputs, params }) => {
    note(`fit ${params.rate}`)
    return Metrics.create({ score: inputs.load.length * params.rate })
  }
})

console.log("ready")
await input.next()
const uniflow = await NodeUniflow.open({ directory })
const { runs } = await uniflow.sweep(Pipeline.make("p", { steps: [fit] }), { params: { grid: { rate: [1, 2, 3, 4, 5, 6] } }, concurrency: 1 })
console.log(JSON.stringify(runs.map((run) => (run.status === "completed" ? run.result.metrics["score"] : run.status))))
await uniflow.close()
process.stdin.destroy()
