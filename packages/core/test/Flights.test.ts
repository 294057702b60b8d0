import { Effect, Layer, Schema } from "effect"
import { afterEach, expect, it } from "vitest"
import {
  JsonCodec,
  MemoryArtifactStore,
  MemoryRunStore,
  Metrics,
  Pipeline,
  ProcessIdentity,
  Runner,
  RunStore,
  type RunStoreService,
  Step,
  StoreError,
  Uniflow
} from "../src/index.ts"
import { makeGate, processThatSees } from "./memory.ts"

const opened: Array<Uniflow.Uniflow> = []
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

/** Instances of UniFlow on one memory store, each as a process of its own: they meet in the store alone. */
const processes = (wrap: (store: RunStoreService) => Partial<RunStoreService> = () => ({})) => {
  const store = Effect.runSync(MemoryRunStore.make)
  const artifacts = Effect.runSync(Effect.scoped(Layer.build(MemoryArtifactStore.layer)))
  const waiting = new Map<string, () => void>()
  const refused = new Map<string, () => void>()
  const once = (calls: Map<string, () => void>) => (nonce: string) => new Promise<void>((resolve) => calls.set(nonce, resolve))
  return {
    store,
    open: (nonce: string, others: "alive" | "dead" = "alive") => {
      const asked: RunStoreService = {
        ...store,
        flight: (key) => (waiting.get(nonce)?.(), store.flight(key)),
        claim: (request) => Effect.tapError(store.claim(request), () => Effect.sync(() => refused.get(nonce)?.())),
        ...wrap(store)
      }
      const stores = Layer.mergeAll(Layer.succeed(RunStore, asked), Layer.succeedContext(artifacts), JsonCodec.layer)
      const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(stores), Layer.provideMerge(Layer.succeed(ProcessIdentity, processThatSees(others, nonce)))))
      opened.push(uniflow)
      return uniflow
    },
    /** Resolves when a process waits for a step of another one, from now on. */
    waits: once(waiting),
    /** Resolves when a process is refused a run, from now on. */
    isRefused: once(refused)
  }
}

/** Goes on until it is stopped. */
const untilAborted = (signal: AbortSignal) => new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))))

const fitOf = (ran: Array<string>, load: (signal: AbortSignal) => unknown = () => [1, 2, 3]) => {
  const loaded = Step.make("load", { version: "1", cache: true, run: ({ signal }) => (ran.push("load"), load(signal)) })
  return Step.make("fit", { version: "1", inputs: { loaded }, params: { rate: Schema.Number }, run: ({ params }) => (ran.push(`fit ${params.rate}`), Metrics.create({ score: params.rate })) })
}

const make = (...given: Parameters<typeof fitOf>) => Pipeline.make("p", { steps: [fitOf(...given)] })

it("of two processes that want a cached step at once one executes it, and the other takes what it made", async () => {
  const { open, waits, store } = processes()
  const [a, b] = [open("a"), open("b")]
  const ran: Array<string> = []
  const gate = makeGate()
  const pipeline = make(ran, () => gate.wait())
  const one = a.run(pipeline, { runId: "one", params: { rate: 1 } })
  await Effect.runPromise(gate.arrived)
  const waiting = waits("b")
  const two = b.run(pipeline, { runId: "two", params: { rate: 2 } })
  await waiting
  gate.open()
  expect((await one).decisions.load.decision).toBe("executed")
  expect((await two).decisions.load.decision).toBe("cached")
  expect(ran.toSorted()).toEqual(["fit 1", "fit 2", "load"])
  expect((await Effect.runPromise(store.steps("two")))[0]).toMatchObject({ address: "load", source: { runId: "one" } })
})

