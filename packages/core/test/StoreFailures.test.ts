import { Cause, Effect, Exit, Layer } from "effect"
import { expect, it } from "vitest"
import {
  ArtifactStore,
  type ArtifactStoreService,
  JsonCodec,
  MemoryArtifactStore,
  MemoryRunStore,
  Metrics,
  Pipeline,
  Resolution,
  Runner,
  type RunResult,
  RunStore,
  type RunStoreService,
  Step,
  StoreError
} from "../src/index.ts"
import { ending, run } from "./memory.ts"

// A pipeline with all that is recorded, and stores that fail at their n-th operation, for every n there is. Whatever
// happens, a run ends in a typed error or the right result, executes nothing that is recorded complete, begins a step
// that must happen once only when that is recorded, and ends, resumed, as one that was left alone.

/** An operation is not done, or done though it seems to have failed; from there on all of them fail, or the run is another's. */
const WAYS = ["not done", "done", "down", "lost"] as const
type Way = typeof WAYS[number]

const WRITES = ["claim", "commit", "annotate", "takeFlight", "put"]
const READS = ["run", "steps", "active", "series", "chunks", "checkpoints", "artifacts", "logs", "blob", "lookup", "flight", "get", "size"]

interface Trouble {
  /** Which of the operations is the first to fail. */
  readonly at: number
  readonly way: Way
  readonly operations: ReadonlyArray<string>
  /** Where a step throws. */
  readonly throwsAt?: string
}

type Operation = Effect.Effect<unknown, unknown, unknown>

/** What befalls the stores during one attempt. */
class Attempt {
  met: string | undefined
  private count = 0
  private readonly trouble: Trouble | undefined

  constructor(trouble: Trouble | undefined) {
    this.trouble = trouble
  }

  readonly around = (name: string, operation: Operation): Operation =>
    Effect.suspend((): Operation => {
      const { trouble } = this
      if (trouble?.operations.includes(name) !== true) return operation
      const n = ++this.count
      const { at, way } = trouble
      if (way === "down" || way === "lost" ? n < at : n !== at) return operation
      this.met ??= name
      if (way === "lost") return name === "commit" ? Effect.fail(new StoreError({ reason: "LeaseLost", what: "another process has the run" })) : operation
      const error = Effect.fail(new StoreError({ reason: "Unavailable", what: `${name} failed` }))
      return way === "done" ? Effect.andThen(operation, error) : error
    })

  readonly at = (place: string): void => {
    if (this.trouble?.throwsAt === place) throw new Error(`thrown at ${place}`)
  }
}

/** A store whose operations are in trouble. */
const troubled = <S extends object>(inner: S, attempt: () => Attempt): S =>
  ({
    ...inner,
    ...Object.fromEntries(
      Object.entries(inner).filter(([name]) => WRITES.includes(name) || READS.includes(name)).map(([name, operation]) => [
        name,
        (...given: ReadonlyArray<unknown>) => attempt().around(name, operation(...given))
      ])
    )
  })

/** What the steps did that they should not have done. */
class Ledger {
  readonly complete = new Set<string>()
  readonly wrong: Array<string> = []
  /** Whether the beginning of a `once` step is recorded. */
  isBegun = false
  at: (place: string) => void = () => {}

  begins(address: string): void {
    if (this.complete.has(address)) this.wrong.push(`${address} is executed again`)
  }
}

