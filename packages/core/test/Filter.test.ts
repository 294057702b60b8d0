import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Filter, InvalidInput, LikePattern, Where } from "../src/index.ts"

const NOW = Date.parse("2026-11-26T12:00:00Z")
const parse = (text: string) => Filter.parse(text, NOW)

const refusal = (read: () => unknown): Filter.InvalidFilter => {
  try {
    read()
  } catch (error) {
    expect(error).toMatchObject({ _tag: "InvalidFilter" })
    return error as Filter.InvalidFilter
  }
  return expect.fail("was not refused")
}

describe("the filter language", () => {
  it("and binds closer than or, not closer than both, and brackets closest", () => {
    expect(parse("run.seed = 1 or run.seed = 2 and not run.seed = 3")).toEqual(parse("run.seed = 1 or (run.seed = 2 and (not run.seed = 3))"))
    expect(parse("(run.seed = 1 or run.seed = 2) and run.seed = 3")).toMatchObject({ _tag: "And", filters: [{ _tag: "Or" }, { _tag: "Compare" }] })
  })

  it("knows strings, numbers, dates, durations and the present", () => {
    const value = (text: string) => (parse(text) as Extract<Filter.Filter, { readonly _tag: "Compare" }>).value
    expect(value("params.x = 'it\\'s \\u0041\\n'")).toBe("it's A\n")
    expect(value("params.x = -1.5e-3")).toBe(-0.0015)
    expect(value("params.x = .5")).toBe(0.5)
    expect(value("params.x = true")).toBe(true)
    expect(value("run.duration > 1h30m")).toBe(5_400_000)
    expect(value("run.duration > 1.5s")).toBe(1500)
    expect(value("run.started > 2026-11-01")).toBe(Date.parse("2026-11-01T00:00:00Z"))
    expect(value("run.started > 2026-11-01T10:30")).toBe(Date.parse("2026-11-01T10:30:00Z"))
    expect(value("run.started > 2026-11-01 10:30:15.5+02:00")).toBe(Date.parse("2026-11-01T08:30:15.5Z"))
    expect(value("run.started > now - 7d")).toBe(NOW - 7 * 86_400_000)
    expect(value("run.started > now-7d")).toBe(NOW - 7 * 86_400_000)
    expect(value("run.started <= NOW")).toBe(NOW)
  })

  it("takes names as they are written, and any name in backticks", () => {
    const field = (text: string) => Filter.parseField(text)
    expect(field("params.model.size")).toEqual({ _tag: "Param", path: ["model", "size"] })
    expect(field("params.`model.size`")).toEqual({ _tag: "Param", path: ["model.size"] })
    expect(field("params.learning-rate")).toEqual({ _tag: "Param", path: ["learning-rate"] })
    expect(field("params.layers.0")).toEqual({ _tag: "Param", path: ["layers", "0"] })
    expect(field("metrics.loss.min")).toEqual({ _tag: "Metric", name: "loss", figure: "min" })
    expect(field("metrics.train.loss")).toEqual({ _tag: "Metric", name: "train.loss", figure: "last" })
    expect(field("metrics.`min`")).toEqual({ _tag: "Metric", name: "min", figure: "last" })
    expect(field("metrics.loss.`min`")).toEqual({ _tag: "Metric", name: "loss.min", figure: "last" })
    expect(field("tags.`and or \\` \"`")).toEqual({ _tag: "Tag", name: "and or ` \"" })
    expect(field("run.git.branch")).toEqual({ _tag: "Run", name: "git.branch" })
    // Words of the language may be names.
    expect(parse("params.in in (1) and params.not = 2 and tags.like like 'a%'")).toMatchObject({ _tag: "And" })
  })

  const wrong: ReadonlyArray<readonly [text: string, position: number, issue: RegExp]> = [
    ["", 0, /expected a field/],
    ["params.lr >", 11, /expected a value instead of the end/],
    ["params.lr > > 3", 12, /expected a value instead of ">"/],
    ["params.lr == 3", 10, /write =/],
    ["params.lr = 3 && run.seed = 1", 14, /write and/],
    ["params.lr = small", 12, /text stands in quotes: "small"/],
    ["params.lr = null", 12, /write is null/],
    ["params.lr", 9, /expected a comparison, such as = true/],
    ["param.lr = 3", 0, /write params\./],
    ["lr = 3", 0, /begins with params\. metrics\. tags\. or run\./],
    ["metrics.loss = 'low'", 15, /compared with a number/],
    ["tags.stage = 3", 13, /compared with text in quotes/],
    ["run.started > 3", 14, /compared with a date/],
    ["run.duration > 90", 15, /compared with a duration/],
    ["run.duration > 90 and run.seed = 1", 15, /compared with a duration/],
    ["params.day = 2026-11-01", 13, /put a date in quotes/],
    ["run.started > 2026-02-30", 14, /no such day/],
    ["run.statu = 'failed'", 4, /no field "statu"; it has id, name/],
    ["run.status = 'done'", 13, /no such status; there are pending, running/],
    ["run.git.dirty > true", 16, /no order/],
    ["params.lr is nan", 13, /only a metric can be NaN/],
    ["params.lr is empty", 13, /expected null or nan/],
    ["params.lr in 3", 13, /expected \(/],
    ["params.lr in (1, 2", 18, /expected , or \)/],
    ["(params.lr = 1", 0, /not closed/],
    ["params.lr = 1)", 13, /not expected here/],
    ["params.lr like 3", 15, /pattern in quotes/],
    ["metrics.loss like 'x'", 18, /compared with a number/],
    ["params.x = 'open", 11, /not closed/],
    ["params.x = 'a\\q'", 13, /no escape/],
    ["params.x = 3abc", 11, /neither a number nor a date nor a duration/],
    ["params.x = #", 11, /"#" has no meaning/],
    ["params = 3", 7, /expected \.name after params/],
    ["params. = 3", 8, /name after the dot/]
  ]
  it.each(wrong)("refuses %j and says where", (text, position, issue) => {
    const error = refusal(() => parse(text))
    expect(error.position).toBe(position)
    expect(error.message).toMatch(issue)
    expect(error.message).not.toContain("\n")
  })

  it("is bounded in length, depth and terms", () => {
    expect(refusal(() => parse(`params.x = '${"x".repeat(Filter.LIMITS.length)}'`)).issue).toMatch(/longer than 4096/)
    expect(refusal(() => parse(`${"(".repeat(40)}run.seed = 1${")".repeat(40)}`)).issue).toMatch(/more than 32/)
    expect(refusal(() => parse(Array.from({ length: 201 }, () => "run.seed=1").join(" or "))).issue).toMatch(/more than 200/)
    expect(refusal(() => parse(`run.seed in (${Array.from({ length: 201 }, () => 1).join()})`)).issue).toMatch(/more than 200/)
    expect(refusal(() => parse(`params.x like '${"%a".repeat(200)}'`)).issue).toMatch(/longer than 256/)
  })

  it("an order and a list of columns are read the same way", () => {
    expect(Filter.parseOrder("metrics.accuracy desc, run.started, tags.x ASC")).toEqual([
      { field: { _tag: "Metric", name: "accuracy", figure: "last" }, direction: "desc" },
      { field: { _tag: "Run", name: "started" }, direction: "asc" },
      { field: { _tag: "Tag", name: "x" }, direction: "asc" }
    ])
    expect(refusal(() => Filter.parseOrder("metrics.accuracy down")).position).toBe(17)
    expect(Filter.parseFields("params.a,run.id").map(Filter.fieldText)).toEqual(["params.a", "run.id"])
  })

  it("a filter's text, read again, gives the same filter", () => {
    const name = fc.oneof(fc.constantFrom("x", "learning-rate", "min", "in", "a.b", "`", "\\", "0", "ä"), fc.string({ minLength: 1, maxLength: 6 }))
    const field: fc.Arbitrary<Filter.Field> = fc.oneof(
      fc.array(name, { minLength: 1, maxLength: 3 }).map((path): Filter.Field => ({ _tag: "Param", path: path as [string] })),
      fc.tuple(name, fc.constantFrom<Array<Filter.MetricFigure>>("last", "min", "max", "best")).map(([metric, figure]): Filter.Field => ({ _tag: "Metric", name: metric, figure })),
      name.map((tag): Filter.Field => ({ _tag: "Tag", name: tag })),
      fc.constantFrom<Array<Filter.RunFieldName>>("id", "started", "duration", "git.dirty", "seed").map((run): Filter.Field => ({ _tag: "Run", name: run }))
    )
    const value = (of: Filter.Field): fc.Arbitrary<Filter.FilterValue> => {
      const kind = of._tag === "Tag" ? "text" : of._tag === "Metric" ? "number" : of._tag === "Run" ? Filter.RUN_FIELDS[of.name] : undefined
      const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0)
      if (kind === undefined) return fc.oneof(number, fc.boolean(), fc.string({ unit: "binary", maxLength: 8 }))
      return kind === "text" ? fc.string({ unit: "binary", maxLength: 8 }) : kind === "boolean" ? fc.boolean() : kind === "number" ? number : fc.integer({ min: 0, max: 4e12 })
    }
    const isOrdered = (of: Filter.Field, one: Filter.FilterValue): boolean => typeof one !== "boolean"
    const leaf: fc.Arbitrary<Filter.Filter> = field.chain((of) =>
      fc.oneof(
        fc.tuple(fc.constantFrom<Array<Filter.Comparison>>("=", "!=", "<", "<=", ">", ">="), value(of)).map(([comparison, one]): Filter.Filter => ({ _tag: "Compare", field: of, comparison: isOrdered(of, one) ? comparison : "=", value: one })),
        fc.tuple(fc.array(value(of), { minLength: 1, maxLength: 3 }), fc.boolean()).map(([values, negated]): Filter.Filter => ({ _tag: "In", field: of, values, negated })),
        fc.constant<Filter.Filter>({ _tag: "IsNull", field: of }),
        of._tag === "Param" || of._tag === "Tag"
          ? fc.tuple(fc.string({ unit: fc.constantFrom("%", "_", "\\", "a", "\"", "*") }), fc.boolean()).map(([pattern, negated]): Filter.Filter => ({ _tag: "Like", field: of, pattern, negated }))
          : fc.constant<Filter.Filter>({ _tag: "IsNull", field: of })
      ))
    const { filter } = fc.letrec<{ readonly filter: Filter.Filter }>((tie) => ({
      filter: fc.oneof(
        { depthSize: "small", maxDepth: 5 },
        leaf,
        fc.array(tie("filter"), { minLength: 2, maxLength: 3 }).map((filters): Filter.Filter => ({ _tag: "And", filters })),
        fc.array(tie("filter"), { minLength: 2, maxLength: 3 }).map((filters): Filter.Filter => ({ _tag: "Or", filters })),
        tie("filter").map((one): Filter.Filter => ({ _tag: "Not", filter: one }))
      )
    }))
    fc.assert(fc.property(filter, (one) => {
      const text = Filter.format(one)
      fc.pre(text.length <= Filter.LIMITS.length)
      expect(Filter.parse(text)).toEqual(one)
    }), { numRuns: 1000 })
  })

  it("like means what its pattern says, however many % it has", () => {
    const isLike = (text: string, pattern: string) => LikePattern.isLike(text, LikePattern.piecesOf(pattern))
    expect(isLike("digits-2026", "digits%")).toBe(true)
    expect(isLike("digits-2026", "%26")).toBe(true)
    expect(isLike("100%", "100\\%")).toBe(true)
    expect(isLike("1000", "100\\%")).toBe(false)
    expect(isLike("a\u{1F600}b", "a_b")).toBe(true)
    expect(isLike("", "%")).toBe(true)
    expect(isLike("a".repeat(20_000), `${"%a".repeat(100)}%b`)).toBe(false)
  })
})