it("the items of a map are shared among processes, each executed by one of them", async () => {
  const { open } = processes()
  const ran: Array<number> = []
  const list = Step.make("list", { version: "1", run: () => Array.from({ length: 20 }, (_, i) => i) })
  const square = Step.map("square", { version: "1", over: list, cache: true, concurrency: 2, run: async ({ item }) => (ran.push(item), await new Promise((resolve) => setImmediate(resolve)), item * item) })
  const pipeline = Pipeline.make("p", { steps: [square] })
  const results = await Promise.all(["a", "b"].map((nonce) => open(nonce).run(pipeline, { runId: nonce })))
  for (const result of results) expect(result.outputs.square).toEqual(Array.from({ length: 20 }, (_, i) => i * i))
  expect(ran.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i))
})

it("two runs that wait for each other's steps both end", async () => {
  const { open, waits } = processes()
  const gates = { x: makeGate(), y: makeGate() }
  const ran: Array<string> = []
  const step = <N extends "x" | "y">(name: N) => Step.make(name, { version: "1", cache: true, run: async () => (ran.push(name), await gates[name].wait(), name) })
  const [x, y] = [step("x"), step("y")]
  const [a, b] = [waits("a"), waits("b")]
  // Executes y, and has no room for x beside it.
  const one = open("a").run(Pipeline.make("p", { steps: [y, x] }), { runId: "one", concurrency: 1 })
  await Effect.runPromise(gates.y.arrived)
  const two = open("b").run(Pipeline.make("q", { steps: [x, y] }), { runId: "two" })
  await Effect.runPromise(gates.x.arrived)
  await b
  gates.y.open()
  await a
  gates.x.open()
  expect([(await one).decisions, (await two).decisions]).toMatchObject([
    { x: { decision: "cached" }, y: { decision: "executed" } },
    { x: { decision: "executed" }, y: { decision: "cached" } }
  ])
  expect(ran).toEqual(["y", "x"])
})

it("a step that failed in one process is executed by another one that waited for it", async () => {
  const { open, waits } = processes()
  const ran: Array<string> = []
  const gate = makeGate()
  const pipeline = make(ran, async () => (await gate.wait(), ran.length === 1 ? Promise.reject(new Error("no")) : 1))
  const one = open("a").run(pipeline, { runId: "one", params: { rate: 1 } })
  await Effect.runPromise(gate.arrived)
  const waiting = waits("b")
  const two = open("b").run(pipeline, { runId: "two", params: { rate: 2 } })
  await waiting
  gate.open()
  await expect(one).rejects.toMatchObject({ _tag: "StepFailed", step: "load" })
  expect((await two).decisions.load.decision).toBe("executed")
  expect(ran).toEqual(["load", "load", "fit 2"])
})

it("a step whose run was interrupted is executed by one that waited for it", async () => {
  const { open, waits } = processes()
  const ran: Array<string> = []
  const gate = makeGate()
  const pipeline = make(ran, () => (ran.length === 1 ? gate.wait() : 1))
  const controller = new AbortController()
  const one = open("a").run(pipeline, { runId: "one", params: { rate: 1 }, signal: controller.signal })
  await Effect.runPromise(gate.arrived)
  const waiting = waits("b")
  const two = open("b").run(pipeline, { runId: "two", params: { rate: 2 } })
  await waiting
  controller.abort()
  gate.open()
  await expect(one).rejects.toMatchObject({ _tag: "RunInterrupted" })
  expect((await two).decisions.load.decision).toBe("executed")
})

it("a step whose outcome cannot be recorded is executed by one that waited for it, while its run is still at something else", async () => {
  let fails = true
  const { open, waits } = processes((store) => ({
    commit: (writer, changes) => {
      if (!fails || !changes.some((change) => change._tag === "StepRecorded" && change.record.step === "load")) return store.commit(writer, changes)
      fails = false
      return Effect.fail(new StoreError({ reason: "Unavailable", what: "The store is full" }))
    }
  }))
  const [gate, other] = [makeGate(), makeGate()]
  const long = Step.make("long", { version: "1", run: () => other.wait() })
  const one = open("a").run(Pipeline.make("p", { steps: [fitOf([], () => gate.wait()), long] }), { runId: "one", params: { rate: 1 } })
  await Effect.runPromise(gate.arrived)
  const waiting = waits("b")
  const two = open("b").run(make([]), { runId: "two", params: { rate: 2 } })
  await waiting
  gate.open()
  expect((await two).decisions.load.decision).toBe("executed")
  other.open()
  await expect(one).rejects.toMatchObject({ _tag: "StoreError", reason: "Unavailable" })
})

