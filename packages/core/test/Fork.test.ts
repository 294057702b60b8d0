import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, RunStore, snapshot, Step, Uniflow } from "../src/index.ts"
import { decisions, ending, layer, makeGate, run } from "./memory.ts"

const fork = <P extends Pipeline.Any>(pipeline: P, parent: string, options?: Runner.ForkOptions<P>) => Effect.flatMap(Runner.Runner, (runner) => runner.fork(pipeline, parent, options))

/** Loads, doubles each, trains for some epochs with checkpoints, and evaluates. */
const stepsOf = (ran: Array<string>) => {
  const load = Step.make("load", { version: "1", params: { size: Schema.Int }, run: ({ params }) => (ran.push("load"), Array.from({ length: params.size }, (_, i) => i)) })
  const double = Step.map("double", { over: load, version: "1", run: ({ item }) => (ran.push(`double ${item}`), item * 2) })
  const train = Step.make("train", {
    version: "1",
    inputs: { data: double },
    params: { rate: Schema.Number, epochs: Schema.Int },
    checkpointsIgnore: ["epochs"],
    run: async ({ inputs, params, checkpoint, metrics, random, artifacts }) => {
      let { epoch, model } = (await checkpoint.latest<{ epoch: number; model: number }>("model")) ?? { epoch: 0, model: inputs.data.length }
      for (; epoch < params.epochs; epoch++) {
        ran.push(`epoch ${epoch}`)
        model += params.rate * random.next()
        metrics.log({ model }, { index: epoch })
        await artifacts.put(`epoch-${epoch}.txt`, new TextEncoder().encode(String(model)))
        await checkpoint.save("model", { epoch: epoch + 1, model })
      }
      return model
    }
  })
  const evaluate = Step.make("evaluate", { version: "1", inputs: { model: train }, run: ({ inputs }) => (ran.push("evaluate"), inputs.model > 0) })
  return { load, train, evaluate }
}
const make = (ran: Array<string> = []) => Pipeline.make("p", { steps: [stepsOf(ran).evaluate] })
const params = { size: 2, rate: 0.1, epochs: 3 }

it.effect("a fork takes over what still answers, executes the rest, and says from where and why", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "parent", seed: 7, experiment: "e", tags: { a: "b" } })
    const ran: Array<string> = []
    const forked = yield* fork(make(ran), "parent", { runId: "fork", params: { rate: 0.5 } })
    expect(ran).toEqual(["epoch 0", "epoch 1", "epoch 2", "evaluate"])
    expect(decisions(forked)).toEqual(["load cached", "double cached", "train executed", "evaluate executed"])
    expect(forked.decisions.load.reasons).toEqual([{ component: "fork", sourceRun: "parent" }])
    expect(forked.decisions.train.reasons).toEqual([{ component: "param rate", old: "0.1", new: "0.5" }])
    expect(forked.params).toEqual({ ...params, rate: 0.5 })
    const { run: record } = yield* snapshot("fork")
    expect(record).toMatchObject({ parent: "parent", seed: 7, experiment: "e", tags: {} })
    yield* run(make(), { ...params, rate: 0.5 }, { runId: "whole", seed: 7, experiment: "e" })
    expect(yield* ending("fork")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("training longer in a fork goes on from the parent's checkpoints, and ends like one that was never forked", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "parent" })
    const ran: Array<string> = []
    const forked = yield* fork(make(ran), "parent", { runId: "fork", params: { epochs: 5 } })
    expect(ran).toEqual(["epoch 3", "epoch 4", "evaluate"])
    expect(forked.decisions.train.reasons).toEqual([{ component: "param epochs", old: "3", new: "5" }, { component: "checkpoint", note: "went on from version 3 of \"model\"" }])
    const whole = yield* run(make(), { ...params, epochs: 5 }, { runId: "whole" })
    expect(forked.outputs).toEqual(whole.outputs)
    expect(yield* ending("fork")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("a fork is complete by itself: its parent may be deleted", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    yield* run(make(), params, { runId: "parent" })
    yield* fork(make(), "parent", { runId: "fork", params: { epochs: 5 } })
    const before = yield* ending("fork")
    yield* store.remove("parent")
    yield* store.collectBlobs({ refreshedBeforeMs: Infinity, dryRun: false })
    const ran: Array<string> = []
    const again = yield* run(make(ran), { ...params, epochs: 5 }, { runId: "fork" })
    expect(ran).toEqual([])
    expect(again.outputs.double).toEqual([0, 2])
    expect(yield* ending("fork")).toEqual(before)
  }).pipe(Effect.provide(layer)))

