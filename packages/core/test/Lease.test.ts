import { it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { Lease, ProcessIdentity, type RunRecord } from "../src/index.ts"

const holder = { nonce: "other", host: "elsewhere", pid: 1, bootId: "", pidNamespace: "", processStart: "", sinceMs: 0 }
const run = (fields: Partial<RunRecord> = {}): RunRecord => ({
  id: "run", pipeline: "p", experiment: "p", params: {}, seed: 0, parent: null, tags: {}, goals: {}, createdAtMs: 0, status: "running", note: null, error: null,
  failedStep: null, startedAtMs: 0, endedAtMs: null, attempts: 1, crashes: 0, token: 1, holder, heartbeat: 1, heartbeatMonotonicMs: 0, leaseMs: 15_000,
  cancelRequested: false, revision: 1, ...fields
})

/** Waits for a run as `read` tells it. */
const waitFor = (read: () => RunRecord | undefined) => Effect.forkChild(Lease.untilLetGo(Effect.sync(read)), { startImmediately: true })

it.effect("a run of another machine is waited for as long as its heart beats, and for one lease after", () =>
  Effect.gen(function*() {
    let heartbeat = 1
    const waiting = yield* waitFor(() => run({ heartbeat }))
    for (; heartbeat < 10; heartbeat++) yield* TestClock.adjust(5_000)
    yield* TestClock.adjust(14_000)
    expect(waiting.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust(6_000)
    expect(yield* Fiber.join(waiting)).toMatchObject({ token: 1, heartbeat: 10 })
  }))

it.effect("a run that ends, or was removed, is waited for no longer than a quarter of a second", () =>
  Effect.gen(function*() {
    for (const end of [run({ holder: null, status: "completed" }), undefined]) {
      let now: RunRecord | undefined = run()
      const waiting = yield* waitFor(() => now)
      yield* TestClock.adjust(10_000)
      now = end
      yield* TestClock.adjust(250)
      expect(waiting.pollUnsafe()).toBeDefined()
      expect(yield* Fiber.join(waiting)).toEqual(end)
    }
  }))

it.effect("a run whose holder is known to be dead is not waited for; one that dies, a second at most, and its process is looked at once a second", () =>
  Effect.gen(function*() {
    let life: "alive" | "dead" = "dead"
    let looks = 0
    const sees = { self: { ...holder, bootId: "boot", nonce: "self" }, look: () => Effect.sync(() => (looks++, life)), monotonicMs: () => 0 }
    const waited = Lease.untilLetGo(Effect.sync(() => run({ holder: { ...holder, bootId: "boot" } }))).pipe(Effect.provideService(ProcessIdentity, sees))
    expect(yield* waited).toMatchObject({ id: "run" })
    life = "alive"
    looks = 0
    const waiting = yield* Effect.forkChild(waited, { startImmediately: true })
    yield* TestClock.adjust(10_000)
    expect(waiting.pollUnsafe()).toBeUndefined()
    expect(looks).toBeLessThanOrEqual(11)
    life = "dead"
    yield* TestClock.adjust(1_250)
    expect(waiting.pollUnsafe()).toBeDefined()
  }))
