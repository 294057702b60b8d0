import { describe, expect, it } from "vitest"
import { compare } from "../src/index.ts"
import { active, artifact, attempt, digest, digits, output, run, series, startMs, step } from "./fixtures.ts"

const base = digits("run_1", 0.1, [2.3, 0.9, 0.4], 0.93)
const other = digits("run_2", 0.5, [2.2, 0.1, 0.2], 0.96)

const metric = (comparison: ReturnType<typeof compare>, name: string) => comparison.metrics.find((one) => one.name === name)
const stepOf = (comparison: ReturnType<typeof compare>, name: string) => comparison.steps.find((one) => one.step === name)
const artifactOf = (comparison: ReturnType<typeof compare>, name: string) => comparison.artifacts.find((one) => one.name === name)

describe("runs", () => {
  it("are described by their records, in the order in which they are given", () => {
    const { runs } = compare([
      run("a", { tags: { author: "mia" }, note: "first try", parent: "z", attempts: [attempt("a", { startedAtMs: startMs, endedAtMs: startMs + 500 })] }),
      run("b", { pipeline: "letters", status: "failed", failedStep: "train", error: { name: "Error", message: "it broke" } })
    ])
    expect(runs).toEqual([
      {
        id: "a",
        pipeline: "digits",
        experiment: "digits",
        status: "completed",
        startedAtMs: startMs,
        durationMs: 500,
        durationIsLowerBound: false,
        attempts: 1,
        parent: "z",
        tags: { author: "mia" },
        note: "first try",
        error: undefined
      },
      expect.objectContaining({ id: "b", pipeline: "letters", status: "failed", error: { step: "train", name: "Error", message: "it broke" } })
    ])
  })

  it("took the time of their attempts, without the pauses between them", () => {
    const resumed = run("a", {
      attempts: [
        attempt("a", { startedAtMs: startMs, endedAtMs: startMs + 1_000 }),
        attempt("a", { attempt: 2, startedAtMs: startMs + 3_600_000, endedAtMs: startMs + 3_600_500 })
      ]
    })
    expect(compare([resumed]).runs[0]).toMatchObject({ startedAtMs: startMs, durationMs: 1_500, durationIsLowerBound: false, attempts: 2 })
  })

  it("took at least the time until the last step that a killed attempt recorded", () => {
    const killed = run("a", {
      attempts: [
        attempt("a", { status: "crashed", endedAtMs: null }),
        attempt("a", { attempt: 2, startedAtMs: startMs + 60_000, endedAtMs: startMs + 61_000 })
      ],
      history: [step("load", { startedAtMs: startMs + 200, durationMs: 300 }), step("train", { attempt: 2, startedAtMs: startMs + 60_000 })]
    })
    expect(compare([killed]).runs[0]).toMatchObject({ durationMs: 1_500, durationIsLowerBound: true })
  })

  it("that have just begun have no duration yet", () => {
    const begun = run("a", { status: "running", attempts: [attempt("a", { status: "running", endedAtMs: null })] })
    expect(compare([begun]).runs[0]).toMatchObject({ status: "running", durationMs: undefined, durationIsLowerBound: false })
  })

  it("are needed: at least one", () => {
    expect(() => compare([])).toThrow(expect.objectContaining({ _tag: "InvalidInput" }))
    expect(compare([base]).metrics.every(({ differs }) => !differs)).toBe(true)
  })
})

describe("params", () => {
  it("are lined up by name, with what each run has", () => {
    const { params } = compare([
      run("a", { params: { rate: 0.1, path: "x", nested: { b: 1, a: [1, 2] } } }),
      run("b", { params: { nested: { a: [1, 2], b: 1 }, rate: 0.5, extra: null } })
    ])
    expect(params).toEqual([
      { name: "rate", values: [0.1, 0.5], differs: true },
      { name: "path", values: ["x", undefined], differs: true },
      { name: "nested", values: [{ b: 1, a: [1, 2] }, { a: [1, 2], b: 1 }], differs: false },
      { name: "extra", values: [undefined, null], differs: true }
    ])
  })

  it("named like members of every object are params like any other", () => {
    const params = JSON.parse(`{"__proto__": 1, "constructor": 2}`)
    const comparison = compare([run("a", { params }), run("b")])
    expect(comparison.params.map(({ name, values }) => [name, ...values])).toEqual([["__proto__", 1, undefined], ["constructor", 2, undefined]])
    expect(JSON.parse(JSON.stringify(comparison)).params[0]).toEqual({ name: "__proto__", values: [1, null], differs: true })
  })
})

