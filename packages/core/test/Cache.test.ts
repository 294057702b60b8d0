import { expect, it } from "@effect/vitest"
import { type Duration, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ArtifactStore, CodeVersion, GarbageCollector, Pipeline, Runner, RunStore, snapshot, Step } from "../src/index.ts"
import { ending, failure, layer, run, stores } from "./memory.ts"

/** A step that loads data once for a whole sweep, and one that uses it. */
const sweep = (ran: Array<string>, cache: boolean | { readonly maxAge: Duration.Input } = true) => {
  return Pipeline.make("sweep", { steps: [stepsOf(ran, cache).train] })
}
const stepsOf = (ran: Array<string>, cache: boolean | { readonly maxAge: Duration.Input } = true) => {
  const load = Step.make("load", {
    version: "1",
    cache,
    params: { path: Schema.String },
    run: async ({ params, metrics, artifacts, random }) => {
      ran.push("load")
      for (let i = 0; i < 5000; i++) metrics.log({ rows: i })
      await artifacts.put("raw.bin", new Uint8Array(100).fill(7))
      await artifacts.put("large.bin", new Uint8Array(100_000).fill(8))
      return { path: params.path, draw: random.next() }
    }
  })
  const train = Step.make("train", { version: "1", inputs: { load }, params: { lr: Schema.Number }, run: ({ inputs, params }) => (ran.push("train"), inputs.load.draw * params.lr) })
  return { load, train }
}

it.effect("a cached step is taken from another run, and the new run's record is as complete as if it had executed", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(sweep(ran), { path: "a", lr: 1 }, { runId: "first" })
    const second = yield* run(sweep(ran), { path: "a", lr: 2 }, { runId: "second" })
    expect(ran).toEqual(["load", "train", "train"])
    expect(second.decisions.load).toMatchObject({ decision: "cached", reasons: [{ component: "cache", sourceRun: "first" }] })
    expect(second.metrics["rows"]).toBe(4999)
    yield* run(sweep([], false), { path: "a", lr: 2 }, { runId: "alone" })
    expect(yield* ending("second")).toEqual(yield* ending("alone"))
    // The source is named, and may be deleted; what nothing refers to is collected.
    expect((yield* snapshot("second")).steps.find(({ address }) => address === "load")?.record.source).toEqual({ runId: "first", address: "load", generation: 1 })
    const store = yield* RunStore
    yield* store.remove("first")
    yield* store.remove("alone")
    yield* TestClock.adjust("60 days")
    yield* GarbageCollector.collect()
    const again = yield* run(sweep(ran), { path: "a", lr: 2 }, { runId: "second" })
    expect(again.outputs.load).toEqual(second.outputs.load)
    const third = yield* run(sweep(ran), { path: "a", lr: 3 }, { runId: "third" })
    expect(third.decisions.load.reasons[0]).toEqual({ component: "cache", sourceRun: "second" })
    expect(ran).toEqual(["load", "train", "train", "train"])
  }).pipe(Effect.provide(layer)))

it.effect("other params, and for a step that draws another seed, are not answered by another run", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(sweep(ran), { path: "a", lr: 1 }, { runId: "first" })
    yield* run(sweep(ran), { path: "b", lr: 1 }, { runId: "other_path" })
    yield* run(sweep(ran), { path: "a", lr: 1 }, { runId: "other_seed", seed: 1 })
    expect(ran.filter((name) => name === "load").length).toBe(3)
    const rerun = yield* run(sweep(ran), { path: "a", lr: 1 }, { runId: "asked", rerun: ["load"] })
    expect(rerun.decisions.load.decision).toBe("executed")
  }).pipe(Effect.provide(layer)))

it.effect("maxAge counts from the execution, however often its result was taken since", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const at = (lr: number) => run(sweep(ran, { maxAge: "1 hour" }), { path: "a", lr }, { runId: `r${lr}` })
    yield* at(1)
    yield* TestClock.adjust("40 minutes")
    expect((yield* at(2)).decisions.load.decision).toBe("cached")
    yield* TestClock.adjust("40 minutes")
    expect((yield* at(3)).decisions.load.decision).toBe("executed")
    expect(ran.filter((name) => name === "load").length).toBe(2)
  }).pipe(Effect.provide(layer)))