const pipelineOf = (ledger: Ledger) => {
  const load = Step.make("load", {
    version: "1",
    cache: true,
    run: async ({ artifacts, metrics, random, step }) => {
      ledger.begins(step)
      metrics.log({ rows: 3 })
      await artifacts.put("raw.txt", "raw")
      return { words: ["a", "b", "a"], noise: random.int(0, 1_000_000), large: "x".repeat(20_000) }
    }
  })
  const words = Step.make("words", { version: "1", inputs: { load }, run: ({ inputs, step }) => (ledger.begins(step), inputs.load.words) })
  const each = Step.map("each", {
    version: "1",
    over: words,
    concurrency: 2,
    run: async ({ checkpoint, item, log, metrics, random, step }) => {
      ledger.begins(step)
      let { at, sum } = (await checkpoint.latest<{ at: number; sum: number }>("half")) ?? { at: 0, sum: 0 }
      for (; at < 2; at++) {
        metrics.log({ sum: sum += random.int(0, 100) })
        log(`${item} ${at}`)
        ledger.at(`${item} ${at}`)
        await checkpoint.save("half", { at: at + 1, sum })
      }
      return `${item}${sum}${"y".repeat(item === "b" ? 20_000 : 1)}`
    }
  })
  const pay = Step.make("pay", {
    version: "1",
    once: true,
    inputs: { words },
    run: ({ inputs, step }) => {
      ledger.begins(step)
      if (!ledger.isBegun) ledger.wrong.push("pay was begun before that was recorded")
      return inputs.words.length
    }
  })
  const train = Step.make("train", {
    version: "1",
    inputs: { load },
    run: async ({ artifacts, checkpoint, inputs, metrics, random, step }) => {
      ledger.begins(step)
      let { epoch, model } = (await checkpoint.latest<{ epoch: number; model: number }>("model")) ?? { epoch: 0, model: inputs.load.noise }
      for (; epoch < 3; epoch++) {
        metrics.log({ model: model += random.int(0, 1000) }, { index: epoch * 10 })
        await artifacts.put(`epoch ${epoch}`, String(model))
        ledger.at(`epoch ${epoch}`)
        await checkpoint.save("model", { epoch: epoch + 1, model })
      }
      return { model, weights: "w".repeat(20_000) }
    }
  })
  const skipped = Step.make("skipped", { version: "1", inputs: { pay }, when: ({ inputs }) => inputs.pay > 3, run: () => 1 })
  const score = Step.make("score", {
    version: "1",
    inputs: { each, pay, skipped, train },
    run: ({ inputs, step }) => (ledger.begins(step), Metrics.create({ score: inputs.each.join().length + inputs.train.model + inputs.pay + (inputs.skipped ?? 0) }))
  })
  return Pipeline.make("troubled", { steps: [score] })
}
type Result = RunResult<ReturnType<typeof pipelineOf>>

/** Plays a run, or a fork, with a trouble in each attempt, and resumes it until it is completed; gives the operation that failed in the last trouble. */
const play = (troubles: ReadonlyArray<Trouble | undefined>, { forks = false, readsNow = true } = {}): Promise<string | undefined> => {
  let attempt = new Attempt(undefined)
  const ledger = new Ledger()
  ledger.at = (place) => attempt.at(place)
  const runStore = Effect.map(MemoryRunStore.make, (inner): RunStoreService => {
    const store: RunStoreService = {
      ...inner,
      commit: (writer, changes) =>
        Effect.tap(inner.commit(writer, changes), () =>
          Effect.sync(() => {
            ledger.isBegun ||= changes.some((change) => change._tag === "StepActive" && change.active.once)
          }))
    }
    const { blobNow: _, ...waiting } = store
    return troubled(readsNow ? store : waiting, () => attempt)
  })
  const artifactStore = Layer.effect(ArtifactStore, Effect.map(ArtifactStore, (inner): ArtifactStoreService => {
    const { getNow: _, ...waiting } = inner
    return troubled(readsNow ? inner : waiting, () => attempt)
  }))
  const stores = Layer.mergeAll(Layer.effect(RunStore, runStore), Layer.provide(artifactStore, MemoryArtifactStore.layer), JsonCodec.layer)
  // Each attempt has a runner of its own, as a process that is begun anew.
  const resumed = Effect.gen(function*() {
    const runner = yield* Runner.Runner
    return yield* forks ? runner.fork(pipelineOf(ledger), "parent", { runId: "torn" }) : runner.run(pipelineOf(ledger), {}, { runId: "torn" })
  }).pipe(Effect.provide(Layer.fresh(Runner.layer)), Effect.exit)

  return Effect.gen(function*() {
    const store = yield* RunStore
    if (forks) {
      attempt = new Attempt({ at: 0, way: "done", operations: [], throwsAt: "epoch 2" })
      yield* Effect.flip(run(pipelineOf(ledger), {}, { runId: "parent" }))
    }
    let met: string | undefined
    let last: Result | undefined
    for (let tries = 0; last === undefined || tries < troubles.length; tries++) {
      if (tries > troubles.length + 3) throw new Error("it does not recover")
      attempt = new Attempt(troubles[tries])
      ledger.isBegun = false
      const exit = yield* resumed
      if (tries === troubles.length - 1) met = attempt.met
      attempt = new Attempt(undefined)
      for (const { address, status } of yield* store.steps("torn")) if (status === "completed") ledger.complete.add(address)
      if (Exit.isSuccess(exit)) {
        last = exit.value
        continue
      }
      if (Cause.hasDies(exit.cause)) ledger.wrong.push(Cause.pretty(exit.cause))
      const { _tag: tag } = Cause.squash(exit.cause) as { readonly _tag: string }
      expect(["StoreError", "OutcomeUnknown", "StepFailed"]).toContain(tag)
      if (tag === "OutcomeUnknown") yield* Resolution.resolve("torn", "pay", tries % 2 === 0 ? { rerun: true } : { failed: true })
    }
    const quiet = Object.assign(new Ledger(), { isBegun: true })
    const whole = yield* run(pipelineOf(quiet), {}, { runId: "whole", rerun: ["load"] })
    expect(yield* ending("torn")).toEqual(yield* ending("whole"))
    expect(last?.outputs).toEqual(whole.outputs)
    expect(last?.metrics).toEqual(whole.metrics)
    expect(ledger.wrong).toEqual([])
    return met
  }).pipe(Effect.provide(Layer.provideMerge(Runner.layer, stores)), Effect.runPromise)
}

