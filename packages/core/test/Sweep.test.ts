import { Effect, Layer, Redacted, Schema } from "effect"
import * as fc from "fast-check"
import { afterEach, expect, it } from "vitest"
import { Hasher, JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, Step, Sweep, Uniflow } from "../src/index.ts"
import { makeGate } from "./memory.ts"

const opened: Array<Uniflow.Uniflow> = []
const open = (): Uniflow.Uniflow => {
  const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
  opened.push(uniflow)
  return uniflow
}
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

const make = (ran: Array<string>, gate?: ReturnType<typeof makeGate>) => {
  const load = Step.make("load", { version: "1", cache: true, run: async () => (ran.push("load"), await gate?.wait(), [1, 2, 3]) })
  const fit = Step.make("fit", {
    version: "1",
    inputs: { load },
    params: { rate: Schema.Number, name: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed("a"))) },
    run: ({ inputs, params, random }) => {
      ran.push(`fit ${params.rate}`)
      if (params.rate < 0) throw new Error("negative")
      return Metrics.create({ score: inputs.load.length * params.rate + random.next() })
    }
  })
  return Pipeline.make("p", { steps: [fit] })
}
const turn = () => new Promise((resolve) => setImmediate(resolve))
const planned = (options: Parameters<typeof Sweep.plan>[1]) => Effect.runPromise(Effect.flatMap(Hasher, (hasher) => Sweep.plan(make([]), options, hasher)))

it("a sweep runs every combination under every seed, and shares what is cached, also of runs that begin at the same moment", async () => {
  const uniflow = open()
  const ran: Array<string> = []
  const gate = makeGate()
  const sweeping = uniflow.sweep(make(ran, gate), { params: { grid: { rate: [0.1, 0.5] } }, repeats: 5, concurrency: 10, tags: { why: "test" } })
  await Effect.runPromise(gate.arrived)
  // Until all ten want it.
  while ((await uniflow.runs.find({ experiment: "p" }).toArray()).length < 10) await turn()
  for (let i = 0; i < 20; i++) await turn()
  gate.open()
  const { id, runs } = await sweeping
  expect(ran.filter((one) => one === "load")).toEqual(["load"])
  expect(runs.map(({ params, seed, status }) => [params.rate, seed, status])).toEqual([0.1, 0.5].flatMap((rate) => [0, 1, 2, 3, 4].map((seed) => [rate, seed, "completed"])))
  const scores = runs.map((run) => (run.status === "completed" ? run.result.metrics["score"] : undefined))
  expect(new Set(scores).size).toBe(10)
  const found = await uniflow.runs.find({ experiment: "p" }).toArray()
  expect(found).toHaveLength(10)
  expect(found.every(({ tags }) => tags["sweep"] === id && tags["why"] === "test")).toBe(true)
})

it("the same sweep again goes on with what is missing; another value is another run, and the others stay", async () => {
  const uniflow = open()
  const ran: Array<string> = []
  const first = await uniflow.sweep(make(ran), { id: "s", params: { list: [{ rate: 1 }, { rate: -1 }, { rate: 2 }] } })
  expect(first.runs.map(({ status }) => status)).toEqual(["completed", "failed", "completed"])
  expect(first.runs[1]).toMatchObject({ error: { _tag: "StepFailed" } })
  ran.length = 0
  const again = await uniflow.sweep(make(ran), { id: "s", params: { list: [{ rate: 1 }, { rate: -1 }, { rate: 2 }, { rate: 3 }] } })
  expect(again.runs.map(({ id }) => id).slice(0, 3)).toEqual(first.runs.map(({ id }) => id))
  expect(ran).toEqual(["fit -1", "fit 3"])
})

it("a failure stops what has not begun where that is asked for", async () => {
  const { runs } = await open().sweep(make([]), { params: { grid: { rate: [-1, 1, 2] } }, concurrency: 1, stopOnFailure: true })
  expect(runs.map(({ status }) => status)).toEqual(["failed", "not begun", "not begun"])
})