it("a step whose process is dead is executed by one that wants it", async () => {
  const { open, waits, store } = processes()
  const ran: Array<string> = []
  const gate = makeGate()
  // As one that was killed it records nothing any more.
  void open("a").run(make([], (signal) => (gate.wait(), untilAborted(signal))), { runId: "one", params: { rate: 1 } }).catch(() => {})
  await Effect.runPromise(gate.arrived)
  const waiting = waits("b")
  const { decisions } = await open("b", "dead").run(make(ran), { runId: "two", params: { rate: 2 } })
  await waiting
  expect(decisions.load.decision).toBe("executed")
  expect(ran).toEqual(["load", "fit 2"])
  expect((await Effect.runPromise(store.run("one")))?.holder).not.toBeNull()
})

it("a run that is interrupted while it waits ends at once, and takes nothing", async () => {
  const { open, waits } = processes()
  const ran: Array<string> = []
  const gate = makeGate()
  const pipeline = make(ran, () => gate.wait())
  const one = open("a").run(pipeline, { runId: "one", params: { rate: 1 } })
  await Effect.runPromise(gate.arrived)
  const waiting = waits("b")
  const controller = new AbortController()
  const two = open("b").run(pipeline, { runId: "two", params: { rate: 2 }, signal: controller.signal })
  await waiting
  controller.abort()
  await expect(two).rejects.toMatchObject({ _tag: "RunInterrupted", runId: "two" })
  expect(ran).toEqual(["load"])
  gate.open()
  expect((await one).status).toBe("completed")
})

it("a run of which another step fails waits no longer", async () => {
  const { open, waits } = processes()
  const gate = makeGate()
  const one = open("a").run(make([], () => gate.wait()), { runId: "one", params: { rate: 1 } })
  await Effect.runPromise(gate.arrived)
  const waiting = waits("b")
  const broken = Step.make("broken", { version: "1", run: () => waiting.then(() => Promise.reject(new Error("no"))) })
  const two = open("b").run(Pipeline.make("p", { steps: [fitOf([]), broken] }), { runId: "two", params: { rate: 2 } })
  await expect(two).rejects.toMatchObject({ _tag: "StepFailed", step: "broken" })
  gate.open()
  await one
})

it("a store that cannot be read while a run waits is an error that says so", async () => {
  let out = false
  const { open } = processes((store) => ({
    flight: (key) => (out ? Effect.fail(new StoreError({ reason: "Unavailable", what: "The store is gone" })) : Effect.sync(() => (out = true)).pipe(Effect.andThen(store.flight(key))))
  }))
  const gate = makeGate()
  const one = open("a").run(make([], () => gate.wait()), { runId: "one", params: { rate: 1 } })
  await Effect.runPromise(gate.arrived)
  await expect(open("b").run(make([]), { runId: "two", params: { rate: 2 } })).rejects.toMatchObject({ _tag: "StoreError", reason: "Unavailable" })
  gate.open()
  await one
})

it("a step without cache takes no flight; one with it takes one, and ends it with its record", async () => {
  const calls: Array<string> = []
  const { open } = processes((store) => ({
    takeFlight: (writer, key, gone) => (calls.push("take"), store.takeFlight(writer, key, gone)),
    commit: (writer, changes) => (calls.push(changes.map(({ _tag }) => _tag).filter((tag) => tag === "StepRecorded" || tag === "FlightEnded").join(" ")), store.commit(writer, changes))
  }))
  const uniflow = open("a")
  const plain = Step.make("plain", { version: "1", run: () => 1 })
  await uniflow.run(Pipeline.make("p", { steps: [plain] }))
  expect(calls.filter((call) => call !== "")).toEqual(["StepRecorded"])
  calls.length = 0
  await uniflow.run(make([]), { params: { rate: 1 } })
  expect(calls.filter((call) => call !== "")).toEqual(["take", "StepRecorded FlightEnded", "StepRecorded"])
  calls.length = 0
  await uniflow.run(make([]), { params: { rate: 2 } })
  expect(calls.filter((call) => call !== "")).toEqual(["StepRecorded", "StepRecorded"])
})

