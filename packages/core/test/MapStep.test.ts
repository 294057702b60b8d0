import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result, Schema } from "effect"
import { Codec, type CodecService, JsonCodec, Pipeline, Runner, RunStore, snapshot, Step } from "../src/index.ts"
import { begin, decisions, ending, failure, layer, makeGate, run, stores } from "./memory.ts"

const embedding = (texts: ReadonlyArray<string>, ran: Array<string>, options: { readonly broken?: string; readonly concurrency?: number } = {}) => {
  const documents = Step.make("documents", { version: texts.join(), run: () => [...texts] })
  const embed = Step.map("embed", {
    version: "1",
    over: documents,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    run: async ({ item, random, metrics }) => {
      ran.push(item)
      if (item === options.broken) throw new Error(`${item} broke`)
      metrics.log({ length: item.length })
      return `${item}:${random.int(0, 1_000_000)}`
    }
  })
  return Pipeline.make("embedding", { steps: [embed] })
}

it.effect("inserting an item does not redo the others, and their random numbers stay", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const first = yield* run(embedding(["a", "b", "c"], ran), {}, { runId: "r" })
    ran.length = 0
    const second = yield* run(embedding(["new", "a", "b", "b", "c"], ran), {}, { runId: "r" })
    expect(ran.sort()).toEqual(["b", "new"])
    expect(second.outputs.embed.filter((_, i) => i === 1 || i === 2 || i === 4)).toEqual(first.outputs.embed)
    expect(second.decisions.embed.reasons.at(-1)).toEqual({ component: "items", note: "2 executed, 3 restored" })
  }).pipe(Effect.provide(layer)))

it.effect("items in another order give another output, and nothing is executed", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const first = yield* run(embedding(["a", "b"], ran), {}, { runId: "r" })
    ran.length = 0
    const second = yield* run(embedding(["b", "a"], ran), {}, { runId: "r" })
    expect(ran).toEqual([])
    expect(second.outputs.embed).toEqual(first.outputs.embed.toReversed())
  }).pipe(Effect.provide(layer)))

it.effect("equal items are told apart by their occurrence", () =>
  Effect.gen(function*() {
    const result = yield* run(embedding(["a", "a"], []), {}, { runId: "r" })
    expect(new Set(result.outputs.embed).size).toBe(2)
    const addresses = (yield* snapshot("r")).steps.map(({ address }) => address).filter((address) => address.startsWith("embed["))
    expect(addresses.sort()[1]).toMatch(/^embed\[[0-9a-f]{16}\]$/)
    expect(addresses.sort()[0]).toMatch(/^embed\[[0-9a-f]{16}#2\]$/)
  }).pipe(Effect.provide(layer)))

it.effect("no index reaches the function", () =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    const list = Step.make("list", { version: "1", run: () => ["a"] })
    const each = Step.map("each", { version: "1", over: list, run: (context) => void seen.push(...Object.values(context), context.step) })
    yield* run(Pipeline.make("p", { steps: [each] }), {}, { runId: "r" })
    expect(seen.filter((value) => typeof value === "number")).toEqual([1])
  }).pipe(Effect.provide(layer)))

