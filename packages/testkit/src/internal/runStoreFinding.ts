import { compareKeys, Filter, type FoundRun, lookupOf, matches, type SeriesSummary, PointChunk } from "@uniflow/core"
import { Effect } from "effect"
import * as fc from "fast-check"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStorePlace } from "../RunStoreSuite.ts"
import { environment, newRun, type Process, processOf, recorded, work } from "./runStoreFixtures.ts"

const summary = (last: number, min = last, max = last): SeriesSummary => ({ ...PointChunk.emptySummary, count: 1, last, min, max })

const points = (address: string, key: string, generation: number, of: SeriesSummary) =>
  ({ _tag: "PointsWritten", series: { address, generation, key }, chunks: [], summary: of }) as const

const idsOf = (store: Process["store"], where: string, orderBy = "run.id", limit = 1000) =>
  Effect.map(store.find({ where: Filter.parse(where), orderBy: Filter.parseOrder(orderBy), limit }), (found) => found.map(({ run }) => run.id))

/** Values that differ little, so that comparisons and orders meet equal ones. */
const number = fc.constantFrom(-1.5, 0, 0.1, 0.30000000000000004, 1, 2, 1e300, 5e-324)
const word = fc.constantFrom("", "a", "A", "ab", "a%b", "ä", "\u{1F600}", "\uFFFD", "x".repeat(70) + "1", "x".repeat(70) + "2", "a\0b", "\uD800", "*?[")
const param: fc.Arbitrary<unknown> = fc.oneof(number, word, fc.boolean(), fc.constant(null), fc.constant([1]), fc.record({ a: number, "b/c": word }, { requiredKeys: [] }))
const figure = fc.oneof(number, fc.constantFrom(NaN, Infinity, -Infinity))

const runArbitrary = fc.record({
  params: fc.dictionary(fc.constantFrom("p", "q", "o", "a.b", "__proto__"), param, { maxKeys: 4, noNullPrototype: true }),
  tags: fc.dictionary(fc.constantFrom("t", "u.v"), word, { maxKeys: 2, noNullPrototype: true }),
  metrics: fc.array(fc.tuple(fc.constantFrom("s", "s2", "s.m", "s[1]"), fc.constantFrom("m", "n", "m.n"), fc.tuple(figure, figure, figure)), { maxLength: 5 }),
  pipeline: fc.constantFrom("one", "two"),
  experiment: fc.constantFrom("one", "Other"),
  parent: fc.constantFrom(null, "run-0"),
  createdAtMs: fc.integer({ min: 1000, max: 1004 }),
  goals: fc.constantFrom<FoundRun["run"]["goals"]>({}, { m: "maximize" }, { "s.m": "minimize", m: "maximize" }),
  end: fc.constantFrom<Array<"completed" | "failed" | "interrupted" | undefined>>(undefined, "completed", "failed", "interrupted"),
  git: fc.constantFrom(undefined, { commit: "abc", dirty: false }, { commit: "abd", branch: "main", dirty: true })
})

const fieldText = fc.constantFrom(
  "params.p", "params.q", "params.o", "params.o.a", "params.o.`b/c`", "params.`a.b`", "params.__proto__", "tags.t", "tags.`u.v`", "metrics.m", "metrics.n", "metrics.m.min",
  "metrics.s.m", "metrics.s.m.n", "metrics.`m.n`.max", "metrics.m.best", "run.id", "run.pipeline", "run.experiment", "run.parent", "run.created", "run.ended", "run.duration",
  "run.status", "run.seed", "run.git", "run.git.branch", "run.git.dirty", "run.failedStep"
)

const field = fieldText.map((text) => Filter.parseField(text))

const literal = (of: Filter.Field): fc.Arbitrary<Filter.FilterValue> =>
  of._tag === "Param"
    ? fc.oneof(number, word, fc.boolean())
    : of._tag === "Metric"
    ? number
    : of._tag === "Tag"
    ? word
    : of.name === "git.dirty"
    ? fc.boolean()
    : of.name === "created" || of.name === "ended" || of.name === "duration" || of.name === "seed"
    ? fc.constantFrom(0, 7, 999, 1000, 1002, 2000)
    : fc.constantFrom("run-1", "run-3", "one", "Other", "abc", "main", "completed", "failed")

