import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { Metrics, Pipeline, Schema, Step, Uniflow } from "../src/index.ts"

let folder: string
let uniflow: Uniflow.Uniflow
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "uniflow-fork-"))
  uniflow = await Uniflow.open({ directory: join(folder, ".uniflow") })
})
afterEach(async () => {
  await uniflow.close()
  rmSync(folder, { recursive: true, force: true })
})

const score = Step.make("score", { version: "1", params: { rate: Schema.Number }, run: ({ params }) => Metrics.create({ error: 1 - params.rate }) })
const pipeline = Pipeline.make("p", { steps: [score], goals: { error: "minimize" } })

it("a fork offers the comparison with its parent, which comes first", async () => {
  await uniflow.run(pipeline, { runId: "parent", params: { rate: 0.5 } })
  const fork = await uniflow.fork(pipeline, "parent", { params: { rate: 0.75 } })
  expect(fork.parent).toBe("parent")
  expect(fork.outputs.score.error satisfies number).toBe(0.25)
  const comparison = await fork.comparison()
  expect(comparison.runs.map(({ id }) => id)).toEqual(["parent", fork.id])
  expect(comparison.params).toMatchObject([{ name: "rate", values: [0.5, 0.75], differs: true }])
  expect(comparison.metrics[0]?.values[1]?.change).toMatchObject({ better: "better" })
})

it("a fork whose parent was deleted is complete, and says that there is nothing to compare it with", async () => {
  await uniflow.run(pipeline, { runId: "parent", params: { rate: 0.5 } })
  const fork = await uniflow.fork(pipeline, "parent", { params: { rate: 0.75 } })
  await uniflow.runs.remove("parent")
  expect(fork.outputs.score.error).toBe(0.25)
  await expect(fork.comparison()).rejects.toMatchObject({ _tag: "RunNotFound", runId: "parent" })
})