it.effect("a failing item fails the step; what ran is let finish, kept, and not executed again", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const texts = ["a", "b", "c", "d", "e"]
    const error = yield* failure(embedding(texts, ran, { broken: "b", concurrency: 2 }), {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "StepFailed", cause: { message: "b broke" } })
    expect(error.message).toContain("embed[")
    expect(ran.length).toBeLessThan(5)
    const before = ran.filter((text) => text !== "b")
    yield* run(embedding(texts, ran, { concurrency: 2 }), {}, { runId: "r" })
    for (const text of before) expect(ran.filter((one) => one === text).length).toBe(1)
    yield* run(embedding(texts, []), {}, { runId: "whole" })
    expect(yield* ending("r")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("collected failures stand beside the results, in order", () =>
  Effect.gen(function*() {
    const list = Step.make("list", { version: "1", run: () => [1, 2, 3] })
    const each = Step.map("each", {
      version: "1",
      over: list,
      onItemError: "collect",
      run: ({ item }) => {
        if (item === 2) throw new TypeError("not two")
        return item * 10
      }
    })
    const total = Step.make("total", { version: "1", inputs: { each }, run: ({ inputs }) => inputs.each.reduce((sum, one) => sum + (one.ok ? one.value : 0), 0) })
    const result = yield* run(Pipeline.make("p", { steps: [total] }), {}, { runId: "r" })
    expect(result.outputs.each).toEqual([{ ok: true, value: 10 }, { ok: false, error: { name: "TypeError", message: "not two" } }, { ok: true, value: 30 }])
    expect(result.outputs.total).toBe(40)
    expect(result.decisions.each.reasons.at(-1)).toEqual({ component: "items", note: "2 executed, 1 failed" })
  }).pipe(Effect.provide(layer)))

it.effect("a map's own limit holds; without one it shares the run's", () =>
  Effect.gen(function*() {
    let running = 0
    let most = 0
    const work = async (): Promise<void> => {
      running++
      most = Math.max(most, running)
      await Promise.resolve()
      await Promise.resolve()
      running--
    }
    const list = Step.make("list", { version: "1", run: () => Array.from({ length: 12 }, (_, i) => i) })
    const both = (own: number | undefined) => {
      const limit = own === undefined ? {} : { concurrency: own }
      const a = Step.map("a", { version: "1", over: list, ...limit, run: work })
      const b = Step.map("b", { version: "1", over: list, ...limit, run: work })
      return Pipeline.make("p", { steps: [a, b] })
    }
    yield* run(both(undefined), {}, { concurrency: 3 })
    expect(most).toBe(3)
    most = 0
    yield* run(both(2), {}, { concurrency: 8 })
    expect(most).toBe(4)
  }).pipe(Effect.provide(layer)))

class Word extends Schema.Class<Word>("Word")({ text: Schema.String }) {
  get length(): number {
    return this.text.length
  }
}

it.effect("items that are class instances come as such and are told apart by what is saved of them", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const make = (texts: ReadonlyArray<string>) => {
      const words = Step.make("words", { version: texts.join(), output: Schema.Array(Word), run: () => texts.map((text) => new Word({ text })) })
      const lengths = Step.map("lengths", { version: "1", over: words, run: ({ item }) => (ran.push(item.text), item.length) })
      return Pipeline.make("p", { steps: [lengths] })
    }
    expect((yield* run(make(["a", "bb"]), {}, { runId: "r" })).outputs.lengths).toEqual([1, 2])
    ran.length = 0
    expect((yield* run(make(["ccc", "a"]), {}, { runId: "r" })).outputs.lengths).toEqual([3, 1])
    expect(ran).toEqual(["ccc"])
  }).pipe(Effect.provide(layer)))

it.effect("an output schema holds for each item's output, and a map may go over a map", () =>
  Effect.gen(function*() {
    const list = Step.make("list", { version: "1", run: () => ["a", "bb"] })
    const words = Step.map("words", { version: "1", over: list, output: Word, run: ({ item }) => new Word({ text: item }) })
    const lengths = Step.map("lengths", { version: "1", over: words, run: ({ item }) => item.length })
    const result = yield* run(Pipeline.make("p", { steps: [lengths] }), {}, { runId: "r" })
    expect(result.outputs.words[1]).toBeInstanceOf(Word)
    expect(result.outputs.lengths).toEqual([1, 2])
  }).pipe(Effect.provide(layer)))

it.effect("a retry gets the item and the inputs as they were", () =>
  Effect.gen(function*() {
    let tries = 0
    const list = Step.make("list", { version: "1", run: () => [{ n: 1 }] })
    const base = Step.make("base", { version: "1", run: () => ({ n: 10 }) })
    const each = Step.map("each", {
      version: "1",
      over: list,
      inputs: { base },
      retry: { times: 3, delay: 0 },
      run: ({ item, inputs }) => {
        item.n++
        inputs.base.n++
        if (++tries < 3) throw new Error("again")
        return [item.n, inputs.base.n]
      }
    })
    expect((yield* run(Pipeline.make("p", { steps: [each] }), {}, { runId: "r" })).outputs.each).toEqual([[2, 11]])
  }).pipe(Effect.provide(layer)))

it.effect("going over what is not an array fails the step by its name", () =>
  Effect.gen(function*() {
    const list = Step.make("list", { version: "1", run: () => 1 as unknown as Array<number> })
    const error = yield* failure(Pipeline.make("p", { steps: [Step.map("each", { version: "1", over: list, run: ({ item }) => item })] }), {}, { runId: "r" })
    expect(error._tag).toBe("StepFailed")
    expect(error.message).toContain("not an array")
    expect((yield* snapshot("r")).run.failedStep).toBe("each")
  }).pipe(Effect.provide(layer)))

