import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import {
  ArtifactStore,
  type ArtifactStoreService,
  Codec,
  type CodecService,
  encodedOf,
  MemoryArtifactStore,
  MemoryRunStore,
  MetricSeries,
  Pipeline,
  PipelineCheckpoint,
  Runner,
  snapshot,
  Step,
  Tracker
} from "../src/index.ts"
import { begin, ending, failure, layer, makeGate, run } from "./memory.ts"

/** Points of a metric, by index and value, of the newest generation. */
const points = Effect.fnUntraced(function*(runId: string, key: string) {
  const series = (yield* snapshot(runId)).series.filter((one) => one.key === key)
  const { indexes, values } = yield* MetricSeries.points(series.at(-1)!)
  return [...indexes].map((index, i) => [index, values[i]!] as const)
})

interface State {
  readonly epoch: number
  readonly sum: number
}

/** Trains for ten epochs, saving every third; `fails` decides when the lights go out. */
const training = (fails: (epoch: number, when: "before save" | "after save") => boolean) => {
  const train = Step.make("train", {
    version: "1",
    run: async ({ artifacts, checkpoint, metrics, random }) => {
      let { epoch, sum } = (await checkpoint.latest<State>("model")) ?? { epoch: 0, sum: 0 }
      for (; epoch < 10; epoch++) {
        sum += random.next()
        metrics.log({ loss: 1 / (epoch + 1), sum })
        if (epoch % 2 === 0) metrics.log({ even: epoch }, { index: epoch })
        if (fails(epoch, "before save")) throw new Error("lights out")
        if (epoch % 3 === 2) {
          await artifacts.put(`epoch-${epoch}.txt`, `sum ${sum}`)
          await checkpoint.save("model", { epoch: epoch + 1, sum })
        }
        if (fails(epoch, "after save")) throw new Error("lights out")
      }
      return sum
    }
  })
  return Pipeline.make("training", { steps: [train] })
}
const never = () => false

it.effect("wherever a step fails, and however often, it ends with the same curve, bytes and record as if it never had", () =>
  Effect.gen(function*() {
    yield* run(training(never), {}, { runId: "whole" })
    const whole = yield* ending("whole")
    for (let at = 0; at < 10; at++) {
      for (const moment of ["before save", "after save"] as const) {
        const runId = `torn_${at}_${moment.replace(" ", "_")}`
        yield* failure(training((epoch, when) => epoch === at && when === moment), {}, { runId })
        yield* failure(training((epoch, when) => epoch === 9 && when === "before save"), {}, { runId })
        yield* run(training(never), {}, { runId })
        expect(yield* ending(runId)).toEqual(whole)
      }
    }
  }).pipe(Effect.provide(layer)))