describe("metrics", () => {
  it("have last, min, max, mean and count, and change against the first run by its goal", () => {
    const comparison = compare([base, other])
    expect(comparison.metrics.map(({ name }) => name)).toEqual(["accuracy", "loss"])
    expect(metric(comparison, "loss")).toEqual({
      name: "loss",
      key: "loss",
      goal: "minimize",
      figure: "last",
      best: [1],
      differs: true,
      values: [
        { step: "train", last: 0.4, min: 0.4, max: 2.3, mean: expect.closeTo(1.2, 10), count: 3, nans: 0, items: undefined, change: undefined },
        {
          step: "train",
          last: 0.2,
          min: 0.1,
          max: 2.2,
          mean: expect.closeTo(2.5 / 3, 10),
          count: 3,
          nans: 0,
          items: undefined,
          change: { delta: -0.2, percent: -50, better: "better" }
        }
      ]
    })
    expect(metric(comparison, "accuracy")).toMatchObject({ goal: "maximize", best: [1], values: [{}, { change: { better: "better" } }] })
    expect(metric(compare([other, base]), "loss")?.values[1]?.change).toMatchObject({ percent: 100, better: "worse" })
  })

  it("that one run does not have are missing there, and nothing is said about their change", () => {
    const comparison = compare([run("a"), other, base])
    expect(metric(comparison, "loss")).toMatchObject({ differs: true, best: [1], values: [undefined, { change: undefined }, { change: undefined }] })
  })

  it("count NaN apart and are not judged by it", () => {
    const comparison = compare([
      run("a", { goals: { loss: "minimize" }, series: [series("train", "loss", [1, Number.NaN, 3])] }),
      run("b", { goals: { loss: "minimize" }, series: [series("train", "loss", [Number.NaN])] })
    ])
    expect(metric(comparison, "loss")).toMatchObject({
      best: [],
      values: [{ last: 3, min: 1, max: 3, mean: 2, count: 3, nans: 1 }, {
        last: Number.NaN,
        min: Number.NaN,
        max: Number.NaN,
        mean: Number.NaN,
        count: 1,
        nans: 1,
        change: { delta: undefined, percent: undefined, better: undefined }
      }]
    })
    const nan = run("a", { series: [series("train", "loss", [Number.NaN])] })
    expect(metric(compare([nan, nan]), "loss")?.differs).toBe(false)
  })

  it("have no goal where runs contradict each other, and one where the others declare none", () => {
    const with_ = (goals: Record<string, "maximize" | "minimize">) => run("a", { goals, series: [series("train", "loss", [1])] })
    expect(compare([with_({ loss: "minimize" }), with_({ loss: "maximize" })]).metrics[0]?.goal).toBeUndefined()
    expect(compare([with_({ loss: "minimize" }), with_({})]).metrics[0]?.goal).toBe("minimize")
    expect(compare([with_({ "train.loss": "minimize", loss: "maximize" })]).metrics[0]?.goal).toBe("minimize")
  })

  it("are named by their step where two steps have the key in any run", () => {
    const one = run("a", { series: [series("train", "loss", [1])] })
    const two = run("b", { series: [series("train", "loss", [2]), series("test", "loss", [3])] })
    const comparison = compare([one, two])
    expect(comparison.metrics.map(({ name, values }) => [name, ...values.map((value) => value?.last)])).toEqual([
      ["train.loss", 1, 2],
      ["test.loss", undefined, 3]
    ])
  })

  it("of one pipeline are never those of another step; those of other pipelines meet under the key", () => {
    const names = (pipeline: string) =>
      compare([run("a", { series: [series("train", "loss", [1])] }), run("b", { pipeline, series: [series("fit", "loss", [2])] })]).metrics
        .map(({ name, values }) => [name, ...values.map((value) => value?.step)])
    expect(names("digits")).toEqual([["train.loss", "train", undefined], ["fit.loss", undefined, "fit"]])
    expect(names("letters")).toEqual([["loss", "train", "fit"]])
  })

  it("of a map's items are one metric of the step, by the mean over their points", () => {
    const items = (id: string, offset: number) =>
      run(id, {
        goals: { "embed.ms": "minimize" },
        history: [step("embed", { address: "embed[x]" }), step("embed", { address: "embed[y]" }), step("embed")],
        series: [series("embed[x]", "ms", [1 + offset, 3 + offset]), series("embed[y]", "ms", [8 + offset]), series("report", "ms", [100])]
      })
    const comparison = compare([items("a", 0), items("b", -1)])
    expect(metric(comparison, "embed.ms")).toMatchObject({
      figure: "mean",
      goal: "minimize",
      best: [1],
      values: [{ last: undefined, min: 1, max: 8, mean: 4, count: 3, items: 2 }, { mean: 3, change: { delta: -1, percent: -25, better: "better" } }]
    })
    expect(metric(comparison, "ms")?.values[0]).toMatchObject({ step: "report", last: 100 })
  })

  it("of steps and keys whose names give the same when joined stay apart", () => {
    const one = run("a", { series: [series("a.b", "c", [1]), series("a", "b.c", [2])] })
    expect(compare([one]).metrics.map(({ values }) => values[0]?.last)).toEqual([1, 2])
  })
})

