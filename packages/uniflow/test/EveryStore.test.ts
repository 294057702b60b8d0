import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Dashboard } from "@uniflow/dashboard"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type Server, startServer } from "../../postgres/test/server.ts"
import { Metrics, Pipeline, RunInterrupted, Schema, Step, Uniflow } from "../src/index.ts"

/**
 * The same pipelines, resumed, forked, swept and searched, on a folder and in PostgreSQL: everything that can be read of them afterwards is
 * the same, times aside.
 */
let server: Server
let folder: string
beforeAll(async () => {
  server = await startServer()
  folder = mkdtempSync(join(tmpdir(), "uniflow-every-"))
}, 60_000)
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server?.remove()
}, 60_000)

/** What a scenario's steps look at: whether they fail, and what was executed. */
const world = { isBroken: false, stop: undefined as AbortController | undefined, executed: [] as Array<string> }

const load = Step.make("load", {
  version: "1",
  cache: true,
  params: { count: Schema.Number },
  run: ({ params }) => {
    world.executed.push("load")
    return Array.from({ length: params.count }, (_, n) => n)
  }
})
const large = Step.make("large", { version: "1", inputs: { load }, run: ({ inputs }) => new Float64Array(40_000).fill(inputs.load.length) })
const train = Step.make("train", {
  version: "1",
  inputs: { large },
  params: { rate: Schema.Number, epochs: Step.withDefault(Schema.Int, 6) },
  checkpointsIgnore: ["epochs"],
  run: async ({ artifacts, checkpoint, inputs, log, metrics, params, random }) => {
    let { epoch, weight } = (await checkpoint.latest<{ epoch: number; weight: number }>("model")) ?? { epoch: 0, weight: random.next() }
    log(`begins at ${epoch}`)
    for (; epoch < params.epochs; epoch++) {
      if (epoch === 3 && world.stop !== undefined) world.stop.abort()
      if (epoch === 4 && world.isBroken) throw new Error("broken in the middle")
      weight += params.rate * random.next()
      metrics.log({ loss: 1 / (1 + weight) }, { index: epoch })
      await checkpoint.save("model", { epoch: epoch + 1, weight })
    }
    await artifacts.put("weights.csv", `weight\n${weight}\n`)
    world.executed.push("train")
    return { weight, of: inputs.large.length }
  }
})
const square = Step.map("square", {
  version: "1",
  concurrency: 1,
  over: load,
  // After everything else: what is done at the same time has no order.
  inputs: { train },
  onItemError: "collect",
  run: ({ item }) => {
    world.executed.push(`square ${item}`)
    if (item === 3) throw new Error("three is refused")
    return { item, squared: item * item, odd: item % 2 === 1 }
  }
})
const evaluate = Step.make("evaluate", {
  version: "1",
  inputs: { train, square },
  run: ({ inputs }) => Metrics.create({ accuracy: 1 - 1 / (1 + inputs.train.weight), items: inputs.square.length })
})
const pipeline = Pipeline.make("every", { steps: [evaluate], goals: { accuracy: "maximize", loss: "minimize" } })

/** Without what differs from one time to the next, and from one machine's state to the other. */
const lasting = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, function(this: object, name, one: unknown) {
    // The change of a step's duration stands beside its decision.
    if (name === "change" && "decision" in this) return undefined
    return /Ms$|^(holder|environment|revision|token|requestId|heartbeat|stack)$/.test(name) ? undefined : one
  }) ?? "null")

const scenario = async (options: Uniflow.OpenOptions): Promise<unknown> => {
  world.executed = []
  await using uniflow = await Uniflow.open({ ...options, handleSignals: false })
  const run = (runId: string, rate: number, more: object = {}) => uniflow.run(pipeline, { runId, concurrency: 1, params: { count: 5, rate, ...more } })
  const told: Record<string, unknown> = {}

  world.isBroken = true
  told["failed"] = await run("one", 0.1).catch((error: unknown) => String(error))
  world.isBroken = false
  const resumed = await run("one", 0.1)
  told["resumed"] = { outputs: { ...resumed.outputs.evaluate, weight: resumed.outputs.train.weight }, decisions: lasting(resumed.decisions), metrics: resumed.metrics }
  told["again"] = lasting((await run("one", 0.1)).decisions)

  world.stop = new AbortController()
  told["stopped"] = await uniflow.run(pipeline, { runId: "two", concurrency: 1, params: { count: 5, rate: 0.2 }, signal: world.stop.signal }).catch((error: unknown) => error instanceof RunInterrupted)
  world.stop = undefined
  await run("two", 0.2)
  await uniflow.fork(pipeline, "one", { runId: "longer", concurrency: 1, params: { epochs: 9 } })
  await uniflow.sweep(pipeline, { params: { grid: { count: [4], rate: [0.3, 0.4] } }, repeats: 2, concurrency: 1 })
  await uniflow.runs.tag("two", { kind: "second" })
  await uniflow.runs.note("two", "a note\u0000 with \ud800 what no database likes")

  const ids = (await uniflow.runs.find({ orderBy: "run.created" }).toArray()).map(({ id }) => id)
  told["ids"] = ids.map((id) => id.replace(/^[0-9a-z]{20,}/, "id"))
  told["executed"] = [...world.executed]
  for (const where of ["params.rate > 0.15", "metrics.accuracy > 0.2 and not tags.kind = \"second\"", "run.parent = \"one\"", "metrics.train.loss.min < 0.6", "run.note like \"a note%\""]) {
    for (const orderBy of ["metrics.accuracy desc", "params.rate, run.created"]) {
      told[`${where} by ${orderBy}`] = await uniflow.runs.find({ where, orderBy }).toArray().then((found) => found.map(({ id }) => ids.indexOf(id)), (error: unknown) => String(error))
    }
  }
  for (const id of ["one", "two", "longer"]) {
    told[`show ${id}`] = lasting(await uniflow.runs.get(id))
    told[`explain ${id}`] = lasting(await uniflow.runs.explain(id))
  }
  told["compare"] = lasting(await uniflow.compareRuns(["one", "two", "longer"]))
  told["bytes"] = Buffer.from(await uniflow.runs.artifact("two", "weights.csv")).toString("utf8")

  const dashboard = Dashboard.make({ uniflow, dangerouslyAllowUnauthenticated: true })
  for (const path of ["experiments", "runs?select=params.rate,metrics.accuracy&orderBy=metrics.accuracy", "runs/one", "runs/two", "runs/one/metric?name=loss&buckets=10", "curves?runs=one,two&name=loss", "experiments/fields", "runs/one/logs"]) {
    const response = await dashboard.handler(new Request(`http://localhost/api/${path}`, { headers: { host: "localhost" } }))
    told[`GET ${path}`] = [response.status, JSON.parse(JSON.stringify(lasting(await response.json())).replaceAll(/\b[0-9A-Za-z]{20,}\b/g, "id"))]
  }
  await dashboard.dispose()

  await uniflow.runs.remove("one")
  await uniflow.gc({ grace: 0 })
  told["longer alone"] = lasting((await uniflow.run(pipeline, { runId: "longer", params: { count: 5, rate: 0.1, epochs: 9 } })).decisions)
  return told
}

it("whatever was done can be read in the same words, wherever it is kept", { timeout: 120_000 }, async () => {
  const inFolder = await scenario({ directory: join(folder, ".uniflow") })
  const inDatabase = await scenario({ url: server.url })
  expect(inDatabase).toEqual(inFolder)
  expect(inFolder).toMatchObject({ failed: expect.stringContaining("broken in the middle"), stopped: true })
})
