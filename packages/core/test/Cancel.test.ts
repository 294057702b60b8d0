import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { afterEach } from "vitest"
import { MemoryRunStore, Pipeline, ProcessIdentity, Runner, RunStore, type RunStoreService, snapshot, Step, StoreError, Uniflow } from "../src/index.ts"
import { begin, ending, layer, makeGate, processThatSees, run, stores, takeOver } from "./memory.ts"

/** first -> slow -> last, where slow stands at a gate until its signal is aborted. */
const stoppable = (options: { readonly gate?: ReturnType<typeof makeGate>; readonly ignores?: boolean; readonly ran?: Array<string>; readonly effect?: boolean }) => {
  const { gate, ran = [] } = options
  const first = Step.make("first", { version: "1", run: () => ran.push("first") && 1 })
  const slow = Step.make("slow", {
    version: "1",
    inputs: { first },
    run: ({ checkpoint, metrics, signal }): unknown => {
      if (options.effect === true) return gate === undefined ? 2 : Effect.andThen(Effect.sync(() => void gate.wait()), Effect.never)
      return (async () => {
        const saved = await checkpoint.latest<number>("half")
        if (saved === undefined) {
          metrics.log({ half: 1 })
          await checkpoint.save("half", 1)
        }
        ran.push("slow")
        if (gate === undefined) return 2
        const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
        await (options.ignores === true ? gate.wait() : Promise.race([gate.wait(), aborted]))
        return signal.aborted ? Promise.reject(new Error("stopped")) : 2
      })()
    }
  })
  const last = Step.make("last", { version: "1", inputs: { slow }, run: () => ran.push("last") && 3 })
  return Pipeline.make("stoppable", { steps: [last] })
}

const opened: Array<Uniflow.Uniflow> = []
const open = (): Uniflow.Uniflow => {
  const uniflow = Uniflow.make(layer)
  opened.push(uniflow)
  return uniflow
}
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

/** What an interrupted run looks like, and that it resumes to the same end as one that was left alone. */
const expectResumable = async (uniflow: Uniflow.Uniflow) => {
  const view = await uniflow.runs.get("r")
  expect(view).toMatchObject({ status: "interrupted", error: null, failedStep: null, active: [] })
  expect(view.attempts.map(({ status }) => status)).toEqual(["interrupted"])
  expect(view.steps.map(({ name }) => name)).toEqual(["first"])
  const ran: Array<string> = []
  const resumed = await uniflow.run(stoppable({ ran }), { runId: "r" })
  expect(ran).toEqual(["slow", "last"])
  expect(resumed.decisions.first.decision).toBe("restored")
  expect([resumed.decisions.slow.reasons[0], resumed.decisions.last.reasons[0]]).toEqual([{ component: "interrupted" }, { component: "first" }])
  await uniflow.run(stoppable({}), { runId: "whole" })
  expect(await uniflow.runPromise(ending("r"))).toEqual(await uniflow.runPromise(ending("whole")))
}

it("an AbortSignal stops the run, which ends as interrupted and resumes", async () => {
  const uniflow = open()
  const gate = makeGate()
  const controller = new AbortController()
  const running = uniflow.run(stoppable({ gate }), { runId: "r", signal: controller.signal })
  await Effect.runPromise(gate.arrived)
  controller.abort()
  await expect(running).rejects.toMatchObject({ _tag: "RunInterrupted", runId: "r", why: "its signal was aborted" })
  await expectResumable(uniflow)
})

it("a signal that was aborted before begins nothing", async () => {
  const ran: Array<string> = []
  const uniflow = open()
  await expect(uniflow.run(stoppable({ ran }), { runId: "r", signal: AbortSignal.abort() })).rejects.toMatchObject({ _tag: "RunInterrupted" })
  expect(ran).toEqual([])
  expect((await uniflow.runs.get("r")).status).toBe("interrupted")
  await uniflow.run(stoppable({ ran }), { runId: "r" })
  expect(ran).toEqual(["first", "slow", "last"])
})

it("handle.cancel stops the run and waits until it has", async () => {
  const uniflow = open()
  const gate = makeGate()
  const handle = uniflow.start(stoppable({ gate }), { runId: "r" })
  await Effect.runPromise(gate.arrived)
  await handle.cancel()
  expect(uniflow.active.size).toBe(0)
  await expect(handle.result).rejects.toMatchObject({ _tag: "RunInterrupted", why: "it was cancelled" })
  await expectResumable(uniflow)
})

