import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Pipeline, Retention, RunStore, Step } from "../src/index.ts"
import { begin, layer, makeGate, run } from "./memory.ts"

const pipeline = Pipeline.make("p", { steps: [Step.make("a", { version: "1", run: () => 1 })] })
const failing = Pipeline.make("f", { steps: [Step.make("a", { version: "1", run: (): number => { throw new Error("no") } })] })

/** Runs a pipeline once a day. */
const daily = (...ids: ReadonlyArray<string>) =>
  Effect.forEach(ids, (id) =>
    Effect.andThen(
      Effect.ignore(id.startsWith("bad") ? run(failing, {}, { runId: id, experiment: "e" }) : run(pipeline, {}, { runId: id, experiment: id.startsWith("other") ? "other" : "e" })),
      TestClock.adjust("1 day")
    ), { discard: true })

const idsOf = ({ removed }: Retention.Pruned): ReadonlyArray<string> => removed.map(({ id }) => id)
const left = Effect.flatMap(RunStore, (store) => Effect.map(store.runs({ limit: 100 }), (runs) => runs.map(({ id }) => id)))

describe("retention", () => {
  it.effect("keepLast keeps the newest of each experiment; a dry run says so and removes nothing", () =>
    Effect.gen(function*() {
      yield* daily("a", "other-1", "b", "c", "other-2")
      const dry = yield* Retention.prune({ keepLast: 2 }, { dryRun: true })
      expect(dry.removed).toMatchObject([{ id: "a", experiment: "e", why: "not among the newest 2 of its experiment" }])
      expect(yield* left).toHaveLength(5)
      expect(yield* Retention.prune({ keepLast: 2 })).toEqual(dry)
      expect(yield* left).toEqual(["other-2", "c", "b", "other-1"])
      expect(idsOf(yield* Retention.prune({ keepLast: 0 }, { experiment: "other" }))).toEqual(["other-2", "other-1"])
    }).pipe(Effect.provide(layer)))

  it.effect("olderThan keeps what ended since, and both together keep what either keeps", () =>
    Effect.gen(function*() {
      yield* daily("a", "b", "c", "d")
      expect(idsOf(yield* Retention.prune({ olderThan: "3 days" }, { dryRun: true }))).toEqual(["b", "a"])
      expect(idsOf(yield* Retention.prune({ olderThan: "3 days", keepLast: 3 }, { dryRun: true }))).toEqual(["a"])
      expect(idsOf(yield* Retention.prune({ olderThan: "1 hour", keepLast: 4 }, { dryRun: true }))).toEqual([])
    }).pipe(Effect.provide(layer)))

  it.effect("failed removes runs that failed, and they do not count among the newest then", () =>
    Effect.gen(function*() {
      yield* daily("a", "b", "bad-1", "bad-2")
      expect(idsOf(yield* Retention.prune({ keepLast: 2 }, { dryRun: true }))).toEqual(["b", "a"])
      expect(idsOf(yield* Retention.prune({ keepLast: 2, failed: "36 hours" }, { dryRun: true }))).toEqual(["bad-1"])
      expect((yield* Retention.prune({ failed: 0 })).removed).toMatchObject([{ id: "bad-2", why: "failed 1 d ago" }, { id: "bad-1", why: "failed 2 d ago" }])
      expect(yield* left).toEqual(["b", "a"])
    }).pipe(Effect.provide(layer)))

  it.effect("what is tagged keep, a baseline, and the parent of a fork that is not completed stay", () =>
    Effect.gen(function*() {
      yield* daily("tagged", "baseline", "parent", "parent-of-done", "free")
      const store = yield* RunStore
      yield* store.annotate("tagged", [{ _tag: "Tagged", tags: { keep: "" } }])
      yield* store.annotate("baseline", [{ _tag: "Tagged", tags: { "uniflow.baseline": "yes" } }])
      for (const [id, parent, status] of [["fork", "parent", "failed"], ["done", "parent-of-done", "completed"]] as const) {
        const original = (yield* store.run(parent))!
        yield* store.restore({ run: { ...original, id, parent, status, experiment: "forks" }, attempts: [], steps: [], active: [], checkpoints: [], artifacts: [], series: [], logs: [] }, [])
      }
      expect(idsOf(yield* Retention.prune({ keepLast: 0 }, { experiment: "e" }))).toEqual(["free", "parent-of-done"])
    }).pipe(Effect.provide(layer)))

  it.effect("a run under way stays, and so does one that is tagged between being judged and being removed", () =>
    Effect.gen(function*() {
      const gate = makeGate()
      const waiting = Pipeline.make("w", { steps: [Step.make("a", { version: "1", run: () => gate.wait() })] })
      yield* daily("a", "b")
      const fiber = yield* begin(waiting, {}, { runId: "live" })
      yield* gate.arrived
      const store = yield* RunStore
      const tagging: typeof store = {
        ...store,
        remove: (id) => Effect.andThen(store.annotate("a", [{ _tag: "Tagged", tags: { keep: "" } }]), store.remove(id))
      }
      expect(idsOf(yield* Effect.provideService(Retention.prune({ keepLast: 0, failed: 0 }), RunStore, tagging))).toEqual(["b"])
      expect((yield* left).toSorted()).toEqual(["a", "live"])
      gate.open()
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(layer)))

  it.effect("rules that are none are refused", () =>
    Effect.gen(function*() {
      for (const rules of [{}, { keepLast: -1 }, { keepLast: 1.5 }, { keepLast: NaN }, { olderThan: "soon" as "1 day" }, { failed: -5 }]) {
        expect((yield* Effect.flip(Retention.prune(rules)))._tag).toBe("InvalidInput")
      }
    }).pipe(Effect.provide(layer)))
})