const comparison = (of: Filter.Field): fc.Arbitrary<Filter.Filter> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constantFrom<Array<Filter.Comparison>>("=", "!=", "<", "<=", ">", ">="), literal(of)).map(([sign, value]): Filter.Filter => ({ _tag: "Compare", field: of, comparison: sign, value })) },
    fc.tuple(fc.array(literal(of), { minLength: 1, maxLength: 3 }), fc.boolean()).map(([values, negated]): Filter.Filter => ({ _tag: "In", field: of, values, negated })),
    fc.tuple(fc.constantFrom("%", "a%", "_", "%a", "%\\%%", "_%_", "run-_", "*", "%[%", "%o%e%"), fc.boolean()).map(([pattern, negated]): Filter.Filter => ({ _tag: "Like", field: of, pattern, negated })),
    fc.constant<Filter.Filter>({ _tag: "IsNull", field: of }),
    fc.constant<Filter.Filter>(of._tag === "Metric" ? { _tag: "IsNaN", field: of } : { _tag: "IsNull", field: of })
  )

const filter: fc.Arbitrary<Filter.Filter> = fc.letrec<{ readonly filter: Filter.Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    field.chain(comparison),
    fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((filters): Filter.Filter => ({ _tag: "And", filters })),
    fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((filters): Filter.Filter => ({ _tag: "Or", filters })),
    tie("filter").map((one): Filter.Filter => ({ _tag: "Not", filter: one }))
  )
})).filter

const order = fc.array(fc.record({ field, direction: fc.constantFrom<Array<"asc" | "desc">>("asc", "desc") }), { minLength: 1, maxLength: 2 })

/** Makes a run as it is described, and tells what a search should know of it. */
const made = Effect.fnUntraced(function*(process: Process, id: string, of: (typeof runArbitrary) extends fc.Arbitrary<infer A> ? A : never) {
  const { createdAtMs, experiment, goals, metrics, parent, params, pipeline, tags } = of
  const { commit, end } = yield* work(process, id, {
    create: newRun(id, { createdAtMs, experiment, goals, params: params as FoundRun["run"]["params"], parent, pipeline, tags }),
    environment: { ...environment, ...(of.git === undefined ? {} : { git: of.git }) }
  })
  for (const [address, key, [last, min, max]] of metrics) yield* commit(points(address, key, 1, summary(last, min, max)))
  if (of.end !== undefined) yield* end({ status: of.end, endedAtMs: createdAtMs + 1000 })
})