it.effect("failures and trusted results are never taken", () =>
  Effect.gen(function*() {
    const make = (version: string, ran: Array<string>, broken = false) =>
      Pipeline.make("p", {
        steps: [Step.make("load", {
          version,
          cache: true,
          run: () => {
            ran.push(version)
            if (broken) throw new Error("no")
            return version
          }
        })]
      })
    const ran: Array<string> = []
    yield* failure(make("1", ran, true), {}, { runId: "failed" })
    yield* run(make("1", ran), {}, { runId: "fine" })
    expect(ran).toEqual(["1", "1"])
    yield* run(make("2", ran), {}, { runId: "fine", mode: "trust" })
    yield* run(make("2", ran), {}, { runId: "new" })
    expect(ran).toEqual(["1", "1", "2"])
  }).pipe(Effect.provide(layer)))

it.effect("without a version that holds outside its run other runs are not asked, and it is said", () => {
  const shallow = Runner.layer.pipe(Layer.provide(Layer.succeed(CodeVersion, { of: () => Effect.succeed({ kind: "shallow" as const, text: "t", project: "p" }) })))
  let ran = 0
  const pipeline = Pipeline.make("p", { steps: [Step.make("load", { cache: true, run: () => ++ran })] })
  return Effect.gen(function*() {
    yield* run(pipeline, {}, { runId: "first" })
    const second = yield* run(pipeline, {}, { runId: "second" })
    expect(second.decisions.load.reasons.at(-1)?.note).toContain("give it a version")
    expect(ran).toBe(2)
  }).pipe(Effect.provide(shallow), Effect.provide(stores))
})

it.effect("a cached map brings the items that it is made of, and no others", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const make = (items: ReadonlyArray<string>, cache: boolean) => {
      const list = Step.make("list", { version: items.join(), run: () => [...items] })
      const each = Step.map("each", {
        version: "1",
        cache,
        over: list,
        run: ({ item, metrics }) => {
          ran.push(item)
          metrics.log({ length: item.length })
          return item.toUpperCase()
        }
      })
      return Pipeline.make("p", { steps: [each] })
    }
    yield* run(make(["gone", "a"], true), {}, { runId: "first" })
    yield* run(make(["a", "bb", "a"], true), {}, { runId: "first" })
    expect(ran).toEqual(["gone", "a", "bb", "a"])
    const second = yield* run(make(["a", "bb", "a"], true), {}, { runId: "second" })
    expect(ran.length).toBe(4)
    expect(second.decisions.each.decision).toBe("cached")
    expect(second.outputs.each).toEqual(["A", "BB", "A"])
    yield* run(make(["a", "bb", "a"], false), {}, { runId: "alone" })
    expect(yield* ending("second")).toEqual(yield* ending("alone"))
    // An item by itself answers, too.
    ran.length = 0
    const third = yield* run(make(["bb", "new"], true), {}, { runId: "third" })
    expect(ran).toEqual(["new"])
    expect(third.decisions.each.reasons.at(-1)).toEqual({ component: "items", note: "1 executed, 1 cached" })
  }).pipe(Effect.provide(layer)))

it.effect("a map with collected failures is not taken by other runs", () =>
  Effect.gen(function*() {
    let broken = true
    let ran = 0
    const list = Step.make("list", { version: "1", run: () => [1, 2] })
    const each = Step.map("each", {
      version: "1",
      cache: true,
      over: list,
      onItemError: "collect",
      run: ({ item }) => {
        ran++
        if (item === 2 && broken) throw new Error("busy")
        return item
      }
    })
    const pipeline = Pipeline.make("p", { steps: [each] })
    const first = yield* run(pipeline, {}, { runId: "first" })
    expect(first.outputs.each).toEqual([{ ok: true, value: 1 }, { ok: false, error: { name: "Error", message: "busy" } }])
    broken = false
    const second = yield* run(pipeline, {}, { runId: "second" })
    expect(second.outputs.each).toEqual([{ ok: true, value: 1 }, { ok: true, value: 2 }])
    expect(ran).toBe(3)
  }).pipe(Effect.provide(layer)))