it("close interrupts what runs and waits for its record", async () => {
  const shared = await Effect.runPromise(MemoryRunStore.make)
  const withStore = () => Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(stores, Layer.succeed(RunStore, shared)))))
  const uniflow = withStore()
  const gate = makeGate()
  const running = uniflow.run(stoppable({ gate }), { runId: "r" })
  const outcome = running.catch((error: unknown) => error)
  await Effect.runPromise(gate.arrived)
  await uniflow.close()
  expect(await outcome).toMatchObject({ _tag: "RunInterrupted", why: "UniFlow was closed" })
  expect(await Effect.runPromise(shared.run("r"))).toMatchObject({ status: "interrupted", holder: null })
})

it.effect("uniflow.cancel reaches the run through the store, from any process", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    const gate = makeGate()
    const fiber = yield* begin(stoppable({ gate }), {}, { runId: "r" })
    yield* gate.arrived
    yield* store.annotate("r", [{ _tag: "CancelRequested" }])
    yield* TestClock.adjust("1 second")
    expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "RunInterrupted", why: "it was cancelled" })
    expect((yield* snapshot("r")).run).toMatchObject({ status: "interrupted", holder: null })
    // The wish was for that attempt.
    const resumed = yield* run(stoppable({}), {}, { runId: "r" })
    expect(resumed.outputs.last).toBe(3)
  }).pipe(Effect.provide(layer)))

it("cancelling a run that is not there says so", async () => {
  await expect(open().cancel("nope")).rejects.toMatchObject({ _tag: "RunNotFound" })
})

it.effect("interrupting the fiber interrupts the run, its Effect steps included", () =>
  Effect.gen(function*() {
    for (const effect of [true, false]) {
      const gate = makeGate()
      const runId = `r_${effect}`
      const fiber = yield* begin(stoppable({ gate, effect }), {}, { runId })
      yield* gate.arrived
      yield* Fiber.interrupt(fiber)
      expect((yield* snapshot(runId)).run).toMatchObject({ status: "interrupted", holder: null })
      expect((yield* run(stoppable({ effect }), {}, { runId })).outputs.last).toBe(3)
    }
  }).pipe(Effect.provide(layer)))

it.effect("a step that ignores its signal is given up after a while, and what it does later changes nothing", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const gate = makeGate()
    const fiber = yield* begin(stoppable({ gate, ignores: true, ran }), {}, { runId: "r" })
    yield* gate.arrived
    fiber.interruptUnsafe()
    yield* TestClock.adjust("4 seconds")
    expect((yield* snapshot("r")).run.status).toBe("running")
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.await(fiber)
    const before = yield* snapshot("r")
    expect(before.run.status).toBe("interrupted")
    gate.open()
    yield* TestClock.adjust("1 second")
    expect(yield* snapshot("r")).toEqual(before)
    expect(ran).toEqual(["first", "slow"])
  }).pipe(Effect.provide(layer)))

/** A store whose commits can be looked at, held back and refused. */
const watched = (inner: RunStoreService, before: (tags: ReadonlyArray<string>) => Effect.Effect<void, StoreError>): RunStoreService => ({
  ...inner,
  commit: (writer, changes) => Effect.andThen(before(changes.map((change) => (change._tag === "StepRecorded" ? `${change._tag} ${change.record.address}` : change._tag))), inner.commit(writer, changes))
})
const withStore = (store: RunStoreService) => Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(stores, Layer.succeed(RunStore, store))))

it.effect("an outcome whose commit is under way when the run is interrupted is kept, and the run ends after it", () =>
  Effect.gen(function*() {
    const inner = yield* MemoryRunStore.make
    const reached = yield* Deferred.make<void>()
    const goOn = yield* Deferred.make<void>()
    const order: Array<string> = []
    const store = watched(inner, (tags) =>
      Effect.gen(function*() {
        if (tags.includes("StepRecorded first")) {
          yield* Deferred.succeed(reached, undefined)
          yield* Deferred.await(goOn)
        }
        order.push(...tags.filter((tag) => tag.startsWith("StepRecorded") || tag === "AttemptEnded"))
      }))
    yield* Effect.gen(function*() {
      const ran: Array<string> = []
      const fiber = yield* begin(stoppable({ ran }), {}, { runId: "r" })
      yield* Deferred.await(reached)
      fiber.interruptUnsafe()
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.await(fiber)
      expect(order).toEqual(["StepRecorded first", "AttemptEnded"])
      expect((yield* snapshot("r")).run.status).toBe("interrupted")
      yield* run(stoppable({ ran }), {}, { runId: "r" })
      expect(ran).toEqual(["first", "slow", "last"])
    }).pipe(Effect.provide(withStore(store)))
  }))

