import { Deferred, Effect, Fiber, Layer } from "effect"
import { expect, it } from "vitest"
import { Environment, GarbageCollector, Pipeline, RunStore, snapshot, Step } from "../src/index.ts"
import { failure, layer, run } from "./memory.ts"

const one = Pipeline.make("one", { steps: [Step.make("only", { version: "1", run: () => 1 })] })
const broken = Pipeline.make("broken", { steps: [Step.make("only", { version: "1", run: () => Promise.reject(new Error("no")) })] })

const git = { commit: "a".repeat(40), dirty: true }

/** An environment with a dirty tree, whose patch is as given. */
const dirty = (patch: Effect.Effect<Uint8Array | undefined>, isDirty = true) =>
  Layer.succeed(Environment, {
    capture: Effect.succeed({ git: { ...git, dirty: isDirty }, runtime: "r", platform: "p", host: "h", pid: 1, argv: [], packages: {} }),
    patch: Effect.map(patch, (bytes) => bytes === undefined ? undefined : { bytes, mediaType: "text/patch" }),
    variable: () => undefined,
    isSecret: () => false,
    redact: (text) => text
  })

const on = <A, E>(environment: Layer.Layer<never>, effect: Effect.Effect<A, E, Layer.Success<typeof layer>>) =>
  Effect.runPromise(Effect.provide(effect, Layer.provideMerge(layer, environment)))

const patches = (runId: string) =>
  Effect.gen(function*() {
    const store = yield* RunStore
    const named = (yield* store.artifacts(runId)).filter(({ mediaType }) => mediaType === "text/patch")
    return yield* Effect.forEach(named, ({ attempt, digest, name }) => Effect.map(store.blob(digest), (bytes) => [name, attempt, Buffer.from(bytes ?? []).toString()] as const))
  })

it("each attempt in a dirty tree records its patch, whatever it ends in", async () => {
  let patch = "first"
  await on(dirty(Effect.sync(() => Buffer.from(patch))), Effect.gen(function*() {
    yield* run(one, {}, { runId: "a" })
    expect(yield* patches("a")).toEqual([["patch 1", 1, "first"]])
    yield* failure(broken, {}, { runId: "b" })
    patch = "second"
    yield* failure(broken, {}, { runId: "b" })
    expect(yield* patches("b")).toEqual([["patch 1", 1, "first"], ["patch 2", 2, "second"]])
    // It belongs to no step, is shown as none of its artifacts, and is not collected.
    expect((yield* snapshot("a")).artifacts).toEqual([])
    yield* GarbageCollector.collect({ grace: 0 })
    expect(yield* patches("b")).toHaveLength(2)
  }))
})

it("a step is recorded while the patch is not known yet, and the run does not end before it is", async () => {
  const known = Deferred.makeUnsafe<Uint8Array>()
  await on(dirty(Deferred.await(known)), Effect.gen(function*() {
    const store = yield* RunStore
    const running = yield* Effect.forkChild(run(one, {}, { runId: "a" }), { startImmediately: true })
    while ((yield* store.steps("a")).length === 0) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    expect((yield* store.run("a"))?.status).toBe("running")
    Deferred.doneUnsafe(known, Effect.succeed(Buffer.from("late")))
    yield* Fiber.join(running)
    expect((yield* store.run("a"))?.status).toBe("completed")
    expect(yield* patches("a")).toEqual([["patch 1", 1, "late"]])
  }))
})

it("a clean tree, one without a patch, and one whose patch cannot be had end as ever", async () => {
  for (const [environment, warnings] of [
    [dirty(Effect.die("not asked"), false), 0],
    [dirty(Effect.undefined), 0],
    [dirty(Effect.die("no git")), 1]
  ] as const) {
    await on(environment, Effect.gen(function*() {
      const result = yield* run(one, {}, { runId: "a" })
      expect([result.status, result.warnings.length]).toEqual(["completed", warnings])
      expect(yield* patches("a")).toEqual([])
    }))
  }
})