describe("filters as objects", () => {
  it("say the same as their text", () => {
    const same = (where: Where.Where, text: string) => expect(Where.toFilter(where)).toEqual(parse(text))
    same({ params: { rate: { ">": 0.01, "<=": 1 } } }, "params.rate > 0.01 and params.rate <= 1")
    same({ params: { model: { size: "small" } } }, "params.model.size = 'small'")
    same({ metrics: { loss: { min: { "<": 0.1 } }, accuracy: { is: "not nan" } } }, "metrics.loss.min < 0.1 and metrics.accuracy is not nan")
    same({ tags: { stage: { in: ["a", "b"] } }, run: { status: "completed", started: { ">": new Date(NOW) }, duration: { ">": "10 minutes" } } },
      "tags.stage in ('a', 'b') and run.status = 'completed' and run.started > now and run.duration > 10m")
    same({ or: [{ run: { id: { like: "a%" } } }, { not: { run: { parent: { is: "null" } } } }] }, "run.id like 'a%' or run.parent is not null")
  })

  it("refuse what has no meaning, with its place", () => {
    const issue = (where: unknown) => {
      try {
        Where.toFilter(where as Where.Where)
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidInput)
        return (error as InvalidInput).message
      }
      return expect.fail("was not refused")
    }
    expect(issue({ metric: { x: 1 } })).toMatch(/where\.metric: is not known; there are params, metrics/)
    expect(issue({ metrics: { x: { "=>": 1 } } })).toMatch(/where\.metrics\.x\["=>"\]: is no operator/)
    expect(issue({ metrics: { x: NaN } })).toMatch(/nothing is equal to NaN/)
    expect(issue({ metrics: { x: "low" } })).toMatch(/compared with a number/)
    expect(issue({ run: { started: { ">": "yesterday" } } })).toMatch(/where\.run\.started\[">"\]: must be a Date/)
    expect(issue({ run: { state: "x" } })).toMatch(/has no such field/)
    expect(issue({ or: {} })).toMatch(/must be a list/)
    expect(issue(null)).toMatch(/must be an object/)
  })
})
