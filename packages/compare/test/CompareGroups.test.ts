import { assert, describe, it } from "@effect/vitest"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, snapshot, Step } from "@uniflow/core"
import { Effect, Layer, Schema } from "effect"
import {
  baselineOf,
  baselineText,
  compareAgainst,
  compareGroups,
  compareMeasured,
  type GroupComparison,
  parseBaseline,
  pinBaseline,
  type RunGroup
} from "../src/index.ts"

const layer = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)))

const train = Step.make("train", {
  version: "1",
  params: { rate: Schema.Number, noise: Schema.Number, fail: Schema.optionalKey(Schema.Boolean) },
  run: ({ params, metrics }) => {
    if (params.fail === true) throw new Error("no luck")
    for (const step of [3, 2, 1]) metrics.log({ loss: step / params.rate + params.noise }, { index: 3 - step })
    return Metrics.create({ accuracy: Number.isNaN(params.noise) ? 0 : params.rate + params.noise, steps: 3 })
  }
})
const digits = Pipeline.make("digits", { steps: [train], goals: { accuracy: "maximize", loss: "minimize" } })

const NOISE = [0.011, -0.004, 0.007, -0.013, 0.002]

/** Five repeats under each of two rates, one that failed, and one of another pipeline. */
const recorded = Effect.gen(function*() {
  const runner = yield* Runner.Runner
  for (const rate of [1, 2]) {
    for (const [seed, noise] of NOISE.entries()) yield* runner.run(digits, { rate, noise: noise * rate }, { runId: `r${rate}-${seed}`, seed })
  }
  yield* Effect.exit(runner.run(digits, { rate: 2, noise: 0, fail: true }, { runId: "failed" }))
  return runner
})

const verdicts = ({ metrics }: GroupComparison) => metrics.map(({ groups, name }) => [name, groups.at(-1)?.against?.judgement?.verdict])

const comparing = (program: Effect.Effect<void, unknown, Layer.Success<typeof layer>>) => Effect.provide(program, layer) as Effect.Effect<void>

