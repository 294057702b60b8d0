import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, ProcessIdentity, Resolution, Runner, RunStore, type RunStoreService, snapshot, Step, StoreError } from "../src/index.ts"
import { begin, failure, layer, makeGate, processThatSees, run } from "./memory.ts"

/** Pays once; `charge` is what happens when it does. */
const payment = (charge: (key: string) => unknown, options: { readonly version?: string; readonly retry?: Step.Retry } = {}) => {
  const pay = Step.make("pay", {
    version: options.version ?? "1",
    once: true,
    ...(options.retry === undefined ? {} : { retry: options.retry }),
    run: ({ idempotencyKey }) => charge(idempotencyKey)
  })
  const thank = Step.make("thank", { version: "1", inputs: { pay }, run: ({ inputs }) => `thanks for ${String(inputs.pay)}` })
  return Pipeline.make("order", { steps: [thank] })
}
const declined = () => {
  throw new Error("connection reset")
}

it.effect("a once step is begun durably before anything happens, and restored afterwards", () =>
  Effect.gen(function*() {
    const store = yield* RunStore
    const keys: Array<string> = []
    let begun: unknown
    const pipeline = payment((key) =>
      Effect.gen(function*() {
        keys.push(key)
        begun = (yield* store.active("r")).find(({ address }) => address === "pay")
        return 42
      }))
    yield* run(pipeline, {}, { runId: "r" })
    expect(begun).toMatchObject({ once: true, address: "pay", message: null })
    expect((yield* run(pipeline, {}, { runId: "r" })).outputs.thank).toBe("thanks for 42")
    expect(keys.length).toBe(1)
    expect(yield* store.active("r")).toEqual([])
  }).pipe(Effect.provide(layer)))

it.effect("interrupted while it ran its outcome is unknown: the run stops and says so, until somebody decides", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const fiber = yield* begin(payment(() => gate.wait()), {}, { runId: "r" })
    yield* gate.arrived
    fiber.interruptUnsafe()
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.await(fiber)
    let paid = 0
    const again = payment(() => ++paid)
    const error = yield* failure(again, {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "OutcomeUnknown", step: "pay" })
    expect(error.message).toContain("attempt 1 was interrupted while it ran")
    expect(error.message).toContain("uniflow resolve r pay")
    expect((yield* failure(again, {}, { runId: "r" }))._tag).toBe("OutcomeUnknown")
    expect(paid).toBe(0)
    expect((yield* snapshot("r")).run).toMatchObject({ status: "failed", failedStep: "pay" })
  }).pipe(Effect.provide(layer)))

it.effect("a process that died while it ran leaves the outcome unknown, too", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const fiber = yield* begin(payment(() => gate.wait()), {}, { runId: "r" })
    yield* gate.arrived
    // Another process, which has found the first one dead, and cannot know either.
    const other = Runner.layer.pipe(Layer.provide(Layer.succeed(ProcessIdentity, processThatSees("dead"))))
    let paid = 0
    const error = yield* failure(payment(() => ++paid), {}, { runId: "r" }).pipe(Effect.provide(other), Effect.provideService(ProcessIdentity, processThatSees("dead")))
    expect(error._tag).toBe("OutcomeUnknown")
    expect(paid).toBe(0)
    gate.open()
    expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "StoreError", reason: "LeaseLost" })
  }).pipe(Effect.provide(layer)))

it.effect("an error without a retry that permits it leaves the outcome unknown", () =>
  Effect.gen(function*() {
    const error = yield* failure(payment(declined), {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "OutcomeUnknown" })
    expect(error.message).toContain("it ended in an error while it ran (connection reset)")
    const again = yield* failure(payment(() => 1), {}, { runId: "r" })
    expect(again.message).toContain("attempt 1 ended in an error while it ran (connection reset)")
  }).pipe(Effect.provide(layer)))

it.effect("a retry that permits the error tries again under the same key", () =>
  Effect.gen(function*() {
    const keys: Array<string> = []
    const busy = payment((key) => {
      keys.push(key)
      if (keys.length < 3) throw new Error("busy")
      return keys.length
    }, { retry: { times: 5, delay: 0, while: (error) => error instanceof Error && error.message === "busy" } })
    const result = yield* run(busy, {}, { runId: "r" })
    expect(result.outputs.thank).toBe("thanks for 3")
    expect(new Set(keys).size).toBe(1)
    const other = payment(declined, { retry: { times: 5, delay: 0, while: () => false } })
    expect((yield* failure(other, {}, { runId: "s" }))._tag).toBe("OutcomeUnknown")
  }).pipe(Effect.provide(layer)))

it.effect("an output that cannot be saved leaves the outcome unknown", () =>
  Effect.gen(function*() {
    const error = yield* failure(payment(() => () => 1), {}, { runId: "r" })
    expect(error._tag).toBe("OutcomeUnknown")
    expect(error.message).toContain("cannot be saved")
  }).pipe(Effect.provide(layer)))