describe("steps", () => {
  it("have status, decision, reasons and the duration of the execution that made the result", () => {
    const resumed = run("b", {
      history: [
        step("load", { decision: "cached", durationMs: 0, reasons: [{ component: "cache", sourceRun: "run_1" }] }),
        step("train", { durationMs: 2_000 }),
        step("train", { decision: "restored", durationMs: 0, attempt: 2, reasons: [{ component: "match" }], components: null }),
        step("mail", { decision: "skipped", status: "skipped", durationMs: 0, reasons: [{ component: "when" }] })
      ]
    })
    const comparison = compare([run("a", { history: [step("load"), step("train", { durationMs: 1_000 })] }), resumed])
    expect(comparison.steps.map(({ step: name }) => name)).toEqual(["load", "train", "mail"])
    expect(stepOf(comparison, "train")?.values[1]).toEqual({
      status: "completed",
      decision: "restored",
      reasons: [{ component: "match" }],
      attempt: 2,
      durationMs: 2_000,
      change: { delta: 1_000, percent: 100, better: undefined },
      items: undefined,
      error: undefined
    })
    expect(stepOf(comparison, "load")?.values[1]).toMatchObject({ decision: "cached", durationMs: undefined, change: undefined })
    expect(stepOf(comparison, "mail")?.values).toEqual([undefined, expect.objectContaining({ status: "skipped", durationMs: undefined })])
  })

  it("that failed say so, and their time is not compared with that of a step that completed", () => {
    const failed = run("b", { status: "failed", history: [step("train", { status: "failed", output: null, error: { name: "TypeError", message: "no" } })] })
    expect(stepOf(compare([base, failed]), "train")?.values[1]).toMatchObject({
      status: "failed",
      error: { name: "TypeError", message: "no" },
      durationMs: 1_000,
      change: undefined
    })
  })

  it("that are being executed are running; left behind by a run that stopped, interrupted", () => {
    const running = run("b", { status: "running", history: [step("train")], active: [active("train", { attempt: 3 })] })
    expect(stepOf(compare([base, running]), "train")?.values[1]).toMatchObject({ status: "running", decision: undefined, attempt: 3 })
    const stopped = run("c", { status: "interrupted", active: [active("train")] })
    expect(stepOf(compare([base, stopped]), "train")?.values[1]).toMatchObject({ status: "interrupted" })
  })

  it("that are maps count their items", () => {
    const item = (key: string, fields: Partial<ReturnType<typeof step>> = {}) => step("embed", { address: `embed[${key}]`, durationMs: 10, ...fields })
    const mapped = run("a", {
      status: "running",
      history: [
        item("1"),
        item("2"),
        item("2", { decision: "restored", durationMs: 0, components: null }),
        item("3", { decision: "cached", durationMs: 0 }),
        item("4", { status: "failed", output: null })
      ],
      active: [active("embed", { address: "embed[5]" })]
    })
    expect(stepOf(compare([mapped]), "embed")?.values[0]).toMatchObject({
      status: "running",
      items: { total: 5, executed: 1, restored: 1, cached: 1, skipped: 0, failed: 1, active: 1, durationMs: 30 }
    })
  })
})