describe("groups of runs", () => {
  it.effect("are found, parted by a param, and judged by the goals; what is not completed is left out and named", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      const comparison = yield* compareGroups({ pipeline: digits, groupBy: "params.rate" })
      assert.deepStrictEqual(comparison.groups.map(({ name, runs }) => [name, runs.length]), [["1", 5], ["2", 5]])
      assert.deepStrictEqual(comparison.leftOut, [{ id: "failed", because: "failed" }])
      assert.deepStrictEqual(verdicts(comparison), [["accuracy", "better"], ["loss", "better"], ["steps", undefined]])
      const accuracy = comparison.metrics[0]!
      assert.strictEqual(accuracy.groups[0]!.n, 5)
      assert.closeTo(accuracy.groups[0]!.mean, 1.0006, 1e-12)
      const against = accuracy.groups[1]!.against!
      assert.closeTo(against.difference, 1.0006, 1e-12)
      assert.closeTo(against.percent!, 100, 1e-9)
      // Two metrics with a goal: the least p of five against five, doubled.
      assert.closeTo(against.judgement!.p, 2 / 252, 1e-15)
      assert.closeTo(against.judgement!.adjustedP, 4 / 252, 1e-15)
      assert.isTrue(against.interval!.low > 0 && against.interval!.high < 2)
    })))

  it.effect("can be lists, and be compared pair by pair: five pairs are too few for two verdicts, and it says how many are enough", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      const lists = { groups: [1, 2].map((rate) => ({ name: `rate ${rate}`, runs: NOISE.map((_, seed) => `r${rate}-${seed}`) })) }
      const comparison = yield* compareGroups({ ...lists, pairBy: "run.seed" })
      const { judgement, pairs } = comparison.metrics[0]!.groups[1]!.against!
      assert.strictEqual(pairs, 5)
      assert.deepStrictEqual([judgement!.verdict, judgement!.because, judgement!.repeatsNeeded], ["inconclusive", "too few repeats", 7])
      const one = yield* compareGroups({ ...lists, pairBy: "run.seed", metrics: ["accuracy"] })
      assert.strictEqual(one.metrics[0]!.groups[1]!.against!.judgement!.repeatsNeeded, 6)
    })))

  it.effect("three against three are too few for any verdict, and four would do", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      const lists = [1, 2].map((rate) => ({ name: `${rate}`, runs: [0, 1, 2].map((seed) => `r${rate}-${seed}`) }))
      const { metrics } = yield* compareGroups({ groups: lists, metrics: ["accuracy"] })
      assert.deepInclude(metrics[0]!.groups[1]!.against!.judgement!, { verdict: "inconclusive", because: "too few repeats", repeatsNeeded: 4, p: 0.1 })
    })))

  it.effect("what is within chance is inconclusive, with the repeats that would decide it", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      const groups = [{ name: "a", runs: ["r1-0", "r1-1"] }, { name: "b", runs: ["r1-2", "r1-3", "r1-4"] }]
      const few = (yield* compareGroups({ groups, metrics: ["accuracy"] })).metrics[0]!.groups[1]!.against!.judgement!
      assert.strictEqual(few.because, "too few repeats")
      const measured: ReadonlyArray<RunGroup> = [["a", 0], ["b", 0.3]].map(([name, shift]) => ({
        name: name as string,
        runs: [0, 1, 2, 3, 4, 5].map((id) => ({ id: `${name}${id}`, durationMs: undefined, pair: undefined })),
        metrics: [{ name: "x", step: "s", key: "x", goal: "minimize" as const, items: false, values: [0, 1, 2, 3, 4, 5].map((value) => ({ last: value + (shift as number), min: 0, max: 0, mean: 0 })) }]
      }))
      const judged = compareMeasured(measured).metrics[0]!.groups[1]!.against!.judgement!
      assert.deepInclude(judged, { verdict: "inconclusive", because: "chance" })
      // power.t.test(delta = 0.3, sd = sd(0:5), power = 0.8)$n of R is 611.4.
      assert.isAtMost(Math.abs(judged.repeatsNeeded! - 612), 2)
    })))

  it.effect("another value of each run, a metric without a goal and the duration can be judged by name", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      const comparison = yield* compareGroups({ pipeline: digits, groupBy: "params.rate", metrics: ["loss.max", "loss.best", "train.steps", "run.duration"] })
      assert.deepStrictEqual(comparison.metrics.map(({ figure, name }) => [name, figure]), [["loss", "max"], ["loss", "min"], ["steps", "last"], ["run.duration", "last"]])
      assert.closeTo(comparison.metrics[0]!.groups[0]!.mean, 3.0006, 1e-12)
      assert.strictEqual(comparison.metrics[2]!.groups[1]!.against!.judgement!.verdict, "inconclusive")
      const noGoal = yield* compareGroups({ groups: [{ name: "a", runs: ["r1-0", "r1-1", "r1-2", "r1-3"] }, { name: "b", runs: ["r2-0", "r2-1", "r2-2", "r2-3"] }], metrics: ["steps", "accuracy"] })
      assert.deepStrictEqual(verdicts(noGoal), [["steps", "inconclusive"], ["accuracy", "inconclusive"]])
    })))

  it.effect("the pinned baseline's group is the baseline, and a named one before it", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      yield* pinBaseline("r2-3")
      const by = { pipeline: digits, groupBy: "params.rate" } as const
      assert.deepStrictEqual((yield* compareGroups(by)).groups.map(({ name }) => name), ["2", "1"])
      assert.deepStrictEqual((yield* compareGroups({ ...by, baseline: "1" })).groups.map(({ name }) => name), ["1", "2"])
    })))

  it.effect("NaN is no value like others: there is no verdict, and it is counted", () =>
    comparing(Effect.gen(function*() {
      const runner = yield* recorded
      yield* runner.run(digits, { rate: 2, noise: Number.NaN }, { runId: "diverged", seed: 9 })
      const { metrics } = yield* compareGroups({ pipeline: digits, groupBy: "params.rate" })
      assert.strictEqual(metrics[1]!.groups[1]!.notFinite, 1)
      assert.deepInclude(metrics[1]!.groups[1]!.against!.judgement!, { verdict: "inconclusive", because: "not finite", repeatsNeeded: undefined })
    })))

  it.effect("what cannot be compared is refused in words", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      const issue = (options: Parameters<typeof compareGroups>[0]) => Effect.map(Effect.flip(compareGroups(options)), (error) => error.message)
      assert.include(yield* issue({ groupBy: "params.missing" }), "none of the completed runs that were found (10) has params.missing")
      assert.include(yield* issue({ groupBy: "params.rate", where: "params.rate = 1" }), "the completed runs that were found (5) are of one group by params.rate (1)")
      assert.include(yield* issue({ groupBy: "metrics.loss" as never }), "cannot be parted by metrics.loss")
      assert.include(yield* issue({ groupBy: "params.rate", baseline: "3" }), "The groups are: 1, 2")
      assert.include(yield* issue({ groupBy: "params.rate", metrics: ["acuracy"] }), "There are: accuracy, loss, steps, run.duration")
      assert.include(yield* issue({ groupBy: "params.rate", pairBy: "params.rate" }), "a pair needs one run of each group")
      assert.include(yield* issue({ groupBy: "params.rate", confidence: 95 }), "confidence must be a number from 0.5")
      assert.include(yield* issue({ groups: [{ name: "a", runs: ["r1-0"] }, { name: "b", runs: ["r1-0"] }] }), "stands in the groups twice")
      assert.include(yield* issue({ groups: [{ name: "a", runs: ["r1-0"] }, { name: "b", runs: ["failed"] }] }), "group \"b\" has no run")
      assert.include(yield* issue({ groups: [{ name: "a", runs: ["nobody"] }] }), "nobody")
      assert.include(yield* issue({ groupBy: "params.rate >" as never }), "The list of fields cannot be read at")
    })))
})