it("a step that draws from random is executed for each seed, without waiting for those of others once that is known", async () => {
  const { open } = processes()
  const gate = makeGate()
  let under = 0
  const draw = Step.make("draw", { version: "1", cache: true, run: async ({ random }) => (await (++under === 1 ? undefined : under === 3 ? (gate.open(), undefined) : gate.wait()), random.next()) })
  const pipeline = Pipeline.make("p", { steps: [draw] })
  const [a, b] = [open("a"), open("b")]
  await a.run(pipeline, { runId: "0", seed: 0 })
  // Each of them goes on when both have begun.
  const results = await Promise.all([a.run(pipeline, { runId: "1", seed: 1 }), b.run(pipeline, { runId: "2", seed: 2 })])
  expect(new Set(results.map(({ outputs }) => outputs.draw)).size).toBe(2)
  expect((await b.run(pipeline, { runId: "3", seed: 1 })).decisions.draw.decision).toBe("cached")
})

it("a sweep in two processes at once: each run is made by one of them, and both end with all results", async () => {
  const { open, store } = processes()
  const ran: Array<string> = []
  const pipeline = make(ran)
  const sweeps = await Promise.all(["a", "b"].map((nonce) => open(nonce).sweep(pipeline, { params: { grid: { rate: [1, 2, 3, 4, 5, 6] } }, concurrency: 2 })))
  for (const { runs } of sweeps) {
    expect(runs.map((run) => (run.status === "completed" ? run.result.metrics["score"] : run))).toEqual([1, 2, 3, 4, 5, 6])
  }
  expect(ran.toSorted()).toEqual(["fit 1", "fit 2", "fit 3", "fit 4", "fit 5", "fit 6", "load"])
  expect(await Effect.runPromise(store.runs({ limit: 100 }))).toHaveLength(6)
})

it("a sweep waits for a run that another process works on, and goes on with what that one left", async () => {
  const { open, isRefused } = processes()
  const ran: Array<string> = []
  const gate = makeGate()
  const pipeline = make(ran, () => (ran.length === 1 ? gate.wait() : 1))
  const [a, b] = [open("a"), open("b")]
  const controller = new AbortController()
  const options = { params: { grid: { rate: [1, 2] } }, concurrency: 1 } as const
  const one = a.sweep(pipeline, { ...options, signal: controller.signal })
  await Effect.runPromise(gate.arrived)
  const refusal = isRefused("b")
  const two = b.sweep(pipeline, options)
  await refusal
  controller.abort()
  gate.open()
  await expect(one).rejects.toMatchObject({ _tag: "RunInterrupted" })
  const { runs } = await two
  expect(runs.map(({ status }) => status)).toEqual(["completed", "completed"])
  expect(ran).toEqual(["load", "load", expect.stringContaining("fit"), expect.stringContaining("fit")])
})

it("a run of a sweep that was cancelled elsewhere is not begun again by the sweep that waited for it", async () => {
  const { open, isRefused } = processes()
  const gate = makeGate()
  const pipeline = make([], (signal) => (gate.wait(), untilAborted(signal)))
  const [a, b] = [open("a"), open("b")]
  const options = { params: { list: [{ rate: 1 }] } }
  const one = a.sweep(pipeline, options)
  await Effect.runPromise(gate.arrived)
  const refusal = isRefused("b")
  const two = b.sweep(pipeline, options)
  const all = Promise.allSettled([one, two])
  const [id] = [...a.active]
  await refusal
  await b.cancel(id!)
  for (const ended of await all) expect(ended).toMatchObject({ status: "rejected", reason: { _tag: "RunInterrupted", runId: id } })
})
