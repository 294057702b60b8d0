import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, RunStore, Step, Uniflow } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { afterAll, expect, it } from "vitest"
import { runSummaries } from "../src/internal/runSummaries.ts"

const fit = Step.make("fit", { version: "1", run: () => Metrics.create({ loss: 1 }) })
const line = Pipeline.make("line", { steps: [fit] })

const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
afterAll(() => uniflow.close())

it("summaries are read once for as long as the run stays as it is, and anew for who sees some runs alone", async () => {
  await uniflow.run(line, { runId: "a" })
  await uniflow.run(line, { runId: "b" })
  let finds = 0
  const summariesOf = runSummaries()
  const read = (ids: ReadonlyArray<string>, tenant?: string) =>
    uniflow.runPromise(Effect.gen(function*() {
      const store = yield* RunStore
      const counted = { ...store, find: (query: Parameters<typeof store.find>[0]) => {
        finds++
        return store.find(query)
      } }
      const where = tenant === undefined ? undefined : { _tag: "Compare", field: { _tag: "Tag", name: "team" }, comparison: "=", value: tenant } as const
      return yield* Effect.provideService(summariesOf(ids, where), RunStore, counted)
    }))
  expect((await read(["b", "a"])).map(({ metrics, run }) => [run.id, metrics.length])).toEqual([["b", 1], ["a", 1]])
  expect((await read(["a"])).map(({ run }) => run.id)).toEqual(["a"])
  expect(finds).toBe(1)
  await uniflow.runPromise(Effect.flatMap(RunStore, (store) => store.annotate("a", [{ _tag: "Noted", note: "seen" }])))
  expect((await read(["a", "b"])).map(({ run }) => run.note)).toEqual(["seen", null])
  expect(finds).toBe(2)
  await expect(read(["a"], "other")).rejects.toThrow()
  expect(finds).toBe(3)
  await expect(read(["a", "gone"])).rejects.toThrow()
})