describe("artifacts", () => {
  it("are the same, differ or are missing, by their digest", () => {
    const comparison = compare([
      run("a", { history: [step("load"), step("train")], artifacts: [artifact("train", "model", "1", 500), artifact("train", "log", "1")] }),
      run("b", { history: [step("load"), step("train", { output: output("other") })], artifacts: [artifact("train", "model", "2")] }),
      run("c", { history: [step("load")] })
    ])
    expect(comparison.artifacts.map(({ against, differs, kind, name }) => ({ name, kind, differs, against }))).toEqual([
      { name: "load", kind: "output", differs: false, against: ["same", "same", "same"] },
      { name: "train", kind: "output", differs: true, against: ["same", "differs", "missing"] },
      { name: "train/model", kind: "named", differs: true, against: ["same", "differs", "missing"] },
      { name: "train/log", kind: "named", differs: true, against: ["same", "missing", "missing"] }
    ])
    expect(artifactOf(comparison, "train/model")?.values[0]).toEqual({
      digest: digest("1"),
      sizeBytes: 500,
      mediaType: "application/octet-stream",
      items: undefined
    })
  })

  it("of a map's items stand together and are the same when each of them is", () => {
    const mapped = (second: string) =>
      run("a", {
        history: [step("draw", { address: "draw[1]" }), step("draw", { address: "draw[2]" }), step("draw")],
        artifacts: [artifact("draw[1]", "plot", "1"), artifact("draw[2]", "plot", second)]
      })
    expect(artifactOf(compare([mapped("2"), mapped("2")]), "draw/plot")).toMatchObject({
      differs: false,
      values: [{ digest: undefined, sizeBytes: 2_000, items: 2 }, {}]
    })
    expect(artifactOf(compare([mapped("2"), mapped("3")]), "draw/plot")).toMatchObject({ differs: true, against: ["same", "differs"] })
    expect(compare([mapped("2")]).artifacts.map(({ name }) => name)).toEqual(["draw", "draw/plot"])
  })

  it("of a step that is executed again do not answer meanwhile", () => {
    const again = run("b", { status: "running", history: [step("train")], active: [active("train")] })
    expect(artifactOf(compare([base, again]), "train")?.against).toEqual(["same", "missing"])
  })
})

describe("code and environment", () => {
  const at = (commit: string, dirty = false) => {
    const one = attempt("a")
    return { ...one, environment: { ...one.environment, git: { commit, dirty } } }
  }

  it("are those of the newest attempt, with the commits of all", () => {
    const moved = run("b", { attempts: [at("aaa"), { ...at("bbb"), attempt: 2 }] })
    const { git } = compare([run("a", { attempts: [at("bbb")] }), moved]).code
    expect(git).toEqual({
      values: [
        { commit: "bbb", branch: undefined, dirty: false, commits: ["bbb"] },
        { commit: "bbb", branch: undefined, dirty: false, commits: ["aaa", "bbb"] }
      ],
      differs: false
    })
  })

  it("of two trees with changed files are not called equal", () => {
    const dirty = run("a", { attempts: [at("aaa", true)] })
    expect(compare([dirty, dirty]).code.git.differs).toBe(true)
  })

  it("tell each step's code version and its kind", () => {
    const version = (code: string, codeKind: "explicit" | "shallow") =>
      run("a", { history: [step("train", { components: { ...step("train").components!, code, codeKind } })] })
    expect(compare([version("1", "explicit"), version("1", "shallow")]).code.steps).toEqual([
      { step: "train", values: [{ version: "1", kind: "explicit" }, { version: "1", kind: "shallow" }], differs: true }
    ])
  })

  it("tell runtime, platform, host, seed and each package", () => {
    const one = attempt("a")
    const elsewhere = run("b", {
      seed: 7,
      attempts: [{ ...one, environment: { ...one.environment, runtime: "bun 2", host: "laptop", packages: { effect: "4.2.0", zod: "5" } } }]
    })
    const { host, packages, platform, runtime, seed } = compare([run("a"), elsewhere, run("c", { attempts: [] })]).environment
    expect([runtime, platform, host, seed]).toEqual([
      { values: ["node 24.21.0", "bun 2", undefined], differs: true },
      { values: ["linux x64", "linux x64", undefined], differs: true },
      { values: ["workbench", "laptop", undefined], differs: true },
      { values: [42, 7, 42], differs: true }
    ])
    expect(packages).toEqual([
      { name: "effect", values: ["4.1.0", "4.2.0", undefined], differs: true },
      { name: "uniflow", values: ["1.0.0", undefined, undefined], differs: true },
      { name: "zod", values: [undefined, "5", undefined], differs: true }
    ])
  })
})

it("what differs can be had alone", () => {
  const { artifacts, code, environment, metrics, params, steps } = compare([base, other]).differing()
  expect(params.map(({ name }) => name)).toEqual(["learningRate"])
  expect(metrics.map(({ name }) => name)).toEqual(["accuracy", "loss"])
  expect(steps.map((one) => one.step)).toEqual(["train"])
  expect(artifacts.map(({ name }) => name)).toEqual(["train", "evaluate", "train/model.onnx"])
  expect([code.steps, environment.packages]).toEqual([[], []])
})
