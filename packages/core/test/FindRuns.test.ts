import { Schema } from "effect"
import { expect, it } from "vitest"
import { Metrics, Pipeline, Step, Uniflow } from "../src/index.ts"
import { layer } from "./memory.ts"

const train = Step.make("train", {
  params: { rate: Schema.Number, name: Schema.String },
  run: ({ params }) => Metrics.create({ loss: params.rate })
})
const digits = Pipeline.make("digits", { steps: [train], goals: { loss: "minimize" } })

const withRuns = async (count: number) => {
  const uniflow = Uniflow.make(layer)
  for (let n = 0; n < count; n++) await uniflow.run(digits, { runId: `run-${String(n).padStart(3, "0")}`, params: { rate: n % 10, name: `n${n}` } })
  return uniflow
}

it("find gives typed rows, page by page, in the order asked for", async () => {
  const uniflow = await withRuns(250)
  const ids: Array<string> = []
  for await (const run of uniflow.runs.find({ pipeline: digits, where: "params.rate >= 5", orderBy: "metrics.loss desc, run.id" })) {
    const rate: number | undefined = run.params.rate
    expect(run.metrics["loss"]).toBe(rate)
    expect(run.metrics["train.loss"]).toBe(rate)
    expect(run.durationMs).toBeTypeOf("number")
    ids.push(run.id)
  }
  expect(ids).toHaveLength(125)
  expect(ids.slice(0, 2)).toEqual(["run-009", "run-019"])
  const rows = await uniflow.runs.find({ pipeline: digits, where: { params: { rate: { ">": 8 } } }, orderBy: { "params.name": "asc" }, select: ["params.rate", "metrics.loss.best", "run.status"], limit: 2 }).toArray()
  expect(rows).toEqual([
    { id: "run-109", "params.rate": 9, "metrics.loss.best": 9, "run.status": "completed" },
    { id: "run-119", "params.rate": 9, "metrics.loss.best": 9, "run.status": "completed" }
  ])
  expect((await uniflow.runs.find({ orderBy: "run.id", after: "run-247" }).toArray()).map(({ id }) => id)).toEqual(["run-248", "run-249"])
  await uniflow.close()
})

it("what cannot be understood rejects the iteration", async () => {
  const uniflow = await withRuns(1)
  await expect(uniflow.runs.find({ where: "params.rate >" }).toArray()).rejects.toMatchObject({ _tag: "InvalidFilter", position: 13 })
  await expect(uniflow.runs.find({ orderBy: "rate" }).toArray()).rejects.toMatchObject({ _tag: "InvalidFilter" })
  await expect(uniflow.runs.find({ after: "nobody" }).toArray()).rejects.toMatchObject({ _tag: "RunNotFound" })
  await expect(uniflow.runs.find({ limit: NaN }).toArray()).rejects.toMatchObject({ _tag: "InvalidInput" })
  const many = Array.from({ length: 31 }, (_, n) => `params.p${n} = 1`).join(" and ")
  await expect(uniflow.runs.find({ where: many }).toArray()).rejects.toMatchObject({ _tag: "InvalidInput", issue: expect.stringContaining("more than 30 different fields") })
  await uniflow.close()
})