it.effect("from a step on nothing is taken over, also when the fork is resumed", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "parent" })
    const ran: Array<string> = []
    const broken = Step.make("evaluate", { version: "1", inputs: { model: stepsOf(ran).train }, run: () => Promise.reject(new Error("no")) })
    yield* Effect.flip(fork(Pipeline.make("p", { steps: [broken] }), "parent", { runId: "fork", from: "train" }))
    expect(ran).toEqual(["epoch 0", "epoch 1", "epoch 2"])
    const resumed = yield* run(make(ran), params, { runId: "fork" })
    expect(ran).toEqual(["epoch 0", "epoch 1", "epoch 2", "evaluate"])
    expect(decisions(resumed)).toEqual(["load restored", "double restored", "train restored", "evaluate executed"])
    expect((yield* snapshot("fork")).steps.find(({ step }) => step === "train")?.outcome.reasons).toEqual([{ component: "fork", note: "asked to execute from here" }])
    expect(yield* Effect.flip(fork(make(), "parent", { from: "tain" }))).toMatchObject({ _tag: "InvalidInput", what: "from" })
  }).pipe(Effect.provide(layer)))

it.effect("a fork that was interrupted is resumed as one", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "parent" })
    const ran: Array<string> = []
    let broken = true
    const first = Step.make("first", { version: "2", run: () => (broken ? Promise.reject(new Error("not yet")) : 1) })
    const all = stepsOf(ran).load
    const last = Step.make("last", { version: "1", inputs: { first, all }, params: { size: Schema.Int }, run: () => (ran.push("last"), 1) })
    yield* Effect.flip(fork(Pipeline.make("p", { steps: [last] }), "parent", { runId: "fork" }))
    broken = false
    const resumed = yield* run(Pipeline.make("p", { steps: [last] }), { size: 2 }, { runId: "fork" })
    expect(ran).toEqual(["last"])
    expect(resumed.decisions.first.decision).toBe("executed")
    expect(resumed.decisions.load).toMatchObject({ decision: expect.stringMatching(/cached|restored/) })
  }).pipe(Effect.provide(layer)))

it.effect("only items of a map that are new are executed in a fork", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "parent" })
    const ran: Array<string> = []
    const forked = yield* fork(make(ran), "parent", { params: { size: 4 } })
    expect(ran.filter((one) => one.startsWith("double"))).toEqual(["double 2", "double 3"])
    expect(forked.outputs.double).toEqual([0, 2, 4, 6])
  }).pipe(Effect.provide(layer)))

it.effect("what cannot be forked is refused: an unknown run, another pipeline's, itself", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "parent" })
    expect(yield* Effect.flip(fork(make(), "nobody"))).toMatchObject({ _tag: "RunNotFound" })
    const other = Pipeline.make("other", { steps: [Step.make("x", { version: "1", run: () => 1 })] })
    expect(yield* Effect.flip(fork(other, "parent"))).toMatchObject({ _tag: "RunParamsChanged", otherPipeline: "p" })
    expect(yield* Effect.flip(fork(make(), "parent", { runId: "parent" }))).toMatchObject({ _tag: "InvalidInput" })
    const changed = yield* Effect.flip(run(make(), { ...params, rate: 1 }, { runId: "parent" }))
    expect(changed.message).toContain(`fork this one: uniflow.fork(p, "parent", { params })`)
  }).pipe(Effect.provide(layer)))