it.effect("retries within an attempt go on from the checkpoint, without a double point", () =>
  Effect.gen(function*() {
    yield* run(training(never), {}, { runId: "whole" })
    const failed = new Set<number>()
    const { steps: [step] } = training((epoch, when) => when === "after save" && epoch % 2 === 0 && !failed.has(epoch) && failed.add(epoch).size > 0)
    const retried = Step.make("train", { version: "1", retry: { times: 9, delay: 0 }, run: (context): Promise<number> => step!.definition.run(context as never) as Promise<number> })
    yield* run(Pipeline.make("training", { steps: [retried] }), {}, { runId: "retried" })
    expect(failed.size).toBe(5)
    expect(yield* ending("retried")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("a retry cuts away a series that only the failed try had, after the checkpoint", () =>
  Effect.gen(function*() {
    let tries = 0
    const step = Step.make("step", {
      version: "1",
      retry: { times: 1, delay: 0 },
      run: async ({ checkpoint, metrics }) => {
        if ((await checkpoint.latest("half")) === undefined) {
          metrics.log({ x: 1 })
          await checkpoint.save("half", 1)
        }
        if (++tries === 1) {
          metrics.log({ stray: 1 })
          throw new Error("again")
        }
        metrics.log({ x: 2 })
      }
    })
    yield* run(Pipeline.make("p", { steps: [step] }), {}, { runId: "r" })
    expect((yield* snapshot("r")).series.map(({ key, summary }) => `${key} ${summary.count}`)).toEqual(["x 2"])
  }).pipe(Effect.provide(layer)))

it.effect("an execution that was interrupted before it loaded its checkpoint leaves the points that belong to it", () =>
  Effect.gen(function*() {
    const make = (what: "fails" | "waits" | "goes on", gate?: ReturnType<typeof makeGate>) =>
      Pipeline.make("p", {
        steps: [Step.make("step", {
          version: "1",
          run: async ({ checkpoint, metrics }) => {
            if (what === "waits") await gate!.wait()
            if ((await checkpoint.latest("half")) === undefined) {
              for (let i = 0; i < 5; i++) metrics.log({ x: i })
              await checkpoint.save("half", 1)
            }
            if (what === "fails") await new Promise(() => {})
            metrics.log({ x: 5 })
          }
        })]
      })
    const first = yield* begin(make("fails"), {}, { runId: "r" })
    yield* TestClock.adjust("1 second")
    first.interruptUnsafe()
    yield* TestClock.adjust("10 seconds")
    const gate = makeGate()
    const second = yield* begin(make("waits", gate), {}, { runId: "r" })
    yield* gate.arrived
    second.interruptUnsafe()
    yield* TestClock.adjust("10 seconds")
    yield* run(make("goes on"), {}, { runId: "r" })
    expect((yield* points("r", "x")).map(([, value]) => value)).toEqual([0, 1, 2, 3, 4, 5])
  }).pipe(Effect.provide(layer)))

it.effect("an execution that was cut off leaves what it had flushed, and the next one rewinds it", () =>
  Effect.gen(function*() {
    yield* run(training(never), {}, { runId: "whole" })
    for (const cut of [1, 4]) {
      const gate = makeGate()
      const train = Step.make("train", {
        version: "1",
        run: async ({ checkpoint, metrics, random, artifacts }) => {
          let { epoch, sum } = (await checkpoint.latest<State>("model")) ?? { epoch: 0, sum: 0 }
          for (; epoch < 10; epoch++) {
            sum += random.next()
            metrics.log({ loss: 1 / (epoch + 1), sum })
            if (epoch % 2 === 0) metrics.log({ even: epoch }, { index: epoch })
            if (epoch === cut) await gate.wait()
            if (epoch % 3 === 2) {
              await artifacts.put(`epoch-${epoch}.txt`, `sum ${sum}`)
              await checkpoint.save("model", { epoch: epoch + 1, sum })
            }
          }
          return sum
        }
      })
      const runId = `cut_${cut}`
      const fiber = yield* begin(Pipeline.make("training", { steps: [train] }), {}, { runId })
      yield* gate.arrived
      yield* TestClock.adjust("1 second")
      expect((yield* points(runId, "loss")).length).toBe(cut + 1)
      fiber.interruptUnsafe()
      yield* TestClock.adjust("10 seconds")
      yield* run(training(never), {}, { runId })
      expect(yield* ending(runId)).toEqual(yield* ending("whole"))
    }
  }).pipe(Effect.provide(layer)))

it.effect("a long series with a checkpoint in the middle of a chunk is rewound to the point", () =>
  Effect.gen(function*() {
    const make = (breaks: boolean) =>
      Pipeline.make("p", {
        steps: [Step.make("long", {
          version: "1",
          run: async ({ checkpoint, metrics }) => {
            const from = (await checkpoint.latest<number>("at")) ?? 0
            for (let i = from; i < 20_000; i++) {
              metrics.log({ value: Math.sin(i) })
              if (i === 9_000) await checkpoint.save("at", i + 1)
              if (breaks && i === 15_000) throw new Error("no")
            }
            return 1
          }
        })]
      })
    yield* run(make(false), {}, { runId: "whole" })
    yield* failure(make(true), {}, { runId: "torn" })
    yield* run(make(false), {}, { runId: "torn" })
    expect(yield* ending("torn")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

/** A step that does these things, resumed once after a failure at its end. */
const scripted = Effect.fnUntraced(function*(
  first: (context: never) => unknown,
  second: (context: never) => unknown,
  runId = "r"
) {
  const make = (f: (context: never) => unknown, broken: boolean) =>
    Pipeline.make("p", {
      steps: [Step.make("step", {
        version: "1",
        run: async (context) => {
          const result = await f(context as never)
          if (broken) throw new Error("cut")
          return (result ?? null) as unknown
        }
      })]
    })
  yield* failure(make(first, true), {}, { runId })
  return (yield* run(make(second, false), {}, { runId })).outputs.step
})
type Context = Parameters<Parameters<typeof Step.make<"any", {}, {}, undefined, {}, unknown>>[1]["run"]>[0]
const script = (f: (context: Context) => unknown) => f as (context: never) => unknown

it.effect("loading none begins again: points, index and random numbers", () =>
  Effect.gen(function*() {
    const draws: Array<number> = []
    const work = script(async ({ checkpoint, metrics, random }) => {
      draws.push(random.next())
      metrics.log({ x: 1 })
      await checkpoint.save("unused", 1)
      metrics.log({ x: 2 })
      draws.push(random.next())
    })
    yield* scripted(work, work)
    expect(draws.slice(2)).toEqual(draws.slice(0, 2))
    expect(yield* points("r", "x")).toEqual([[0, 1], [1, 2]])
    const { checkpoints } = yield* snapshot("r")
    expect(checkpoints.map(({ version, seq, generation }) => [version, seq, generation])).toEqual([[1, 1, 2]])
  }).pipe(Effect.provide(layer)))

it.effect("loading several rewinds to the newest of them, in whatever order they are loaded", () =>
  Effect.gen(function*() {
    const save = script(async ({ checkpoint, metrics, random }) => {
      metrics.log({ x: random.next() })
      await checkpoint.save("a", "a")
      metrics.log({ x: random.next() })
      await checkpoint.save("b", "b")
      metrics.log({ x: random.next() })
    })
    let rest: ReadonlyArray<number> = []
    const load = (names: ReadonlyArray<string>) =>
      script(async ({ checkpoint, metrics, random }) => {
        for (const name of names) await checkpoint.load(name)
        rest = [random.next()]
        metrics.log({ x: rest[0]! })
      })
    for (const names of [["a", "b"], ["b", "a"], ["b"]]) {
      const curve = yield* Effect.andThen(scripted(save, load(names)), points("r", "x")).pipe(Effect.provide(layer))
      expect(curve.map(([index]) => index)).toEqual([0, 1, 2])
      expect(curve[2]![1]).toBe(rest[0])
    }
    const older = yield* Effect.andThen(scripted(save, load(["a"])), points("r", "x")).pipe(Effect.provide(layer))
    expect(older.length).toBe(2)
  }))

it.effect("loading after the first log is an error that says what to do", () =>
  Effect.gen(function*() {
    const message = yield* scripted(script(({ checkpoint }) => checkpoint.save("model", 1)), script(async ({ checkpoint, metrics }) => {
      metrics.log({ x: 1 })
      return Promise.all([checkpoint.load("model"), checkpoint.latest("model")].map((promise) => promise.then(() => "loaded", (error: unknown) => (error as Error).message)))
    }))
    expect(message).toEqual([expect.stringContaining("load first"), expect.stringContaining("load first")])
  }).pipe(Effect.provide(layer)))

it.effect("save captures at the call: the value, how far points and random numbers have come, and the order", () =>
  Effect.gen(function*() {
    const value = { list: [1] }
    const seen = yield* scripted(
      script(async ({ checkpoint, metrics, random }) => {
        metrics.log({ x: 1 })
        random.next()
        const saves = [checkpoint.save("state", value)]
        value.list.push(2)
        metrics.log({ x: 2 })
        saves.push(checkpoint.save("big", "b".repeat(50_000)), checkpoint.save("big", "small"))
        value.list.push(3)
        metrics.log({ x: 3 })
        random.next()
        await Promise.all(saves)
      }),
      script(async ({ checkpoint, metrics, random }) => {
        const state = await checkpoint.load("state")
        metrics.log({ x: 20 })
        return [state, random.next(), (await checkpoint.list()).map(({ name, version }) => `${name} ${version}`)]
      })
    )
    expect((seen as Array<unknown>)[0]).toEqual({ list: [1] })
    expect((seen as Array<unknown>)[2]).toEqual(["state 1", "big 1", "big 2"])
    expect(yield* points("r", "x")).toEqual([[0, 1], [1, 20]])
    const fresh = yield* scripted(script(() => {}), script(({ random }) => [random.next(), random.next()]), "fresh")
    expect((seen as Array<unknown>)[1]).toBe((fresh as Array<number>)[1])
  }).pipe(Effect.provide(layer)))

it.effect("bytes that a codec shares with the value are taken at the call, too", () => {
  const sharing: CodecService = {
    id: "raw/1",
    mediaType: "application/octet-stream",
    encode: (value) => Result.succeed(encodedOf(value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value) ?? ""))),
    decode: (bytes) => Result.succeed(bytes.length > 1000 ? bytes : JSON.parse(new TextDecoder().decode(bytes) || "null"))
  }
  const slow = Layer.effect(ArtifactStore, Effect.map(MemoryArtifactStore.make, (store): ArtifactStoreService => ({ ...store, put: (source) => Effect.andThen(Effect.yieldNow, store.put(source)) })))
  const raw = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, slow, Layer.succeed(Codec, sharing))))
  const model = new Uint8Array(300_000).fill(1)
  return Effect.gen(function*() {
    const loaded = yield* scripted(
      script(async ({ checkpoint }) => {
        const saving = [checkpoint.save("model", model), checkpoint.save("order", new Uint8Array(300_000)), checkpoint.save("order", "small")]
        model.fill(2)
        await Promise.all(saving)
      }),
      script(async ({ checkpoint }) => [[...new Set(await checkpoint.load<Uint8Array>("model"))], await checkpoint.load("order"), (await checkpoint.list("order")).map(({ version }) => version)])
    )
    expect(loaded).toEqual([[1], "small", [1, 2]])
  }).pipe(Effect.provide(raw))
})

it.effect("the last two versions are kept, or as many as the step asks for; list tells them, remove removes them", () =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    const make = (name: string, keep?: number) =>
      Step.make(name, {
        version: "1",
        ...(keep === undefined ? {} : { keep }),
        run: async ({ checkpoint }) => {
          for (let i = 1; i <= 5; i++) await checkpoint.save("model", i)
          await checkpoint.save("other", "x")
          seen.push((await checkpoint.list()).map(({ name, version }) => `${name} ${version}`), await checkpoint.load("model"))
          await checkpoint.remove("model")
          seen.push(await checkpoint.exists("model"), await checkpoint.latest("model"), await checkpoint.exists("other"))
          const [other] = await checkpoint.list("other")
          seen.push(other)
        }
      })
    yield* run(Pipeline.make("p", { steps: [make("two")] }), {}, { runId: "two" })
    expect(seen).toEqual([["model 4", "model 5", "other 1"], 5, false, undefined, true, { name: "other", version: 1, savedAtMs: 0, sizeBytes: 3 }])
    seen.length = 0
    yield* run(Pipeline.make("p", { steps: [make("three", 3)] }), {}, { runId: "three" })
    expect(seen[0]).toEqual(["model 3", "model 4", "model 5", "other 1"])
    expect((yield* snapshot("three")).checkpoints.map(({ name }) => name)).toEqual(["other"])
  }).pipe(Effect.provide(layer)))

it.effect("load fails where there is none, and latest gives undefined", () =>
  Effect.gen(function*() {
    const step = Step.make("step", {
      version: "1",
      run: async ({ checkpoint }) => [await checkpoint.latest("model").then((value) => value === undefined), await checkpoint.load("model").catch((error: Error) => error.message)]
    })
    const { outputs } = yield* run(Pipeline.make("p", { steps: [step] }), {})
    expect(outputs.step).toEqual([true, expect.stringContaining("Step \"step\" has no checkpoint \"model\" that still answers")])
  }).pipe(Effect.provide(layer)))

it.effect("checkpoints answer while the fingerprint, checkpointsIgnore aside, is the same", () =>
  Effect.gen(function*() {
    const make = (version: string, params: { readonly [name: string]: Schema.Codec<number, number, never, never> }, ignore: ReadonlyArray<string>, broken: boolean) =>
      Pipeline.make("p", {
        steps: [Step.make("train", {
          version,
          params,
          checkpointsIgnore: ignore,
          run: async ({ checkpoint }) => {
            const before = await checkpoint.latest<number>("at")
            await checkpoint.save("at", (before ?? 0) + 1)
            if (broken) throw new Error("no")
            return before ?? null
          }
        })]
      })
    const epochs = { epochs: Step.withDefault(Schema.Number, 10) as never }
    const started = (runId: string) => failure(make("1", {}, [], true), {}, { runId })
    yield* started("same")
    expect((yield* run(make("1", {}, [], false), {}, { runId: "same" })).outputs.train).toBe(1)
    yield* started("code")
    expect((yield* run(make("2", {}, [], false), {}, { runId: "code" })).outputs.train).toBe(null)
    yield* started("param")
    expect((yield* run(make("1", epochs, [], false), {}, { runId: "param" })).outputs.train).toBe(null)
    yield* started("ignored")
    expect((yield* run(make("1", epochs, ["epochs"], false), {}, { runId: "ignored" })).outputs.train).toBe(1)
  }).pipe(Effect.provide(layer)))

class Model extends Schema.Class<Model>("Model")({ weights: Schema.Array(Schema.Number) }) {
  get size(): number {
    return this.weights.length
  }
}

it.effect("a declared schema types, checks and encodes a checkpoint; names of Object's own are no schemas", () =>
  Effect.gen(function*() {
    const make = (broken: boolean) =>
      Step.make("step", {
        version: "1",
        checkpoints: { model: Model },
        run: async ({ checkpoint }) => {
          const before = await checkpoint.latest("model")
          if (!broken) return [before instanceof Model, before?.size ?? 0]
          await checkpoint.save("model", new Model({ weights: [1, 2] }))
          await checkpoint.save("model", { weights: ["x"] } as never)
          return []
        }
      })
    const error = yield* failure(Pipeline.make("p", { steps: [make(true)] }), {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "UnsavableValue" })
    expect(error.message).toContain("Checkpoint \"model\" of step \"step\"")
    expect((yield* run(Pipeline.make("p", { steps: [make(false)] }), {}, { runId: "r" })).outputs.step).toEqual([true, 2])
    const hostile = yield* scripted(
      script(async ({ checkpoint }) => {
        for (const name of ["constructor", "__proto__", "toString"]) await checkpoint.save(name, name)
      }),
      script(async ({ checkpoint }) => [await checkpoint.load("constructor"), await checkpoint.load("__proto__"), await checkpoint.load("toString")]),
      "hostile"
    )
    expect(hostile).toEqual(["constructor", "__proto__", "toString"])
  }).pipe(Effect.provide(layer)))

it.effect("a damaged checkpoint is an error that names it, and is not retried", () =>
  Effect.gen(function*() {
    const big = "x".repeat(20_000)
    let tries = 0
    const make = (broken: boolean) =>
      Step.make("step", {
        version: "1",
        retry: { times: 3, delay: 0 },
        run: async ({ checkpoint }) => {
          tries++
          await checkpoint.latest("model")
          await checkpoint.save("model", big)
          if (broken) throw new Error("no")
          return 1
        }
      })
    yield* failure(Pipeline.make("p", { steps: [make(true)] }), {}, { runId: "r" })
    const { digest } = (yield* snapshot("r")).checkpoints[0]!.output
    const artifacts = yield* ArtifactStore
    yield* artifacts.put({ _tag: "Bytes", bytes: encodedOf(new Uint8Array(20_002)), digest })
    tries = 0
    const error = yield* failure(Pipeline.make("p", { steps: [make(false)] }), {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "StepFailed", cause: { _tag: "CorruptArtifact" } })
    expect(tries).toBe(1)
  }).pipe(Effect.provide(layer)))

it.effect("everything that is used after its step has ended says so, and changes nothing", () =>
  Effect.gen(function*() {
    let kept: Context | undefined
    const gate = makeGate()
    const step = Step.make("step", { version: "1", run: (context) => (kept = context as never, 1) })
    const later = Step.make("later", { version: "1", inputs: { step }, run: () => gate.wait() })
    const use = (context: Context) =>
      Effect.promise(async () => {
        const { artifacts, checkpoint, metrics } = context
        const tried = [
          checkpoint.save("a", 1),
          checkpoint.load("a"),
          checkpoint.latest("a"),
          checkpoint.exists("a"),
          checkpoint.list(),
          checkpoint.remove("a"),
          artifacts.put("a", "x"),
          new Promise((resolve) => resolve(metrics.log({ x: 1 })))
        ]
        context.progress(1, 2)
        context.log("late")
        return Promise.all(tried.map((promise) => promise.then(() => "no error", (error: { _tag: string }) => error._tag)))
      })
    const misuse = Array.from({ length: 8 }, () => "CheckpointMisuse")
    const fiber = yield* begin(Pipeline.make("p", { steps: [later] }), {}, { runId: "r" })
    yield* gate.arrived
    expect(yield* use(kept!)).toEqual(misuse)
    yield* TestClock.adjust("1 second")
    expect((yield* snapshot("r")).active.map(({ address }) => address)).toEqual(["later"])
    gate.open()
    yield* Fiber.join(fiber)
    expect(yield* use(kept!)).toEqual(misuse)
    const { artifacts, checkpoints, series } = yield* snapshot("r")
    expect([artifacts, checkpoints, series]).toEqual([[], [], []])
  }).pipe(Effect.provide(layer)))

it.effect("steps written as Effects use the services, and count like any other", () =>
  Effect.gen(function*() {
    const make = (broken: boolean) =>
      Pipeline.make("p", {
        steps: [Step.make("train", {
          version: "1",
          run: () =>
            Effect.gen(function*() {
              const checkpoint = yield* PipelineCheckpoint
              const tracker = yield* Tracker
              const from = (yield* checkpoint.latest<number>("epoch")) ?? 0
              for (let epoch = from; epoch < 4; epoch++) {
                yield* tracker.metrics({ epoch })
                yield* checkpoint.save("epoch", epoch + 1)
                if (broken && epoch === 2) return yield* Effect.fail("cut" as const)
              }
              yield* tracker.artifact("note.txt", "done")
              return from
            })
        })]
      })
    const error = yield* failure(make(true), {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "StepFailed", error: "cut" })
    expect((yield* run(make(false), {}, { runId: "r" })).outputs.train).toBe(3)
    expect(yield* points("r", "epoch")).toEqual([[0, 0], [1, 1], [2, 2], [3, 3]])
    expect((yield* snapshot("r")).artifacts).toMatchObject([{ name: "note.txt", mediaType: "text/plain" }])
  }).pipe(Effect.provide(layer)))

it.effect("artifacts put before a checkpoint survive a process that dies after it", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const make = (dies: boolean) =>
      Pipeline.make("p", {
        steps: [Step.make("step", {
          version: "1",
          run: async ({ artifacts, checkpoint, metrics }) => {
            if ((await checkpoint.latest("half")) === undefined) {
              metrics.log({ half: 1 })
              await artifacts.put("first.txt", "1")
              await checkpoint.save("half", 1)
            }
            if (dies) await gate.wait()
            await artifacts.put("second.txt", "2")
            return 1
          }
        })]
      })
    yield* run(make(false), {}, { runId: "whole" })
    const fiber = yield* begin(make(true), {}, { runId: "torn" })
    yield* gate.arrived
    // Seen before anything ends: it is recorded with the checkpoint, not with the end of the run.
    expect((yield* snapshot("torn")).artifacts.map(({ name }) => name)).toEqual(["first.txt"])
    fiber.interruptUnsafe()
    yield* TestClock.adjust("10 seconds")
    yield* run(make(false), {}, { runId: "torn" })
    expect(yield* ending("torn")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("artifacts of a failed execution go on with each checkpoint that follows, in a step without points, too", () =>
  Effect.gen(function*() {
    let fails = 0
    const pipeline = Pipeline.make("p", {
      steps: [Step.make("build", {
        version: "1",
        run: async ({ artifacts, checkpoint }) => {
          let stage = (await checkpoint.latest<number>("stage")) ?? 0
          if (stage === 0) await artifacts.put("report.txt", "made in the first stage")
          while (stage < 3) {
            await checkpoint.save("stage", ++stage)
            if (stage === fails) throw new Error(`after stage ${stage}`)
          }
          return stage
        }
      })]
    })
    for (fails of [1, 2, 3]) yield* failure(pipeline, {}, { runId: "torn" })
    fails = 0
    yield* run(pipeline, {}, { runId: "torn" })
    yield* run(pipeline, {}, { runId: "whole" })
    expect(yield* ending("torn")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("what goes on with points of a checkpoint and saves another is told not to load a further one, as one that logged them itself", () =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    let torn = true
    const pipeline = Pipeline.make("p", {
      steps: [Step.make("train", {
        version: "1",
        run: async ({ checkpoint, metrics }) => {
          if ((await checkpoint.latest<number>("data")) === undefined) {
            metrics.log({ loss: 1 })
            await checkpoint.save("data", 1)
          }
          await checkpoint.save("started", 1)
          seen.push(await checkpoint.latest("model").catch((error: { readonly _tag: string }) => error._tag))
          metrics.log({ loss: 2 })
          await checkpoint.save("model", 2)
          if (torn) throw new Error("torn")
          return 1
        }
      })]
    })
    yield* failure(pipeline, {}, { runId: "torn" })
    torn = false
    yield* run(pipeline, {}, { runId: "torn" })
    yield* run(pipeline, {}, { runId: "whole" })
    expect(seen).toEqual(["CheckpointMisuse", "CheckpointMisuse", "CheckpointMisuse"])
    expect(yield* ending("torn")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))