it.effect("a run that another process has taken stops at once, writes nothing more, and says so", () =>
  Effect.gen(function*() {
    const inner = yield* MemoryRunStore.make
    let commits = 0
    const store = watched(inner, () => Effect.sync(() => void commits++))
    yield* Effect.gen(function*() {
      const ran: Array<string> = []
      const gate = makeGate()
      const fiber = yield* begin(stoppable({ gate, ran }), {}, { runId: "r" })
      yield* gate.arrived
      yield* takeOver("r")
      const before = yield* snapshot("r")
      const count = commits
      yield* TestClock.adjust("10 seconds")
      const error = yield* Effect.flip(Fiber.join(fiber))
      expect(error).toMatchObject({ _tag: "StoreError", reason: "LeaseLost" })
      expect(error.message).toContain("Run \"r\" is no longer held by this process")
      expect(ran).toEqual(["first", "slow"])
      expect(commits - count).toBeLessThanOrEqual(1)
      expect({ ...(yield* snapshot("r")), run: null }).toEqual({ ...before, run: null })
      expect((yield* snapshot("r")).run).toMatchObject({ status: "running", holder: { nonce: "another" } })
    }).pipe(Effect.provide(withStore(store)))
  }))

it.effect("a step that finds the lease lost while it saves stops its neighbours, too", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    let aborted = false
    const neighbour = Step.make("neighbour", {
      version: "1",
      run: ({ signal }) => new Promise<void>((_, reject) => signal.addEventListener("abort", () => (aborted = true, reject(new Error("aborted")))))
    })
    const saving = Step.make("saving", { version: "1", run: async ({ checkpoint }) => (await gate.wait(), checkpoint.save("x", 1).catch(() => {})) })
    const fiber = yield* begin(Pipeline.make("p", { steps: [neighbour, saving] }), {}, { runId: "r" })
    yield* gate.arrived
    yield* takeOver("r")
    gate.open()
    expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "StoreError", reason: "LeaseLost" })
    expect(aborted).toBe(true)
  }).pipe(Effect.provide(layer)))

it.effect("when the last commit fails the run fails with the store's error, stays resumable, and what was recorded before is kept", () =>
  Effect.gen(function*() {
    const inner = yield* MemoryRunStore.make
    let full = true
    const store = watched(inner, (tags) => (full && tags.includes("AttemptEnded") ? Effect.fail(new StoreError({ reason: "Full", what: "The disk is full" })) : Effect.void))
    yield* Effect.gen(function*() {
      const ran: Array<string> = []
      expect(yield* Effect.flip(run(stoppable({ ran }), {}, { runId: "r" }))).toMatchObject({ _tag: "StoreError", reason: "Full" })
      expect(yield* inner.run("r")).toMatchObject({ status: "running", holder: null })
      full = false
      const resumed = yield* run(stoppable({ ran }), {}, { runId: "r" })
      // The last step's outcome and the attempt's end are recorded together, or not at all.
      expect(ran).toEqual(["first", "slow", "last", "last"])
      expect(Object.values(resumed.decisions).map(({ decision }) => decision)).toEqual(["restored", "restored", "executed"])
    }).pipe(Effect.provide(withStore(store)))
  }))

it.effect("when a step's commit fails the run fails with the store's error, and nothing that was recorded is lost", () =>
  Effect.gen(function*() {
    const inner = yield* MemoryRunStore.make
    let busy = true
    const store = watched(inner, (tags) => (busy && tags.includes("StepRecorded slow") ? Effect.fail(new StoreError({ reason: "Busy", what: "The database is locked" })) : Effect.void))
    yield* Effect.gen(function*() {
      expect(yield* Effect.flip(run(stoppable({}), {}, { runId: "r" }))).toMatchObject({ _tag: "StoreError", reason: "Busy" })
      busy = false
      yield* run(stoppable({}), {}, { runId: "r" })
      yield* run(stoppable({}), {}, { runId: "whole" })
      expect(yield* ending("r")).toEqual(yield* ending("whole"))
    }).pipe(Effect.provide(withStore(store)))
  }))