it.effect("items that finish in any order stand in the order of what the map went over", () =>
  Effect.gen(function*() {
    const gates = [makeGate(), makeGate(), makeGate()]
    const list = Step.make("list", { version: "1", run: () => [0, 1, 2] })
    const each = Step.map("each", {
      version: "1",
      over: list,
      run: async ({ item }) => {
        if (item === 2) gates[1]!.open()
        else if (item === 1) {
          await gates[1]!.wait()
          gates[0]!.open()
        } else await gates[0]!.wait()
        return item
      }
    })
    expect((yield* run(Pipeline.make("p", { steps: [each] }), {})).outputs.each).toEqual([0, 1, 2])
  }).pipe(Effect.provide(layer)))

it.effect("an element that has no form cannot be an item, and the error names it", () => {
  const picky: CodecService = { ...JsonCodec.codec, encode: (value) => (value === "x" ? Result.fail({ path: "$", reason: "no x" }) : JsonCodec.codec.encode(value)) }
  const list = Step.make("list", { version: "1", run: () => ["a", "x"] })
  return failure(Pipeline.make("p", { steps: [Step.map("each", { version: "1", over: list, run: ({ item }) => item })] }), {}, { runId: "r" }).pipe(
    Effect.map((error) => expect(error.message).toContain("Item 1 of step \"each\"")),
    Effect.provide(Runner.layer),
    Effect.provide(Layer.mergeAll(stores, Layer.succeed(Codec, picky)))
  )
})

it.effect("items that are under way when another step fails are let finish; one that waits for its turn is not begun", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    const [slow, broken] = [makeGate(), makeGate()]
    const ran: Array<string> = []
    const list = Step.make("list", { version: "1", run: () => ["a", "b", "c"] })
    const each = Step.map("each", {
      version: "1",
      over: list,
      run: async ({ item }) => {
        ran.push(item)
        await slow.wait()
        return item
      }
    })
    const bad = Step.make("bad", { version: "1", inputs: { list }, run: () => broken.wait().then(() => Promise.reject(new Error("no"))) })
    const fiber = yield* begin(Pipeline.make("p", { steps: [bad, each] }), {}, { runId: "r", concurrency: 2 })
    yield* slow.arrived
    yield* broken.arrived
    broken.open()
    // Its failure is recorded before the items go on.
    yield* Effect.promise(() => expect.poll(() => Effect.runPromise(store.steps("r")).then((all) => all.some(({ step }) => step === "bad"))).toBe(true))
    slow.open()
    expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "StepFailed", step: "bad" })
    expect(ran).toEqual(["a"])
    expect((yield* store.steps("r")).filter(({ step }) => step === "each").map(({ status }) => status)).toEqual(["completed"])
  }).pipe(Effect.provide(layer)))

it.effect("after an item has failed none is begun that waited for a turn behind another step", () =>
  Effect.gen(function*() {
    const [beside, broken] = [makeGate(), makeGate()]
    const ran: Array<string> = []
    const list = Step.make("list", { version: "1", run: () => ["a", "b", "c"] })
    const other = Step.make("other", { version: "1", inputs: { list }, run: () => beside.wait().then(() => 1) })
    const each = Step.map("each", {
      version: "1",
      over: list,
      run: async ({ item }) => {
        ran.push(item)
        await broken.wait()
        throw new Error("no")
      }
    })
    const fiber = yield* begin(Pipeline.make("p", { steps: [other, each] }), {}, { runId: "r", concurrency: 2 })
    yield* beside.arrived
    yield* broken.arrived
    broken.open()
    const { steps } = yield* RunStore
    yield* Effect.promise(() => expect.poll(() => Effect.runPromise(steps("r")).then((all) => all.some(({ status }) => status === "failed"))).toBe(true))
    beside.open()
    yield* Effect.flip(Fiber.join(fiber))
    expect(ran).toEqual(["a"])
    expect((yield* steps("r")).map(({ step, status }) => [step, status])).toEqual([["list", "completed"], ["each", "failed"], ["other", "completed"]])
  }).pipe(Effect.provide(layer)))