export const findPromises = (promised: Promised<RunStorePlace>, cases: number): void => {
  promised("runs are found by params, metrics, tags, Git and their own fields", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "one", {
        create: newRun("one", { params: { rate: 0.1, model: { size: "small", layers: [1] }, on: true, note: null }, tags: { stage: "final" }, goals: { loss: "minimize" } }),
        environment: { ...environment, git: { commit: "abc", branch: "main", dirty: true } }
      })
      yield* one.commit(points("train", "loss", 1, summary(0.3, 0.1, 0.9)), points("evaluate", "accuracy", 1, summary(0.9)))
      yield* one.end({ endedAtMs: 61_000 })
      const two = yield* work(a, "two", { create: newRun("two", { params: { rate: 0.5, model: { size: "large" }, on: 1 }, experiment: "other", parent: "one" }) })
      yield* two.commit(points("train", "loss", 1, summary(NaN)), points("evaluate", "loss", 1, summary(1)), points("evaluate", "accuracy", 1, summary(NaN)), points("map[1]", "inner", 1, summary(1)))
      const answers: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
        ["params.rate > 0.05", ["one", "two"]],
        ["params.rate > 0.1", ["two"]],
        ["params.rate = 0.1", ["one"]],
        ["params.rate = \"0.1\"", []],
        ["params.rate != \"0.1\"", ["one", "two"]],
        ["params.model.size in (\"large\", \"huge\")", ["two"]],
        ["params.model.size not in (\"large\")", ["one"]],
        ["params.model.size like \"%ll\"", ["one"]],
        ["params.model is not null and params.model.layers is not null", ["one"]],
        ["params.model.layers != 1", []],
        ["params.on = true", ["one"]],
        ["params.on = 1", ["two"]],
        ["params.note is null", ["one", "two"]],
        ["tags.stage = \"final\"", ["one"]],
        ["tags.stage != \"final\"", []],
        ["not tags.stage = \"final\"", ["two"]],
        ["metrics.loss < 1", ["one"]],
        ["metrics.loss is null", ["two"]],
        ["metrics.train.loss is nan", ["two"]],
        ["metrics.train.loss != 7", ["one"]],
        ["metrics.evaluate.loss = 1", ["two"]],
        ["metrics.loss.min = 0.1 and metrics.loss.max = 0.9 and metrics.loss.last = 0.3 and metrics.loss.best = 0.1", ["one"]],
        ["metrics.accuracy is nan", ["two"]],
        ["metrics.accuracy < 5 or metrics.accuracy >= 5", ["one"]],
        ["metrics.accuracy.best is null", ["one", "two"]],
        ["metrics.inner is not null", []],
        ["run.status = \"completed\"", ["one"]],
        ["run.status in (\"running\", \"failed\")", ["two"]],
        ["run.duration >= 1m", ["one"]],
        ["run.duration is null", ["two"]],
        ["run.experiment = \"other\"", ["two"]],
        ["run.parent = \"one\"", ["two"]],
        ["run.parent is null", ["one"]],
        ["run.git like \"ab%\"", ["one"]],
        ["run.git.branch = \"main\" and run.git.dirty = true", ["one"]],
        ["run.git.dirty = false", []],
        ["run.created = 1970-01-01T00:00:00.500Z", ["one", "two"]],
        ["run.created < 1970-01-01", []],
        ["run.id = \"two\" or run.name = \"one\"", ["one", "two"]]
      ]
      for (const [where, expected] of answers) expect(yield* idsOf(a.store, where), where).toStrictEqual(expected)
      const [found] = yield* a.store.find({ where: Filter.parse("run.id = \"one\""), limit: 10 })
      expect(found).toMatchObject({ git: { commit: "abc", branch: "main", dirty: true }, sortKey: { values: [500], id: "one" } })
      expect(found?.run).toStrictEqual(yield* a.store.run("one"))
      expect(found?.metrics).toStrictEqual([
        { address: "evaluate", key: "accuracy", generation: 1, last: 0.9, min: 0.9, max: 0.9 },
        { address: "train", key: "loss", generation: 1, last: 0.3, min: 0.1, max: 0.9 }
      ])
    }))

  promised("sorting puts what is missing and NaN last in both directions, ties by id", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      for (const [id, value] of [["a", 2], ["b", NaN], ["c", 1], ["d", undefined], ["e", 2]] as const) {
        const { commit } = yield* work(a, id, { create: newRun(id, { params: { mixed: id === "a" ? "text" : id === "c" ? true : id === "d" ? null : 5 } }) })
        if (value !== undefined) yield* commit(points("s", "m", 1, summary(value)))
      }
      expect(yield* idsOf(a.store, "run.id != \"\"", "metrics.m")).toStrictEqual(["c", "a", "e", "b", "d"])
      expect(yield* idsOf(a.store, "run.id != \"\"", "metrics.m desc")).toStrictEqual(["e", "a", "c", "d", "b"])
      expect(yield* idsOf(a.store, "run.id != \"\"", "params.mixed")).toStrictEqual(["c", "b", "e", "a", "d"])
      expect(yield* idsOf(a.store, "run.id != \"\"", "params.mixed desc, run.id")).toStrictEqual(["b", "e", "c", "a", "d"])
    }))

  promised("metrics are those of the generation that was recorded, or logged points, last", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const first = yield* work(a)
      yield* first.commit(points("train", "loss", 1, summary(1)), points("train", "extra", 1, summary(5)), recorded("run-1", 1))
      yield* first.end({ status: "failed" })
      const is = (loss: number | undefined, extra: number | undefined) =>
        Effect.gen(function*() {
          const [found] = yield* a.store.find({ limit: 1 })
          expect(Object.fromEntries(found!.metrics.map(({ key, last }) => [key, last]))).toStrictEqual({ ...(extra === undefined ? {} : { extra }), ...(loss === undefined ? {} : { loss }) })
        })
      yield* is(1, 5)
      const second = yield* work(a)
      yield* second.commit(points("train", "loss", 2, summary(2)))
      yield* is(2, undefined)
      yield* second.commit({ _tag: "GenerationCleared", address: "train", generation: 2 })
      yield* is(undefined, undefined)
      yield* second.commit(recorded("run-1", 2, { decision: "restored", generation: 1, attempt: 2 }))
      yield* is(1, 5)
      yield* second.commit(points("train", "loss", 2, summary(3)), recorded("run-1", 3, { generation: 2, attempt: 2 }))
      yield* is(3, undefined)
      yield* second.commit({ _tag: "PointsCut", series: { address: "train", generation: 2, key: "loss" }, fromChunk: 0 })
      yield* is(undefined, undefined)
    }))

  promised("a search follows tags, Git of newer attempts, and removal", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { end } = yield* work(a, "run-1", { environment: { ...environment, git: { commit: "abc", branch: "main", dirty: false } } })
      yield* end({ status: "failed" })
      yield* a.store.annotate("run-1", [{ _tag: "Tagged", tags: { x: "1", y: "2" } }])
      yield* a.store.annotate("run-1", [{ _tag: "Tagged", tags: { x: null, y: "3" } }])
      expect(yield* idsOf(a.store, "tags.x is null and tags.y = \"3\" and run.git = \"abc\"")).toStrictEqual(["run-1"])
      const again = yield* work(a, "run-1", { environment: { ...environment, git: { commit: "abd", dirty: false } } })
      expect(yield* idsOf(a.store, "run.git = \"abd\" and run.git.branch is null")).toStrictEqual(["run-1"])
      yield* again.end()
      yield* a.store.annotate("run-1", [{ _tag: "AnsweredAgain", attempts: 2, environment, atMs: 5, records: [] }])
      expect(yield* idsOf(a.store, "run.git is null and run.attempts = 3")).toStrictEqual(["run-1"])
      yield* a.store.remove("run-1")
      expect(yield* idsOf(a.store, "run.id != \"\"")).toStrictEqual([])
      yield* work(a, "run-1", { create: newRun("run-1", { params: {} }) })
      expect(yield* idsOf(a.store, "params.rate is null and tags.y is null and run.git is null")).toStrictEqual(["run-1"])
    }))

  promised("any filter finds what its meaning says, in any order, page by page", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const [given] = fc.sample(fc.array(runArbitrary, { minLength: 30, maxLength: 30 }), { numRuns: 1, seed: cases })
      for (const [n, one] of given!.entries()) yield* made(a, `run-${n}`, one)
      const all = yield* a.store.find({ limit: 1000 })
      expect(all).toHaveLength(30)
      const lookups = new Map(all.map((one) => [one.run.id, lookupOf(one)]))
      for (const [where, orderBy, limit] of fc.sample(fc.tuple(filter, order, fc.integer({ min: 1, max: 9 })), { numRuns: cases * 10, seed: cases })) {
        const expected = [...lookups].filter(([, lookup]) => matches(where, lookup)).map(([id]) => id)
        const text = Filter.format(where)
        const found: Array<FoundRun> = []
        while (true) {
          const page = yield* a.store.find({ where, orderBy, limit, after: found.at(-1)?.sortKey })
          found.push(...page)
          if (page.length < limit) break
        }
        expect(found.map(({ run }) => run.id).toSorted(), text).toStrictEqual(expected.toSorted())
        const whole = yield* a.store.find({ where, orderBy, limit: 1000 })
        expect(whole.map(({ run }) => run.id), text).toStrictEqual(found.map(({ run }) => run.id))
        const compare = compareKeys(orderBy)
        for (const [n, one] of found.entries()) if (n > 0) expect(compare(found[n - 1]!.sortKey, one.sortKey), `${text}: ${one.run.id}`).toBeLessThan(0)
      }
    }))
}