it.effect("tracking that could not be recorded for a while is recorded in the end, in order and without doubles", () =>
  Effect.gen(function*() {
    const inner = yield* MemoryRunStore.make
    let busy = false
    const store = watched(inner, (tags) => (busy && tags.every((tag) => ["LogsAdded", "PointsWritten", "StepActive"].includes(tag)) ? Effect.fail(new StoreError({ reason: "Busy", what: "The database is locked" })) : Effect.void))
    const gates = [makeGate(), makeGate(), makeGate()]
    const make = (held: boolean) =>
      Pipeline.make("p", {
        steps: [Step.make("step", {
          version: "1",
          run: async ({ log, metrics }) => {
            for (let part = 0; part < 3; part++) {
              for (let i = 0; i < 3000; i++) metrics.log({ value: part * 3000 + i })
              log(`part ${part}`)
              if (held) await gates[part]!.wait()
            }
            return 1
          }
        })]
      })
    yield* Effect.gen(function*() {
      const fiber = yield* begin(make(true), {}, { runId: "r" })
      for (const [part, gate] of gates.entries()) {
        yield* gate.arrived
        busy = part !== 1
        yield* TestClock.adjust("1 second")
        gate.open()
      }
      const result = yield* Fiber.join(fiber)
      expect(result.warnings).toEqual(["What was tracked could not be recorded when it should have been: The database is locked"])
      yield* run(make(false), {}, { runId: "whole" })
      expect(yield* ending("r")).toEqual(yield* ending("whole"))
      expect((yield* inner.logs("r")).map(({ message }) => message)).toEqual(["part 0", "part 1", "part 2"])
    }).pipe(Effect.provide(withStore(store)))
  }))

it("the same id and params at the same time are the same run; other params are not", async () => {
  const uniflow = open()
  const gate = makeGate()
  const pipeline = stoppable({ gate })
  const first = uniflow.start(pipeline, { runId: "r" })
  await Effect.runPromise(gate.arrived)
  expect(uniflow.start(pipeline, { runId: "r" })).toBe(first)
  const second = uniflow.run(pipeline, { runId: "r" })
  await expect(uniflow.run(pipeline, { runId: "r", seed: 5 })).rejects.toMatchObject({ _tag: "RunParamsChanged" })
  await expect(uniflow.run(stoppable({}), { runId: "r" })).rejects.toMatchObject({ _tag: "RunIsActive" })
  // What was refused has not made the instance forget the run that goes on.
  expect([...uniflow.active]).toEqual(["r"])
  gate.open()
  expect(await second).toBe(await first.result)
  expect(uniflow.active.size).toBe(0)
  expect((await uniflow.runs.get("r")).attempts.length).toBe(1)
})

it("two instances on one store: the second is told who works on the run", async () => {
  const shared = await Effect.runPromise(MemoryRunStore.make)
  const instance = (nonce: string) => {
    const uniflow = Uniflow.make(withStore(shared).pipe(Layer.provideMerge(Layer.succeed(ProcessIdentity, processThatSees("alive", nonce)))))
    opened.push(uniflow)
    return uniflow
  }
  const [one, two] = [instance("one"), instance("two")]
  const gate = makeGate()
  const running = one.run(stoppable({ gate }), { runId: "r" })
  await Effect.runPromise(gate.arrived)
  const error: unknown = await two.run(stoppable({}), { runId: "r" }).catch((error: unknown) => error)
  expect(error).toMatchObject({ _tag: "RunIsActive", holder: { nonce: "one", host: "elsewhere", pid: 4711 } })
  expect((error as Error).message).toContain("process 4711 on elsewhere")
  await two.cancel("r")
  await expect(running).rejects.toMatchObject({ _tag: "RunInterrupted", why: "it was cancelled" })
  expect((await two.run(stoppable({}), { runId: "r" })).outputs.last).toBe(3)
})

it.effect("a run that took its process down three times ends as CrashLoop, and is resumed by hand alone", () =>
  Effect.gen(function*() {
    const other = processThatSees("dead")
    const automatic = { runId: "r", automatic: true }
    for (let death = 0; death < 3; death++) {
      const gate = makeGate()
      yield* Effect.provideService(begin(stoppable({ gate }), {}, automatic), ProcessIdentity, other)
      yield* gate.arrived
    }
    const error = yield* Effect.provideService(Effect.flip(run(stoppable({}), {}, automatic)), ProcessIdentity, other)
    expect(error).toMatchObject({ _tag: "CrashLoop", attempts: 3 })
    expect((yield* snapshot("r")).run).toMatchObject({ status: "crashed", holder: null, error: { tag: "CrashLoop" } })
    expect((yield* run(stoppable({}), {}, { runId: "r" })).outputs.last).toBe(3)
    expect((yield* snapshot("r")).run).toMatchObject({ status: "completed", crashes: 0 })
    yield* TestClock.adjust("10 seconds")
  }).pipe(Effect.provide(layer)))
