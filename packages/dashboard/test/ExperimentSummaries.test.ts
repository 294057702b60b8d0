import { pinBaseline } from "@uniflow/compare"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, RunStore, Step, Uniflow } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { afterAll, expect, it } from "vitest"
import { experimentSummaries } from "../src/internal/experimentSummaries.ts"

const fit = Step.make("fit", { version: "1", run: () => Metrics.create({ loss: 1 }) })
const first = Pipeline.make("first", { steps: [fit], goals: { loss: "minimize" } })
const second = Pipeline.make("second", { steps: [fit], goals: { loss: "minimize" } })

const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
afterAll(() => uniflow.close())

it("experiments are read once for as long as their runs stay as they are, and anew for who sees some runs alone", async () => {
  await uniflow.run(first, { runId: "a" })
  await uniflow.run(first, { runId: "b" })
  await uniflow.run(second, { runId: "c" })
  const summariesOf = experimentSummaries()
  let finds = 0
  const read = async (tenant?: string) => {
    finds = 0
    return uniflow.runPromise(Effect.gen(function*() {
      const store = yield* RunStore
      const counted = { ...store, find: (query: Parameters<typeof store.find>[0]) => {
        finds++
        return store.find(query)
      } }
      const where = tenant === undefined ? undefined : { _tag: "Compare", field: { _tag: "Tag", name: "team" }, comparison: "=", value: tenant } as const
      return yield* Effect.provideService(summariesOf(where), RunStore, counted)
    }))
  }
  const annotate = (id: string, note: string) => uniflow.runPromise(Effect.flatMap(RunStore, (store) => store.annotate(id, [{ _tag: "Noted", note }])))

  // Runs made in the same millisecond are in no order that is known here.
  const byName = async () => (await read()).toSorted((one, other) => (one.experiment < other.experiment ? -1 : 1))
  const all = await byName()
  expect(all.map(({ experiment, runs }) => [experiment, runs])).toEqual([["first", 2], ["second", 1]])
  const newest = all[0]!.last.id
  const ofEach = finds / 2
  expect(await byName()).toEqual(all)
  expect(finds).toBe(0)

  // A change that no count tells of: one experiment is read again, the other is not.
  await annotate(newest, "seen")
  expect((await byName()).map(({ last }) => last.note)).toEqual(["seen", null])
  expect(finds).toBe(ofEach)

  await uniflow.runPromise(pinBaseline(newest))
  expect((await byName()).map(({ baseline }) => baseline?.id)).toEqual([newest, undefined])
  await uniflow.run(second, { runId: "d" })
  expect((await byName()).map(({ runs }) => runs)).toEqual([2, 2])
  expect(finds).toBe(ofEach)

  // Removed runs are told of by no change.
  await uniflow.runPromise(Effect.flatMap(RunStore, (store) => store.remove(newest)))
  expect((await byName())[0]).toMatchObject({ runs: 1, last: { id: newest === "a" ? "b" : "a" }, baseline: null })

  expect(await read("other")).toEqual([])
  expect(finds).toBeGreaterThan(0)
})