it("forks through the Promise face, with params that fit the pipeline", async () => {
  const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
  await uniflow.run(make(), { runId: "parent", params })
  const forked = await uniflow.fork(make(), "parent", { params: { rate: 1 }, from: "train" })
  expect(forked.outputs.evaluate).toBe(true)
  expect((await uniflow.runs.get(forked.id)).parent).toBe("parent")
  // @ts-expect-error a param that the pipeline does not have
  await expect(uniflow.fork(make(), "parent", { params: { learningRate: 1 } })).rejects.toMatchObject({ _tag: "InvalidInput" })
  // @ts-expect-error a param of another type
  await expect(uniflow.fork(make(), "parent", { params: { rate: "fast" } })).rejects.toMatchObject({ _tag: "InvalidInput" })
  await uniflow.close()
})

it.effect("failures that a map collected are not taken over; its other items are", () =>
  Effect.gen(function*() {
    const ran: Array<number> = []
    let broken = true
    const list = Step.make("list", { version: "1", run: () => [1, 2] })
    const each = Step.map("each", {
      version: "1",
      over: list,
      onItemError: "collect",
      run: ({ item }) => {
        ran.push(item)
        if (item === 2 && broken) throw new Error("busy")
        return item
      }
    })
    const pipeline = Pipeline.make("p", { steps: [each] })
    yield* run(pipeline, {}, { runId: "parent" })
    broken = false
    const forked = yield* fork(pipeline, "parent", { runId: "fork" })
    expect(forked.outputs.each).toEqual([{ ok: true, value: 1 }, { ok: true, value: 2 }])
    expect(ran).toEqual([1, 2, 2])
    yield* run(pipeline, {}, { runId: "whole" })
    expect(yield* ending("fork")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("checkpoints that several executions of a step left in the parent are taken over together", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    let fails = "data"
    const train = Step.make("train", {
      version: "1",
      params: { scale: Schema.Int },
      checkpointsIgnore: ["scale"],
      run: async ({ artifacts, checkpoint, metrics, params, random }) => {
        const saved = { data: await checkpoint.latest<number>("data"), model: await checkpoint.latest<number>("model") }
        const made = async (name: "data" | "model") => {
          ran.push(name)
          const value = random.int(0, 1_000_000)
          metrics.log({ value })
          await artifacts.put(name, String(value))
          await checkpoint.save(name, value)
          if (fails === name) throw new Error(name)
          return value
        }
        const data = saved.data ?? (await made("data"))
        const model = saved.model ?? (await made("model"))
        metrics.log({ value: -1 })
        return params.scale * (data + model)
      }
    })
    const pipeline = Pipeline.make("p", { steps: [train] })
    yield* Effect.flip(run(pipeline, { scale: 1 }, { runId: "parent" }))
    fails = "model"
    yield* Effect.flip(run(pipeline, { scale: 1 }, { runId: "parent" }))
    fails = ""
    yield* fork(pipeline, "parent", { runId: "fork", params: { scale: 2 } })
    expect(ran).toEqual(["data", "model"])
    yield* run(pipeline, { scale: 2 }, { runId: "whole" })
    expect(yield* ending("fork")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("an outcome is taken over with its manual checkpoints, which answer in a fork of the fork", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    yield* run(make(), params, { runId: "parent" })
    yield* fork(make(), "parent", { runId: "same" })
    expect(yield* ending("same")).toEqual(yield* ending("parent"))
    yield* store.remove("parent")
    const ran: Array<string> = []
    yield* fork(make(ran), "same", { runId: "longer", params: { epochs: 5 } })
    expect(ran).toEqual(["epoch 3", "epoch 4", "evaluate"])
    yield* run(make(), { ...params, epochs: 5 }, { runId: "whole" })
    expect(yield* ending("longer")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("so are the items of a map", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const list = Step.make("list", { version: "1", run: () => ["a", "b"] })
    const each = Step.map("each", {
      version: "1",
      over: list,
      params: { epochs: Schema.Int },
      checkpointsIgnore: ["epochs"],
      run: async ({ checkpoint, item, metrics, params, random }) => {
        let { epoch, sum } = (await checkpoint.latest<{ epoch: number; sum: number }>("state")) ?? { epoch: 0, sum: 0 }
        for (; epoch < params.epochs; epoch++) {
          ran.push(`${item} ${epoch}`)
          metrics.log({ sum: sum += random.int(0, 100) })
          await checkpoint.save("state", { epoch: epoch + 1, sum })
        }
        return sum
      }
    })
    const pipeline = Pipeline.make("p", { steps: [each] })
    yield* run(pipeline, { epochs: 1 }, { runId: "parent" })
    yield* fork(pipeline, "parent", { runId: "same" })
    expect(yield* ending("same")).toEqual(yield* ending("parent"))
    ran.length = 0
    yield* fork(pipeline, "same", { runId: "longer", params: { epochs: 2 } })
    expect(ran.sort()).toEqual(["a 1", "b 1"])
    yield* run(pipeline, { epochs: 2 }, { runId: "whole" })
    expect(yield* ending("longer")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("under another seed no checkpoint is taken over that stands on random numbers", () =>
  Effect.gen(function*() {
    yield* run(make(), params, { runId: "parent", seed: 1 })
    const ran: Array<string> = []
    yield* fork(make(ran), "parent", { runId: "fork", seed: 2, params: { epochs: 4 } })
    expect(ran).toEqual(["epoch 0", "epoch 1", "epoch 2", "epoch 3", "evaluate"])
    yield* run(make(), { ...params, epochs: 4 }, { runId: "whole", seed: 2 })
    expect(yield* ending("fork")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("from a step on nothing is taken from a cache either, also when it failed and the fork is resumed", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    let broken = false
    const load = Step.make("load", { version: "1", cache: true, run: () => (ran.push("load"), broken ? Promise.reject(new Error("not yet")) : Promise.resolve(1)) })
    const pipeline = Pipeline.make("p", { steps: [load] })
    yield* run(pipeline, {}, { runId: "parent" })
    broken = true
    yield* Effect.flip(fork(pipeline, "parent", { runId: "fork", from: "load" }))
    broken = false
    expect(decisions(yield* run(pipeline, {}, { runId: "fork" }))).toEqual(["load executed"])
    expect(ran).toEqual(["load", "load", "load"])
  }).pipe(Effect.provide(layer)))

it.effect("what is taken over is complete, or executed where the parent is deleted while its fork runs", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    const gate = makeGate()
    const make = (version: string) => {
      const first = Step.make("first", { version, run: () => version === "2" ? gate.wait().then(() => 1) : 1 })
      const curve = Step.make("curve", {
        version: "1",
        inputs: { first },
        run: async ({ artifacts, metrics }) => {
          metrics.log({ loss: 1 })
          await artifacts.put("curve.txt", "loss")
          return 2
        }
      })
      return Pipeline.make("p", { steps: [curve] })
    }
    yield* run(make("1"), {}, { runId: "parent" })
    const forked = yield* Effect.forkChild(fork(make("2"), "parent", { runId: "fork" }), { startImmediately: true })
    yield* gate.arrived
    yield* store.remove("parent")
    gate.open()
    expect(decisions(yield* Fiber.join(forked))).toEqual(["first executed", "curve executed"])
    yield* run(make("2"), {}, { runId: "whole" })
    expect(yield* ending("fork")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it("the id of a run that exists is no id of a fork of another one", async () => {
  const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
  for (const runId of ["a", "b"]) await uniflow.run(make(), { runId, params })
  const fork = (parent: string) => uniflow.fork(make(), parent, { runId: "fork" })
  const [first, second] = await Promise.allSettled([fork("a"), fork("b")])
  expect(first).toMatchObject({ status: "fulfilled", value: { id: "fork" } })
  expect(second).toMatchObject({ status: "rejected", reason: { _tag: expect.stringMatching(/RunIsActive|InvalidInput/) } })
  expect((await fork("a")).attempt).toBe(2)
  await expect(fork("b")).rejects.toMatchObject({ _tag: "InvalidInput", what: "runId" })
  await expect(uniflow.fork(make(), "a", { runId: "b" })).rejects.toMatchObject({ _tag: "InvalidInput", what: "runId" })
  await uniflow.close()
})