it("a sweep whose signal is aborted stops, and the same one again goes on", async () => {
  const uniflow = open()
  const controller = new AbortController()
  const ran: Array<string> = []
  const options = { params: { grid: { rate: [1, 2, 3] } }, concurrency: 1 } as const
  await expect(uniflow.sweep(make(ran), { ...options, signal: controller.signal, onRun: () => controller.abort() })).rejects.toMatchObject({ _tag: "RunInterrupted" })
  expect(ran).toEqual(["load", "fit 1"])
  const { runs } = await uniflow.sweep(make(ran), options)
  expect(ran).toEqual(["load", "fit 1", "fit 2", "fit 3"])
  expect(runs.every(({ status }) => status === "completed")).toBe(true)
})

it("a cached step that fails is tried by the next run that waited for it", async () => {
  const uniflow = open()
  let tries = 0
  const gate = makeGate()
  const load = Step.make("load", { version: "1", cache: true, run: async () => (tries++, await gate.wait(), tries === 1 ? Promise.reject(new Error("no")) : 1) })
  const pipeline = Pipeline.make("p", { steps: [load] })
  const both = Promise.allSettled([uniflow.run(pipeline, { runId: "a" }), uniflow.run(pipeline, { runId: "b" }), uniflow.run(pipeline, { runId: "c" })])
  await Effect.runPromise(gate.arrived)
  for (let i = 0; i < 20; i++) await turn()
  gate.open()
  expect((await both).map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"])
  expect(tries).toBe(2)
})

it("random values lie within their bounds, are the same for the same seed, and one param's do not depend on another's", () =>
  fc.assert(fc.asyncProperty(fc.integer(), fc.double({ min: -1e3, max: 1e3, noNaN: true }), fc.double({ min: 1, max: 1e3, noNaN: true }), fc.integer({ min: 1, max: 20 }), async (seed, min, width, count) => {
    const space = { random: { rate: { uniform: [min, min + width] } }, count, seed } as const
    const one = (await planned({ params: space })).runs
    const two = (await planned({ params: { ...space, random: { name: { choice: ["x", "y"] }, ...space.random } } })).runs
    const rates = (runs: typeof one) => runs.map(({ params }) => params["rate"] as number)
    expect((await planned({ params: space })).runs).toEqual(one)
    for (const rate of rates(one)) expect(rate >= min && rate <= min + width).toBe(true)
    expect(rates(two)).toEqual(rates(one))
  }), { numRuns: 50 }))

it("integers and logarithmic scales are drawn as such", async () => {
  const ints = await planned({ params: { random: { rate: { int: [3, 5] } }, count: 200 } })
  expect(new Set(ints.runs.map(({ params }) => params["rate"]))).toEqual(new Set([3, 4, 5]))
  const logs = await planned({ params: { random: { rate: { logUniform: [1e-4, 1] } }, count: 1000 } })
  const below = logs.runs.filter(({ params }) => (params["rate"] as number) < 1e-2).length
  expect(below).toBeGreaterThan(400)
  expect(below).toBeLessThan(600)
})

it("ids are told by content: the order of params does not matter, their values and seeds do", async () => {
  const ids = async (options: Parameters<typeof Sweep.plan>[1]) => (await planned(options)).runs.map(({ id }) => id)
  expect(await ids({ params: { grid: { rate: [1], name: ["b"] } } })).toEqual(await ids({ params: { grid: { name: ["b"], rate: [1] } } }))
  expect(new Set(await ids({ id: "x", params: { list: [{ rate: 1 }, { rate: 2 }, { rate: -0 }, { rate: 0 }, { rate: NaN }] }, seeds: [0, 7] })).size).toBe(10)
})

it("what cannot be a sweep is refused, with what is wrong", async () => {
  const wrong = (options: object) => expect(planned(options as Parameters<typeof Sweep.plan>[1])).rejects
  await wrong({ params: { grid: { rate: [] } } }).toMatchObject({ _tag: "InvalidInput", issue: "grid.rate must be a list of values, at least one" })
  await wrong({ params: { list: [] } }).toMatchObject({ issue: "its list is empty" })
  await wrong({ params: { random: { rate: { uniform: [2, 1] } }, count: 1 } }).toMatchObject({ issue: expect.stringContaining("the smaller one first") })
  await wrong({ params: { random: { rate: { logUniform: [0, 1] } }, count: 1 } }).toMatchObject({ issue: expect.stringContaining("above 0") })
  await wrong({ params: { list: [{ rate: 1 }] }, repeats: 2, seeds: [1] }).toMatchObject({ issue: "give repeats or seeds, not both" })
  await wrong({ params: { list: [{ rate: 1 }] }, id: "../x" }).toMatchObject({ issue: expect.stringContaining("its id") })
  await wrong({ params: { grid: { a: Array.from({ length: 1000 }), b: Array.from({ length: 1000 }) } } }).toMatchObject({ issue: expect.stringContaining("100000") })
})

it("the params of a sweep are those of its pipeline", () => {
  const use = (uniflow: Uniflow.Uniflow) => {
    void uniflow.sweep(make([]), { params: { grid: { rate: [1], name: ["a"] } } })
    void uniflow.sweep(make([]), { params: { random: { rate: { logUniform: [1, 2] } }, count: 3 } })
    // @ts-expect-error a param that is missing
    void uniflow.sweep(make([]), { params: { grid: { name: ["a"] } } })
    // @ts-expect-error a param that the pipeline does not have
    void uniflow.sweep(make([]), { params: { grid: { rate: [1], learningRate: [1] } } })
    // @ts-expect-error values of another type
    void uniflow.sweep(make([]), { params: { grid: { rate: ["fast"] } } })
    // @ts-expect-error text is not drawn from an interval
    void uniflow.sweep(make([]), { params: { random: { rate: { int: [1, 2] }, name: { uniform: [1, 2] } }, count: 1 } })
    return uniflow.sweep(make([]), { params: { list: [{ rate: 1 }] } }).then(({ runs }) => {
      const [run] = runs
      if (run?.status === "completed") return run.result.outputs.fit.score satisfies number
      return run?.params.rate satisfies number | undefined
    })
  }
  expect(use).toBeTypeOf("function")
})

it("values that JSON does not hold are told apart, or refused; none of them is left out", async () => {
  const at = Pipeline.make("p", { steps: [Step.make("at", { version: "1", params: { at: Schema.Date }, run: ({ params }) => params.at.getTime() })] })
  const plan = (pipeline: Pipeline.Any, list: ReadonlyArray<object>) =>
    Effect.runPromise(Effect.flatMap(Hasher, (hasher) => Sweep.plan(pipeline, { params: { list } }, hasher))).then(({ runs }) => runs)
  expect(await plan(at, [{ at: new Date(1) }, { at: new Date(2) }, { at: new Date(1) }])).toHaveLength(2)
  const key = Pipeline.make("p", { steps: [Step.make("key", { version: "1", params: { key: Schema.Redacted(Schema.String) }, run: () => 1 })] })
  expect(await plan(key, [{ key: Redacted.make("a") }, { key: Redacted.make("a") }])).toHaveLength(1)
  await expect(plan(key, [{ key: Redacted.make("a") }, { key: Redacted.make("b") }])).rejects.toMatchObject({ _tag: "InvalidInput", issue: expect.stringContaining("cannot be told apart") })
})

it.each(["onStart", "onRun"] as const)("a sweep whose %s throws begins no further run, lets those under way end, and rejects with what was thrown", async (callback) => {
  const uniflow = open()
  const ran: Array<string> = []
  let calls = 0
  const sweeping = uniflow.sweep(make(ran), {
    params: { grid: { rate: [1, 2, 3, 4, 5, 6, 7, 8] } },
    concurrency: 2,
    [callback]: () => {
      if (++calls === 2) throw new Error("thrown")
    }
  })
  await expect(sweeping).rejects.toThrow("thrown")
  expect(uniflow.active.size).toBe(0)
  const { length } = ran
  for (let i = 0; i < 20; i++) await turn()
  expect(ran).toHaveLength(length)
  expect(length).toBeLessThan(5)
})