it.effect("any change of its fingerprint stops the run, in every mode", () =>
  Effect.gen(function*() {
    let paid = 0
    yield* run(payment(() => ++paid), {}, { runId: "r" })
    for (const mode of ["auto", "trust", "strict"] as const) {
      const error = yield* failure(payment(() => ++paid, { version: "2" }), {}, { runId: "r", mode })
      expect(["OutcomeUnknown", "StrictMismatch"]).toContain(error._tag)
    }
    const error = yield* failure(payment(() => ++paid, { version: "2" }), {}, { runId: "r" })
    expect(error.message).toContain("completed before with another fingerprint (code)")
    expect(paid).toBe(1)
  }).pipe(Effect.provide(layer)))

it.effect("it is not executed again by asking for a rerun, only by deciding", () =>
  Effect.gen(function*() {
    let paid = 0
    yield* run(payment(() => ++paid), {}, { runId: "r" })
    const error = yield* failure(payment(() => ++paid), {}, { runId: "r", rerun: ["pay"] })
    expect(error._tag).toBe("InvalidInput")
    expect(error.message).toContain("uniflow resolve")
    expect(paid).toBe(1)
  }).pipe(Effect.provide(layer)))

it.effect("resolved with an output: the run goes on with it, and it stays", () =>
  Effect.gen(function*() {
    yield* failure(payment(declined), {}, { runId: "r" })
    yield* Resolution.resolve("r", "pay", { output: 99 })
    let paid = 0
    const resumed = yield* run(payment(() => ++paid), {}, { runId: "r" })
    expect(resumed.outputs.thank).toBe("thanks for 99")
    expect(resumed.decisions.pay).toMatchObject({ decision: "restored", reasons: [{ component: "resolved", new: "output" }] })
    const again = yield* run(payment(() => ++paid), {}, { runId: "r" })
    expect(again.outputs.thank).toBe("thanks for 99")
    expect(paid).toBe(0)
  }).pipe(Effect.provide(layer)))

it.effect("resolved as failed it runs again under the same key, resolved as rerun under a new one", () =>
  Effect.gen(function*() {
    const keys: Array<string> = []
    const failing = payment((key) => {
      keys.push(key)
      throw new Error("no")
    })
    yield* failure(failing, {}, { runId: "r" })
    yield* Resolution.resolve("r", "pay", { failed: true })
    yield* failure(failing, {}, { runId: "r" })
    yield* Resolution.resolve("r", "pay", { rerun: true })
    const done = yield* run(payment((key) => keys.push(key)), {}, { runId: "r" })
    expect(keys[1]).toBe(keys[0])
    expect(keys[2]).not.toBe(keys[0])
    expect(done.decisions.pay).toMatchObject({ decision: "executed", reasons: [{ component: "resolved", new: "rerun" }] })
    expect((yield* snapshot("r")).run.status).toBe("completed")
  }).pipe(Effect.provide(layer)))

it.effect("keys differ between runs, steps and items", () =>
  Effect.gen(function*() {
    const keys: Array<string> = []
    const note = ({ idempotencyKey }: { readonly idempotencyKey: string }) => keys.push(idempotencyKey)
    const list = Step.make("list", { version: "1", run: () => ["a", "b", "a"] })
    const mail = Step.map("mail", { version: "1", once: true, over: list, run: note })
    const other = Step.make("other", { version: "1", once: true, run: note })
    const pipeline = Pipeline.make("p", { steps: [mail, other] })
    yield* run(pipeline, {}, { runId: "r" })
    yield* run(pipeline, {}, { runId: "s" })
    expect(new Set(keys).size).toBe(8)
  }).pipe(Effect.provide(layer)))

it.effect("an item of a map that runs at most once is resolved by its address", () =>
  Effect.gen(function*() {
    const mailed: Array<string> = []
    let broken = true
    const list = Step.make("list", { version: "1", run: () => ["a", "b"] })
    const mail = Step.map("mail", {
      version: "1",
      once: true,
      over: list,
      concurrency: 1,
      onItemError: "collect",
      run: ({ item }) => {
        if (item === "b" && broken) throw new Error("no")
        mailed.push(item)
        return item
      }
    })
    const pipeline = Pipeline.make("p", { steps: [mail] })
    const error = yield* failure(pipeline, {}, { runId: "r" })
    expect(error._tag).toBe("OutcomeUnknown")
    if (error._tag !== "OutcomeUnknown") return
    expect(error.step).toMatch(/^mail\[[0-9a-f]{16}\]$/)
    broken = false
    yield* Resolution.resolve("r", error.step, { failed: true })
    expect((yield* run(pipeline, {}, { runId: "r" })).outputs.mail).toEqual([{ ok: true, value: "a" }, { ok: true, value: "b" }])
    expect(mailed).toEqual(["a", "b"])
  }).pipe(Effect.provide(layer)))