/** Lets every operation fail in turn; gives how often each did. */
const everywhere = async (playAt: (at: number) => Promise<string | undefined>): Promise<Record<string, number>> => {
  const times: Record<string, number> = {}
  for (let at = 1;; at++) {
    const met = await playAt(at).catch((cause: unknown) => {
      throw new Error(`where operation ${at} fails`, { cause })
    })
    if (met === undefined) return times
    times[met] = (times[met] ?? 0) + 1
  }
}

it.each(WAYS)("whichever write of a run is %s, it ends as one that was left alone", async (way) => {
  const times = await everywhere((at) => play([{ at, way, operations: WRITES }]))
  expect(times["claim"]).toBe(1)
  expect(times["commit"]).toBeGreaterThan(15)
  expect(times["put"]).toBeGreaterThan(4)
})

it.each(WAYS)("whichever write of a run that is resumed is %s, it ends as one that was left alone", async (way) => {
  const first = { at: 0, way, operations: [], throwsAt: "epoch 2" }
  const times = await everywhere((at) => play([first, { at, way, operations: WRITES }], { readsNow: false }))
  expect(times["commit"]).toBeGreaterThan(8)
})

it.each(WAYS)("whichever write of a fork is %s, it ends as one that was left alone", async (way) => {
  const times = await everywhere((at) => play([{ at, way, operations: WRITES }], { forks: true }))
  expect(times["commit"]).toBeGreaterThan(8)
})

it("whichever read of a run fails that is torn at an item of a map and resumed, it ends as one that was left alone", async () => {
  const first: Trouble = { at: 0, way: "not done", operations: [], throwsAt: "b 1" }
  const times = await everywhere((at) => play([first, { at, way: "not done", operations: READS }], { readsNow: false }))
  expect(Object.keys(times)).toEqual(expect.arrayContaining(["run", "steps", "active", "logs", "series", "chunks", "checkpoints", "artifacts", "blob", "get", "size"]))
})

it("one failure after another, and a completed run that is asked for again while its store fails", async () => {
  for (let at = 1; at < 20; at++) {
    await play([
      { at: at + 5, way: "done", operations: WRITES, throwsAt: "a 1" },
      { at: (at * 7) % 23, way: "not done", operations: WRITES, throwsAt: "epoch 1" },
      { at, way: "lost", operations: WRITES }
    ])
    await play([undefined, { at, way: "not done", operations: [...WRITES, ...READS] }], { readsNow: false })
  }
})
