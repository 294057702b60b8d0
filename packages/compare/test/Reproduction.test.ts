import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, Step } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"
import { reproduction, type ReproductionOptions, reproductionSide } from "../src/index.ts"

/** What a run depends on beside its code, params and inputs. */
interface World {
  readonly number: number
  readonly items: ReadonlyArray<number>
  readonly points: ReadonlyArray<number>
  readonly report: string
  readonly fails?: string
}

const world: World = { number: 1, items: [1, 2, 3], points: [3, 2, 1], report: "all is well" }

const pipelineIn = ({ fails, items, number, points, report }: World) => {
  const load = Step.make("load", {
    version: "1",
    run: async ({ artifacts, metrics }) => {
      for (const loss of points) metrics.log({ loss })
      await artifacts.put("report.txt", report)
      return items
    }
  })
  const square = Step.map("square", { version: "1", over: load, run: ({ item }) => ({ square: item * item * number }) })
  const sum = Step.make("sum", {
    version: "1",
    inputs: { square },
    run: ({ inputs }) => {
      if (fails !== undefined) throw new Error(fails)
      return inputs.square.length
    }
  })
  return Pipeline.make("line", { steps: [sum] })
}

/** A store of its own, with the run in it. */
const sideOf = (given: World) => {
  const layer = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)))
  return Effect.provide(Effect.gen(function*() {
    const runner = yield* Runner.Runner
    yield* Effect.exit(runner.run(pipelineIn(given), {}, { runId: "a" }))
    return yield* reproductionSide("a")
  }), layer)
}

const reproduced = (now: Partial<World>, options?: ReproductionOptions, before: Partial<World> = {}) =>
  Effect.runPromise(Effect.gen(function*() {
    const found = yield* reproduction(yield* sideOf({ ...world, ...before }), yield* sideOf({ ...world, ...now }), options)
    return { ...found, text: found.toString(), of: Object.fromEntries(found.findings.map(({ difference, name, verdict }) => [name, difference === undefined ? verdict : `${difference.path}: ${difference.old} -> ${difference.new}`])) }
  }))

it("the same run in another store is identical, times and stores aside", async () => {
  const { of, text, verdict } = await reproduced({})
  expect([verdict, of]).toEqual(["identical", { load: "identical", "load.loss": "identical", "load/report.txt": "identical", square: "identical", sum: "identical" }])
  expect(text).toContain("✓ Reproduced: 3 steps, identical to the byte")
  expect(text).toContain("and 2 metrics and artifacts are identical")
})

it("of a map the item that differs is named, and the place in it", async () => {
  const { findings, of, text, verdict } = await reproduced({ number: 1.5 })
  expect(verdict).toBe("different")
  expect(of["square"]).toMatch(/^\[[0-9a-f]{16}\] \$\.square: 1 -> 1\.5$/)
  expect(findings.find(({ name }) => name === "square")!.note).toMatch(/^its code, params and inputs are the same: it depends on something else/)
  expect(of["sum"]).toBe("identical")
  expect(text).toContain("✗ Not reproduced: 1 thing differs, first of them square")
})

it("other items, points and artifacts are told as such", async () => {
  const { findings, of } = await reproduced({ items: [1, 2, 4], points: [3, 2.5], report: "all is lost" })
  expect(of["load"]).toBe("$[2]: 3 -> 4")
  expect(of["load.loss"]).toBe("at index 1: 2 -> 2.5")
  expect(of["load/report.txt"]).toBe("byte 7: 0x77 (of 11 bytes) -> 0x6c (of 11 bytes)")
  expect(findings.find(({ name }) => name === "square")).toMatchObject({ verdict: "different", note: "it went over other items, or in another order" })
  expect((await reproduced({ points: [3, 2] })).of["load.loss"]).toBe("number of points: 3 -> 2")
  expect((await reproduced({ points: [] })).of["load.loss"]).toBe("number of points: 3 -> 0")
  expect((await reproduced({}, {}, { points: [] })).of["load.loss"]).toBe("number of points: 0 -> 3")
})

it("within a tolerance it is reproduced, and the largest deviation is told", async () => {
  const { findings, text, verdict } = await reproduced({ number: 1 + 1e-9, points: [3, 2, 1 + 1e-9] }, { tolerance: 1e-6 })
  expect(verdict).toBe("within tolerance")
  expect(findings.filter((one) => one.verdict === "within tolerance").map(({ name }) => name)).toEqual(["load.loss", "square"])
  expect(text).toContain("numbers deviate by 1e-9 at most")
  expect((await reproduced({ number: 1.1 }, { tolerance: 1e-6 })).verdict).toBe("different")
})

it("a failure is reproduced by the same failure, and by nothing else", async () => {
  expect((await reproduced({ fails: "out of luck" }, {}, { fails: "out of luck" })).verdict).toBe("identical")
  expect((await reproduced({ fails: "another" }, {}, { fails: "out of luck" })).of["sum"]).toMatch(/^error: .*out of luck.* -> .*another/)
  expect((await reproduced({}, {}, { fails: "out of luck" })).of["sum"]).toMatch(/^outcome: failed: .*out of luck.* -> completed$/)
  expect((await reproduced({ fails: "out of luck" })).of["sum"]).toMatch(/^outcome: completed -> failed: .*out of luck/)
})

it("what was not executed is not checked, with the reason; where nothing was, that is the verdict", async () => {
  const some = await reproduced({ number: 2 }, { notExecuted: new Map([["square", "it runs at most once"]]), remarks: ["evil\u001b[2J remark"] })
  expect([some.verdict, some.of["square"]]).toEqual(["identical", "not checked"])
  expect(some.text).toContain("identical to the byte; 1 step could not be checked")
  expect(some.text).toContain("! evil\\x1b[2J remark")
  const none = await reproduced({}, { notExecuted: new Map(["load", "square", "sum"].map((name) => [name, "no"])) })
  expect([none.verdict, none.text.split("\n").at(-1)]).toEqual(["not checked", "? Nothing could be checked"])
})

it("bytes that are gone are different all the same, where cannot be told; with a tolerance they cannot be checked", async () => {
  const large = Array.from({ length: 20_000 }, (_, i) => i)
  const lost = Effect.gen(function*() {
    const before = yield* sideOf({ ...world, items: large })
    return { ...before, value: () => Effect.fail("it is gone"), bytes: () => Effect.fail("it is gone") }
  })
  const found = (tolerance: number) => Effect.runPromise(Effect.gen(function*() {
    const { findings } = yield* reproduction(yield* lost, yield* sideOf({ ...world, items: large.slice(1) }), { tolerance })
    return findings[0]
  }))
  expect(await found(0)).toMatchObject({ verdict: "different", note: "where cannot be told: it is gone" })
  expect(await found(0.1)).toMatchObject({ verdict: "not checked", note: "it is gone" })
})