it.effect("of a map that runs once only the new items run when what it goes over changes", () =>
  Effect.gen(function*() {
    const mailed: Array<string> = []
    const make = (to: ReadonlyArray<string>) => {
      const list = Step.make("list", { version: to.join(), run: () => [...to] })
      return Pipeline.make("p", { steps: [Step.map("mail", { version: "1", once: true, over: list, run: ({ item }) => mailed.push(item) })] })
    }
    yield* run(make(["a", "b"]), {}, { runId: "r" })
    yield* run(make(["b", "c"]), {}, { runId: "r" })
    expect(mailed).toEqual(["a", "b", "c"])
  }).pipe(Effect.provide(layer)))

it.effect("there is nothing to decide about a run, or a step, that was never begun", () =>
  Effect.gen(function*() {
    expect(yield* Effect.flip(Resolution.resolve("r", "pay", { failed: true }))).toMatchObject({ _tag: "RunNotFound" })
    yield* failure(Pipeline.make("p", { steps: [Step.make("a", { version: "1", run: declined })] }), {}, { runId: "r" })
    expect(yield* Effect.flip(Resolution.resolve("r", "pay", { failed: true }))).toMatchObject({ _tag: "InvalidInput" })
  }).pipe(Effect.provide(layer)))

it.effect("a step whose outcome is known is not decided about, and its run stays as it is", () =>
  Effect.gen(function*() {
    let paid = 0
    const working = payment(() => ++paid)
    yield* run(working, {}, { runId: "r" })
    const before = yield* snapshot("r")
    for (const resolution of [{ failed: true }, { output: 5 }] as const) {
      for (const step of ["pay", "thank"]) {
        const error = yield* Effect.flip(Resolution.resolve("r", step, resolution))
        expect(error).toMatchObject({ _tag: "InvalidInput" })
        expect(error.message).toContain("it is completed")
      }
    }
    expect((yield* snapshot("r")).run).toEqual(before.run)
    yield* failure(Pipeline.make("p", { steps: [Step.make("a", { version: "1", run: declined })] }), {}, { runId: "s" })
    expect((yield* Effect.flip(Resolution.resolve("s", "a", { output: 1 }))).message).toContain("resume the run")
    // What was completed with another fingerprint is decided about, and so is what shall be paid once more.
    yield* failure(payment(() => ++paid, { version: "2" }), {}, { runId: "r" })
    yield* Resolution.resolve("r", "pay", { output: 7 })
    yield* Resolution.resolve("r", "pay", { output: 8 })
    expect((yield* run(payment(() => ++paid, { version: "2" }), {}, { runId: "r" })).outputs.thank).toBe("thanks for 8")
    expect(paid).toBe(1)
    yield* Resolution.resolve("r", "pay", { rerun: true })
    expect((yield* run(payment(() => ++paid, { version: "2" }), {}, { runId: "r" })).outputs.thank).toBe("thanks for 2")
  }).pipe(Effect.provide(layer)))

it.effect("nobody decides about a run that is being worked on", () =>
  Effect.gen(function*() {
    const gate = makeGate()
    const fiber = yield* begin(payment(() => gate.wait()), {}, { runId: "r" })
    yield* gate.arrived
    expect((yield* Effect.flip(Resolution.resolve("r", "pay", { failed: true })))._tag).toBe("RunIsActive")
    gate.open()
    yield* Fiber.join(fiber)
  }).pipe(Effect.provide(layer)))

it.effect("a payment that could not be recorded is not made again, whatever errors a retry permits", () => {
  let down = false
  const store = Effect.map(MemoryRunStore.make, (inner): RunStoreService => ({
    ...inner,
    commit: (writer, changes) =>
      down && changes.some((change) => change._tag === "StepRecorded") ? Effect.fail(new StoreError({ reason: "Unavailable", what: "the store is down" })) : inner.commit(writer, changes)
  }))
  let paid = 0
  const pipeline = payment(() => (down = true, ++paid), { retry: { times: 3, delay: 0 } })
  return Effect.gen(function*() {
    expect((yield* failure(pipeline, {}, { runId: "r" }))._tag).toBe("StoreError")
    down = false
    expect((yield* failure(pipeline, {}, { runId: "r" }))._tag).toBe("OutcomeUnknown")
    expect(paid).toBe(1)
  }).pipe(Effect.provide(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(Layer.effect(RunStore, store), MemoryArtifactStore.layer, JsonCodec.layer)))))
})

it.effect("where asking whether to run failed nothing took effect: the step has failed, and is asked again", () =>
  Effect.gen(function*() {
    let down = true
    const pay = Step.make("pay", { version: "1", once: true, when: () => down ? declined() : true, run: () => 1 })
    const pipeline = Pipeline.make("order", { steps: [pay] })
    expect((yield* failure(pipeline, {}, { runId: "r" }))._tag).toBe("StepFailed")
    down = false
    expect((yield* run(pipeline, {}, { runId: "r" })).outputs.pay).toBe(1)
  }).pipe(Effect.provide(layer)))

it("a once step with a cache is refused", () => {
  const options = { version: "1", once: true, cache: true, run: () => 1 }
  expect(() => Step.make("pay", options as never)).toThrow("has both once and cache")
})