it.effect("what an interrupted execution left is not mixed with what is taken from another run", () =>
  Effect.gen(function*() {
    const make = (leaves: boolean) =>
      Pipeline.make("p", {
        steps: [Step.make("load", {
          version: "1",
          cache: true,
          run: ({ metrics, artifacts }) => {
            if (!leaves) return Promise.resolve(1)
            metrics.log({ stray: 1 })
            return artifacts.put("stray", "x").then(() => new Promise<number>(() => {}))
          }
        })]
      })
    const fiber = yield* Effect.forkChild(run(make(true), {}, { runId: "r" }), { startImmediately: true })
    yield* TestClock.adjust("1 second")
    fiber.interruptUnsafe()
    yield* TestClock.adjust("10 seconds")
    expect((yield* snapshot("r")).series.length).toBe(1)
    yield* run(make(false), {}, { runId: "source" })
    const cached = yield* run(make(false), {}, { runId: "r" })
    expect(cached.decisions.load.decision).toBe("cached")
    expect(yield* ending("r")).toEqual(yield* ending("source"))
  }).pipe(Effect.provide(layer)))

it.effect("a result whose bytes are collected at the very moment it is taken is not: the step is executed", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(sweep(ran), { path: "a", lr: 1 }, { runId: "first" })
    yield* TestClock.adjust("60 days")
    const store = yield* RunStore
    let removals = 0
    const racing = (source: string) => Layer.succeed(RunStore, {
      ...store,
      commit: (writer, changes) =>
        changes.some((change) => change._tag === "StepRecorded" && change.record.decision === "cached")
          ? store.remove(source).pipe(
            Effect.andThen(GarbageCollector.collect().pipe(Effect.orDie)),
            Effect.tap(({ count }) => Effect.sync(() => (removals += count))),
            Effect.andThen(store.commit(writer, changes)),
            Effect.provide(context)
          )
          : store.commit(writer, changes)
    })
    const context = yield* Effect.context<RunStore | ArtifactStore>()
    const runner = (source: string) => Layer.fresh(Runner.layer).pipe(Layer.provideMerge(racing(source)))
    const second = yield* Effect.provide(run(sweep(ran), { path: "a", lr: 2 }, { runId: "second" }), runner("first"))
    expect(removals).toBeGreaterThan(0)
    expect(second.decisions.load).toMatchObject({ decision: "executed", reasons: [{ component: "first" }, { component: "artifact" }] })
    expect(ran).toEqual(["load", "train", "load", "train"])
    const { artifacts } = yield* snapshot("second")
    const objects = yield* ArtifactStore
    for (const { digest, sizeBytes } of artifacts.filter(({ name }) => name === "large.bin")) expect(yield* objects.size(digest)).toBe(sizeBytes)
    // Where it is the run's last step its record must not end the attempt before that is known.
    yield* TestClock.adjust("60 days")
    ran.length = 0
    const alone = Pipeline.make("alone", { steps: [stepsOf(ran).load] })
    const last = yield* Effect.provide(run(alone, { path: "a" }, { runId: "last" }), runner("second"))
    expect(last.decisions.load.decision).toBe("executed")
    expect(ran).toEqual(["load"])
    expect((yield* snapshot("last")).run.status).toBe("completed")
  }).pipe(Effect.provide(layer)))

it.effect("of equal items that draw each is answered by its own in another run, and by no other", () =>
  Effect.gen(function*() {
    const make = (items: ReadonlyArray<string>, cache: boolean) => {
      const list = Step.make("list", { version: items.join(), run: () => [...items] })
      const each = Step.map("each", { version: "1", cache, over: list, run: ({ item, random }) => `${item}${random.int(0, 1_000_000)}` })
      return Pipeline.make("p", { steps: [each] })
    }
    const alone = yield* run(make(["a", "a", "b"], false), {}, { runId: "alone" })
    yield* run(make(["a", "a"], true), {}, { runId: "first" })
    const second = yield* run(make(["a", "a", "b"], true), {}, { runId: "second" })
    expect(second.outputs.each).toEqual(alone.outputs.each)
    expect(second.decisions.each.reasons.at(-1)).toEqual({ component: "items", note: "1 executed, 2 cached" })
    // Those of a run that is under way at the same moment neither.
    const [, beside] = yield* Effect.all([run(make(["c", "c"], true), {}, { runId: "third" }), run(make(["c", "c", "b"], true), {}, { runId: "fourth" })], { concurrency: 2 })
    expect(beside.outputs.each).toEqual((yield* run(make(["c", "c", "b"], false), {}, {})).outputs.each)
  }).pipe(Effect.provide(layer)))