it.effect("a map that trust put together from items reused by name does not answer afterwards", () =>
  Effect.gen(function*() {
    const make = (version: string, broken?: string) => {
      const list = Step.make("list", { version: "1", run: () => ["a", "b"] })
      const each = Step.map("each", { version, over: list, run: ({ item }) => item === broken ? Promise.reject(new Error("no")) : Promise.resolve(item + version) })
      return Pipeline.make("p", { steps: [each] })
    }
    yield* failure(make("1", "b"), {}, { runId: "r", concurrency: 1 })
    expect((yield* run(make("2"), {}, { runId: "r", mode: "trust" })).outputs.each).toEqual(["a1", "b2"])
    const trusted = yield* run(make("2"), {}, { runId: "r", mode: "trust" })
    expect(trusted.outputs.each).toEqual(["a1", "b2"])
    const auto = yield* run(make("2"), {}, { runId: "r" })
    expect(auto.outputs.each).toEqual(["a2", "b2"])
    expect(auto.decisions.each).toMatchObject({ decision: "executed", reasons: [{ component: "trusted" }, { component: "items", note: "1 executed, 1 restored" }] })
  }).pipe(Effect.provide(layer)))

it.effect("a map over nothing is checkpointed like any other; outputs of items may be undefined", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const make = (items: ReadonlyArray<string>) => {
      const list = Step.make("list", { version: items.join(), run: () => [...items] })
      const each = Step.map("each", { version: "1", over: list, run: ({ item }) => void ran.push(item) })
      return Pipeline.make("p", { steps: [Step.make("count", { version: "1", inputs: { each }, run: ({ inputs }) => inputs.each.length })] })
    }
    expect((yield* run(make([]), {}, { runId: "r" })).outputs).toEqual({ list: [], each: [], count: 0 })
    expect(decisions(yield* run(make([]), {}, { runId: "r" }))).toEqual(["list restored", "each restored", "count restored"])
    expect((yield* run(make(["a", "a"]), {}, { runId: "r" })).outputs.each).toEqual([undefined, undefined])
    yield* run(make(["a", "a"]), {}, { runId: "r" })
    expect((yield* run(make(["a"]), {}, { runId: "r" })).outputs.count).toBe(1)
    expect((yield* run(make([]), {}, { runId: "r" })).outputs.count).toBe(0)
    expect(ran).toEqual(["a", "a"])
  }).pipe(Effect.provide(layer)))

it.effect("the metrics of a result are those of steps, whatever became of items, of what a map went over before, and of steps that are gone", () =>
  Effect.gen(function*() {
    const make = (items: ReadonlyArray<string>, name: string, broken: boolean) => {
      const list = Step.make("list", { version: items.join(), run: () => [...items] })
      const each = Step.map("each", {
        version: "1",
        over: list,
        run: ({ item, metrics }) => {
          metrics.log({ loss: item.length })
          if (broken) throw new Error("no")
        }
      })
      const total = Step.make(name, { version: "1", inputs: { each }, run: ({ metrics }) => metrics.log({ loss: 0, total: 1 }) })
      return Pipeline.make("p", { steps: [total] })
    }
    yield* failure(make(["a"], "total", true), {}, { runId: "r" })
    yield* run(make(["a"], "before", false), {}, { runId: "r" })
    const again = yield* run(make(["bb"], "total", false), {}, { runId: "r" })
    expect(again.metrics).toEqual({ "total.loss": 0, "total.total": 1, loss: 0, total: 1 })
    expect((yield* run(make(["bb"], "total", false), {}, { runId: "whole" })).metrics).toEqual(again.metrics)
  }).pipe(Effect.provide(layer)))

it.effect("where code goes back and the map answers again, its items are those that it was made of", () =>
  Effect.gen(function*() {
    const make = (version: string, broken?: string) => {
      const list = Step.make("list", { version: "1", run: () => ["a", "b"] })
      const each = Step.map("each", {
        version,
        over: list,
        run: ({ item, metrics }) => {
          metrics.log({ version: Number(version) })
          if (item === broken) throw new Error("no")
          return item + version
        }
      })
      return Pipeline.make("p", { steps: [each] })
    }
    yield* run(make("1"), {}, { runId: "r" })
    const first = yield* ending("r")
    yield* failure(make("2", "b"), {}, { runId: "r" })
    expect((yield* run(make("1"), {}, { runId: "r" })).outputs.each).toEqual(["a1", "b1"])
    expect(yield* ending("r")).toEqual(first)
    yield* run(make("3"), {}, { runId: "r" })
    yield* run(make("1"), {}, { runId: "r" })
    expect(yield* ending("r")).toEqual(first)
  }).pipe(Effect.provide(layer)))