describe("a baseline file", () => {
  it.effect("gives back the figures that were written, and runs are compared with it", () =>
    comparing(Effect.gen(function*() {
      yield* recorded
      const file = baselineOf(yield* Effect.forEach(NOISE, (_, seed) => snapshot(`r1-${seed}`)), 0)
      const read = parseBaseline(baselineText(file), "baseline.json")
      assert.deepStrictEqual(read, file)
      const runs = NOISE.map((_, seed) => `r2-${seed}`)
      const comparison = yield* compareAgainst({ baseline: read, runs: [...runs, "failed"] })
      const direct = yield* compareGroups({ groups: [{ name: "baseline", runs: NOISE.map((_, seed) => `r1-${seed}`) }, { name: "current", runs }] })
      assert.deepStrictEqual(comparison.metrics, direct.metrics)
      assert.deepStrictEqual(comparison.leftOut, [{ id: "failed", because: "failed" }])
      assert.strictEqual((yield* compareAgainst({ baseline: read, runs, pairBy: "run.seed" })).metrics[0]!.groups[1]!.against!.pairs, 5)
    })))

  it.effect("keeps NaN, and is made of completed runs", () =>
    comparing(Effect.gen(function*() {
      const runner = yield* recorded
      yield* runner.run(digits, { rate: 2, noise: Number.NaN }, { runId: "diverged" })
      const file = parseBaseline(baselineText(baselineOf([yield* snapshot("diverged")], 0)), "b.json")
      assert.strictEqual(file.metrics[1]!.values[0]!.last, "NaN")
      const failed = yield* snapshot("failed")
      assert.throws(() => baselineOf([failed], 0), /is failed; a baseline is made of completed runs/)
      assert.throws(() => baselineOf([], 0), /at least one run/)
    })))

  it("that is none is refused with its name and what is wrong", () => {
    for (const [text, message] of [
      ["{", /b\.json: it is not JSON/],
      ["[]", /b\.json: it is not a baseline/],
      ["{\"format\":\"uniflow-baseline\",\"version\":2}", /has version 2; this uniflow reads version 1/],
      [baselineText({ format: "uniflow-baseline", version: 1, pipeline: null, writtenAt: "", runs: [], metrics: [] }), /has no run/],
      [
        baselineText({ format: "uniflow-baseline", version: 1, pipeline: null, writtenAt: "", runs: [{ id: "a", seed: 0, commit: null, durationMs: null }], metrics: [{ name: "x", step: "s", key: "x", goal: null, items: false, values: [] }] }),
        /has 1 runs, and 0 values of x/
      ]
    ] as const) assert.throws(() => parseBaseline(text, "b.json"), message)
  })
})
