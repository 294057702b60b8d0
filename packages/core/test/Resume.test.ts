import { expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import { CodeVersion, Pipeline, Runner, RunStore, snapshot, Step, Uniflow } from "../src/index.ts"
import { decisions, ending, failure, layer, run, stores } from "./memory.ts"

/** load -> double -> sum, beside an independent count; notes what ran. */
const arithmetic = (options: { readonly ran?: Array<string>; readonly version?: string; readonly factor?: number; readonly broken?: string } = {}) => {
  const ran = options.ran ?? []
  const note = <A>(name: string, value: A): A => {
    ran.push(name)
    if (options.broken === name) throw new Error(`${name} broke`)
    return value
  }
  const load = Step.make("load", { version: "1", params: { size: Schema.Number }, run: ({ params }) => note("load", Array.from({ length: params.size }, (_, i) => i)) })
  const double = Step.make("double", {
    version: options.version ?? "1",
    inputs: { rows: load },
    params: { factor: Schema.Number },
    run: async ({ inputs, params }) => note("double", inputs.rows.map((row) => row * params.factor))
  })
  const sum = Step.make("sum", { version: "1", inputs: { rows: double }, run: ({ inputs }) => Effect.sync(() => note("sum", inputs.rows.reduce((a, b) => a + b, 0))) })
  const count = Step.make("count", { version: "1", inputs: { rows: load }, run: ({ inputs }) => note("count", inputs.rows.length) })
  return Pipeline.make("arithmetic", { steps: [sum, count] })
}
const params = { size: 4, factor: 2 }

it.effect("runs without an id get their own, which sort by time", () =>
  Effect.gen(function*() {
    const first = yield* run(arithmetic(), params)
    const second = yield* run(arithmetic(), params)
    expect(first.id).not.toBe(second.id)
    expect(first.id.slice(0, 15)).toBe("19700101-000000")
    expect(second.decisions.load.decision).toBe("executed")
  }).pipe(Effect.provide(layer)))

it("last-failed is asked for by name, and says which run it chose", async () => {
  const uniflow = Uniflow.make(layer)
  await uniflow.run(arithmetic(), { runId: "fine", params })
  await expect(uniflow.run(arithmetic(), { resume: "last-failed", params })).rejects.toMatchObject({ _tag: "RunNotFound" })
  await expect(uniflow.run(arithmetic({ broken: "sum" }), { runId: "torn", params })).rejects.toMatchObject({ _tag: "StepFailed" })
  await uniflow.run(arithmetic(), { runId: "later", params })
  const resumed = await uniflow.run(arithmetic(), { resume: "last-failed", params })
  expect(resumed.id).toBe("torn")
  expect(resumed.decisions.sum.decision).toBe("executed")
  await uniflow.close()
})

it.effect("the same id with other params, another pipeline or another seed is an error that names them, and changes nothing", () =>
  Effect.gen(function*() {
    yield* run(arithmetic(), params, { runId: "r" })
    const store = yield* RunStore
    const before = yield* store.run("r")
    const other = yield* failure(arithmetic(), { size: 5, factor: 3 }, { runId: "r" })
    expect(other).toMatchObject({ _tag: "RunParamsChanged", changes: [{ param: "factor", was: "2", is: "3" }, { param: "size", was: "4", is: "5" }].reverse() })
    expect(other.message).toContain("size was 4, is 5")
    expect(other.message).toContain("Start a new run under another id")
    const alone = Pipeline.make("alone", { steps: [Step.make("load", { version: "1", run: () => 1 })] })
    expect((yield* failure(alone, {}, { runId: "r" })).message).toContain("belongs to pipeline \"arithmetic\"")
    expect((yield* failure(arithmetic(), params, { runId: "r", seed: 7 })).message).toContain("seed was 0, is 7")
    expect(yield* store.run("r")).toEqual(before)
  }).pipe(Effect.provide(layer)))

it.effect("a completed run asked for again executes nothing, and every step is marked restored with its result", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const first = yield* run(arithmetic({ ran }), params, { runId: "r" })
    const again = yield* run(arithmetic({ ran }), params, { runId: "r" })
    expect(ran.length).toBe(4)
    expect(decisions(again).sort()).toEqual(["count restored", "double restored", "load restored", "sum restored"])
    expect({ ...again.outputs }).toEqual({ ...first.outputs })
    expect(again.attempt).toBe(2)
    expect(again.decisions.sum.reasons).toEqual([{ component: "match" }])
    const seen = yield* snapshot("r")
    expect(seen.attempts.map(({ status }) => status)).toEqual(["completed", "completed"])
    expect(seen.run.status).toBe("completed")
  }).pipe(Effect.provide(layer)))

it.effect("only a step whose fingerprint differs, and what reads its changed output, is executed, as a new generation", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(arithmetic(), params, { runId: "r" })
    const again = yield* run(arithmetic({ ran, version: "2" }), params, { runId: "r" })
    expect(ran).toEqual(["double"])
    expect(again.decisions.double).toMatchObject({ decision: "executed", reasons: [{ component: "code", old: "1", new: "2" }] })
    // The same bytes came out, so what reads them stays as it was.
    expect(again.decisions.sum.decision).toBe("restored")
    const states = (yield* snapshot("r")).steps
    expect(Object.fromEntries(states.map(({ address, outcome }) => [address, outcome.generation]))).toEqual({ load: 1, double: 2, sum: 1, count: 1 })
  }).pipe(Effect.provide(layer)))

it.effect("an earlier generation answers again when the code goes back to it", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    for (const version of ["1", "2", "1"]) yield* run(arithmetic({ ran, version }), params, { runId: "r" })
    expect(ran.filter((name) => name === "double").length).toBe(2)
    expect((yield* snapshot("r")).steps.find(({ address }) => address === "double")?.outcome.generation).toBe(1)
  }).pipe(Effect.provide(layer)))

it.effect("a failed step is executed again and is never reused; the steps that were done are restored", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const error = yield* failure(arithmetic({ ran, broken: "sum" }), params, { runId: "r" })
    expect(error).toMatchObject({ _tag: "StepFailed", runId: "r", step: "sum", cause: { message: "sum broke" }, error: undefined })
    const failed = yield* snapshot("r")
    expect(failed.run).toMatchObject({ status: "failed", failedStep: "sum", error: { name: "StepFailed", cause: { name: "Error", message: "sum broke" } } })
    expect(failed.steps.find(({ address }) => address === "sum")?.record).toMatchObject({ status: "failed", output: null, error: { message: "sum broke" } })
    yield* failure(arithmetic({ ran, broken: "sum" }), params, { runId: "r" })
    const resumed = yield* run(arithmetic({ ran }), params, { runId: "r" })
    expect(ran.toSorted()).toEqual(["count", "double", "load", "sum", "sum", "sum"])
    expect(resumed.outputs.sum).toBe(12)
    expect(resumed.decisions.sum.reasons).toEqual([{ component: "failed", note: "sum broke" }])
    expect((yield* RunStore.pipe(Effect.flatMap((store) => store.run("r"))))).toMatchObject({ status: "completed", error: null, failedStep: null })
  }).pipe(Effect.provide(layer)))

it.effect("a resumed run ends as one that never failed", () =>
  Effect.gen(function*() {
    yield* run(arithmetic(), params, { runId: "whole" })
    for (const broken of ["load", "double", "sum"]) yield* failure(arithmetic({ broken }), params, { runId: "torn" })
    yield* run(arithmetic(), params, { runId: "torn" })
    expect(yield* ending("torn")).toEqual(yield* ending("whole"))
  }).pipe(Effect.provide(layer)))

it.effect("strict refuses before anything is executed, and names every step that would run again", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(arithmetic(), params, { runId: "r" })
    const before = yield* snapshot("r")
    const error = yield* failure(arithmetic({ ran, version: "2" }), params, { runId: "r", mode: "strict" })
    expect(error).toMatchObject({ _tag: "StrictMismatch", steps: [{ step: "double", because: "code" }] })
    expect(ran).toEqual([])
    expect(yield* snapshot("r")).toEqual(before)
    const same = yield* run(arithmetic({ ran }), params, { runId: "r", mode: "strict" })
    expect(same.decisions.double.decision).toBe("restored")
    // Steps that never came to an outcome may run.
    yield* failure(arithmetic({ broken: "sum" }), params, { runId: "torn" })
    yield* run(arithmetic({ ran }), params, { runId: "torn", mode: "strict" })
    expect(ran).toEqual(["sum"])
  }).pipe(Effect.provide(layer)))

it.effect("strict refuses on reaching it what could not be known before", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const make = (offset: number, broken: boolean) => {
      const first = Step.make("first", {
        version: "1",
        run: () => {
          if (broken) throw new Error("no")
          return offset
        }
      })
      const second = Step.make("second", { version: "1", inputs: { first }, run: ({ inputs }) => ran.push("second") && inputs.first })
      return Pipeline.make("p", { steps: [second] })
    }
    yield* run(make(1, false), {}, { runId: "r" })
    yield* failure(make(1, true), {}, { runId: "r", rerun: ["first"] })
    yield* run(make(1, false), {}, { runId: "r" })
    // `first` is executed because it is asked for; that `second` does not answer then, is seen when it is reached.
    const error = yield* failure(make(2, false), {}, { runId: "r", mode: "strict", rerun: ["first"] })
    expect(error).toMatchObject({ _tag: "StrictMismatch", steps: [{ step: "second", because: "input first" }] })
    expect(ran).toEqual(["second"])
  }).pipe(Effect.provide(layer)))

it.effect("trust reuses by name, says so, and what it reused answers for nobody else", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(arithmetic(), params, { runId: "r" })
    const trusted = yield* run(arithmetic({ ran, version: "2" }), params, { runId: "r", mode: "trust" })
    expect(ran).toEqual([])
    expect(trusted.decisions.double).toMatchObject({
      decision: "restored",
      reasons: [{ component: "trusted", note: "reused by name" }, { component: "code", old: "1", new: "2" }]
    })
    const record = (yield* snapshot("r")).steps.find(({ address }) => address === "double")!
    expect(record.record.trusted).toBe(true)
    expect(record.record.fingerprint).toBe(record.outcome.fingerprint)
    const auto = yield* run(arithmetic({ ran, version: "2" }), params, { runId: "r" })
    expect(ran).toEqual(["double"])
    expect(auto.decisions.double.decision).toBe("executed")
    // With both at hand the one that matches is taken.
    const exact = yield* run(arithmetic({ ran, version: "1" }), params, { runId: "r", mode: "trust" })
    expect(exact.decisions.double.reasons).toEqual([{ component: "match" }])
  }).pipe(Effect.provide(layer)))

it.effect("a dry run tells what would happen and does nothing", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const runner = yield* Runner.Runner
    const planOf = (pipeline: ReturnType<typeof arithmetic>, options?: Runner.RunOptions) =>
      Effect.map(runner.plan(pipeline, params, { runId: "r", ...options }), ({ steps }) => Object.fromEntries(steps.map(({ action, dependsOn, step }) => [step.name, dependsOn ?? action])))
    expect(yield* planOf(arithmetic({ ran }))).toEqual({ load: "execute", double: "execute", sum: "execute", count: "execute" })
    expect(yield* RunStore.pipe(Effect.flatMap((store) => store.run("r")))).toBeUndefined()
    yield* run(arithmetic(), params, { runId: "r" })
    expect(yield* planOf(arithmetic({ ran }))).toEqual({ load: "restore", double: "restore", sum: "restore", count: "restore" })
    expect(yield* planOf(arithmetic({ ran, version: "2" }))).toEqual({ load: "restore", double: "execute", sum: "double", count: "restore" })
    expect(yield* planOf(arithmetic({ ran }), { rerun: ["load"] })).toEqual({ load: "execute", double: "load", sum: "double", count: "load" })
    expect(ran).toEqual([])
  }).pipe(Effect.provide(layer)))

it.effect("rerun executes a step that would answer, and an unknown name is refused", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(arithmetic(), params, { runId: "r" })
    const again = yield* run(arithmetic({ ran }), params, { runId: "r", rerun: ["load"] })
    expect(ran).toEqual(["load"])
    expect(again.decisions.load.reasons).toEqual([{ component: "rerun", note: "asked for" }])
    expect((yield* failure(arithmetic(), params, { runId: "r", rerun: ["laod"] })).message).toContain("no step \"laod\" (it has: load, double, sum, count)")
  }).pipe(Effect.provide(layer)))

it.effect("undefined outputs, skipped branches and empty results are checkpointed like any other", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const make = () => {
      const nothing = Step.make("nothing", { version: "1", run: () => void ran.push("nothing") })
      const empty = Step.make("empty", { version: "1", run: () => (ran.push("empty"), [] as Array<number>) })
      const each = Step.map("each", { version: "1", over: empty, run: ({ item }) => item })
      const maybe = Step.make("maybe", {
        version: "1",
        inputs: { nothing },
        when: ({ inputs }) => (ran.push("when"), inputs.nothing !== undefined),
        run: () => ran.push("maybe")
      })
      const after = Step.make("after", { version: "1", inputs: { maybe, each }, run: ({ inputs }) => (ran.push("after"), [inputs.maybe === undefined, inputs.each.length]) })
      return Pipeline.make("p", { steps: [after] })
    }
    const first = yield* run(make(), {}, { runId: "r" })
    expect(first.outputs).toEqual({ nothing: undefined, empty: [], each: [], maybe: undefined, after: [true, 0] })
    expect(first.decisions.maybe).toMatchObject({ decision: "skipped", reasons: [{ component: "when", note: "said no" }, { component: "first" }] })
    expect(ran).toEqual(expect.arrayContaining(["nothing", "empty", "when", "after"]))
    ran.length = 0
    const again = yield* run(make(), {}, { runId: "r" })
    expect(ran).toEqual([])
    expect(again.outputs).toEqual(first.outputs)
    expect(Object.values(again.decisions).map(({ decision }) => decision)).toEqual(["restored", "restored", "restored", "restored", "restored"])
  }).pipe(Effect.provide(layer)))

it.effect("a step whose code cannot be seen is executed every time, and says why", () =>
  Effect.gen(function*() {
    let ran = 0
    const unseen = Pipeline.make("p", { steps: [Step.make("unseen", { run: () => ++ran })] })
    yield* run(unseen, {}, { runId: "r" })
    const again = yield* run(unseen, {}, { runId: "r" })
    expect(ran).toBe(2)
    expect(again.decisions.unseen.reasons[0]).toEqual({ component: "code", note: "its code cannot be seen here; give the step a version" })
  }).pipe(Effect.provide(layer)))

it.effect("a shallow version answers only while the project's sources are the same, and the reason says which of both changed", () => {
  let ran = 0
  const shown = (text: string, project: string) =>
    Runner.layer.pipe(Layer.provide(Layer.succeed(CodeVersion, { of: () => Effect.succeed({ kind: "shallow" as const, text, project }) })))
  const pipeline = Pipeline.make("p", { steps: [Step.make("step", { run: () => ++ran })] })
  const runWith = (text: string, project: string) => run(pipeline, {}, { runId: "r" }).pipe(Effect.provide(shown(text, project)))
  return Effect.gen(function*() {
    yield* runWith("a", "p1")
    expect((yield* runWith("a", "p1")).decisions.step.decision).toBe("restored")
    expect((yield* runWith("a", "p2")).decisions.step.reasons[0]).toMatchObject({ component: "code", old: "p1", new: "p2" })
    expect((yield* runWith("b", "p2")).decisions.step.reasons[0]?.note).toContain("the step's function changed")
    expect(ran).toBe(3)
  }).pipe(Effect.provide(stores))
})

it.effect("resume takes the recorded params, and a run that is not there is said so", () =>
  Effect.gen(function*() {
    const runner = yield* Runner.Runner
    expect(yield* Effect.flip(runner.resume(arithmetic(), "r"))).toMatchObject({ _tag: "RunNotFound" })
    yield* failure(arithmetic({ broken: "sum" }), params, { runId: "r" })
    const resumed = yield* runner.resume(arithmetic(), "r")
    expect(resumed.outputs.sum).toBe(12)
    expect(resumed.params).toEqual(params)
  }).pipe(Effect.provide(layer)))

it.effect("one failing step lets what runs finish and be kept; nothing new is begun", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    let release: () => void = () => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    const slow = Step.make("slow", { version: "1", run: async () => (await released, ran.push("slow"), 1) })
    const after = Step.make("after", { version: "1", inputs: { slow }, run: () => ran.push("after") })
    const broken = Step.make("broken", {
      version: "1",
      run: async () => {
        release()
        throw new Error("no")
      }
    })
    const pipeline = Pipeline.make("p", { steps: [after, broken] })
    expect(yield* failure(pipeline, {}, { runId: "r" })).toMatchObject({ _tag: "StepFailed", step: "broken" })
    expect(ran).toEqual(["slow"])
    expect((yield* snapshot("r")).steps.map(({ address, record }) => `${address} ${record.status}`).sort()).toEqual(["broken failed", "slow completed"])
  }).pipe(Effect.provide(layer)))

it.effect("a step that waits for its turn is not begun after another has failed", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const broken = Step.make("broken", { version: "1", run: () => Promise.reject(new Error("no")) })
    const waiting = Step.make("waiting", { version: "1", run: () => ran.push("waiting") })
    const list = Step.make("list", { version: "1", run: () => [1, 2] })
    const each = Step.map("each", { version: "1", over: list, run: () => ran.push("item") })
    yield* failure(Pipeline.make("p", { steps: [broken, waiting, each] }), {}, { runId: "r", concurrency: 1 })
    expect(ran).toEqual([])
  }).pipe(Effect.provide(layer)))

it.effect("what was thrown may be anything, and the record tells it as well as it can", () =>
  Effect.gen(function*() {
    const hostile = Object.defineProperty({}, "message", {
      get: () => {
        throw new Error("gotcha")
      }
    })
    const throwing = Object.defineProperty(new Error(), "message", {
      get: () => {
        throw new Error("gotcha")
      }
    })
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    const thrown: ReadonlyArray<readonly [unknown, string]> = [
      ["a text", "a text"],
      [undefined, "undefined"],
      [null, "null"],
      [17n, "17"],
      [Symbol("s"), "Symbol(s)"],
      [Object.freeze(new Error("frozen")), "frozen"],
      [{ code: 7 }, "{\"code\":7}"],
      [cyclic, "something that cannot be shown"],
      [hostile, "{}"],
      [throwing, "something that cannot be shown"],
      [new Error("outer", { cause: new Error("inner") }), "outer"]
    ]
    for (const [at, [value, message]] of thrown.entries()) {
      for (const how of ["throws", "rejects", "fails"] as const) {
        const step = Step.make("step", {
          version: "1",
          run: (): unknown => {
            if (how === "throws") throw value
            return how === "rejects" ? Promise.reject(value) : Effect.fail(value)
          }
        })
        const runId = `r_${at}_${how}`
        const error = yield* failure(Pipeline.make("p", { steps: [step] }), {}, { runId })
        expect(error._tag).toBe("StepFailed")
        if (error._tag !== "StepFailed") return
        expect(error.cause).toBe(value)
        expect(error.error).toBe(how === "fails" ? value : undefined)
        expect(error.message).toContain(runId)
        const { error: stored } = (yield* snapshot(runId)).steps[0]!.record
        expect(stored?.message).toBe(message)
      }
    }
  }).pipe(Effect.provide(layer)))

it.effect("what `files` or `when` throws, and a step that interrupts itself, fail as steps that are named", () =>
  Effect.gen(function*() {
    const files = Step.make("files", {
      version: "1",
      files: () => {
        throw new Error("no files")
      },
      run: () => 1
    })
    const when = Step.make("when", { version: "1", when: () => Promise.reject(new Error("no answer")), run: () => 1 })
    const self = Step.make("self", { version: "1", run: () => Effect.interrupt })
    const dies = Step.make("dies", { version: "1", run: () => Effect.die(new Error("defect")) })
    for (const [step, message] of [[files, "no files"], [when, "no answer"], [self, "interrupted itself"], [dies, "defect"]] as const) {
      const error = yield* failure(Pipeline.make("p", { steps: [step] }), {}, { runId: step.name })
      expect(error).toMatchObject({ _tag: "StepFailed", step: step.name, error: undefined })
      expect(error.message).toContain(message)
      expect((yield* snapshot(step.name)).run).toMatchObject({ status: "failed", failedStep: step.name })
    }
    expect((yield* snapshot("when")).steps[0]?.record).toMatchObject({ status: "failed", error: { message: "no answer" } })
  }).pipe(Effect.provide(layer)))

it.effect("a value that cannot be saved fails its step with the path inside the value", () =>
  Effect.gen(function*() {
    const step = Step.make("model", { version: "1", run: () => ({ layers: [1, { activation: () => 1 }] }) })
    const error = yield* failure(Pipeline.make("p", { steps: [step] }), {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "UnsavableValue", path: "$.layers[1].activation" })
    expect(error.message).toContain("Output of step \"model\"")
    expect((yield* snapshot("r")).run.status).toBe("failed")
  }).pipe(Effect.provide(layer)))

it.effect("a run id from outside is checked", () =>
  Effect.gen(function*() {
    for (const runId of ["", "../up", "a b", "-x", "x".repeat(129), "a\u0000"]) {
      expect((yield* failure(arithmetic(), params, { runId }))._tag).toBe("InvalidInput")
    }
    expect(Exit.isSuccess(yield* Effect.exit(run(arithmetic(), params, { runId: "x".repeat(128) })))).toBe(true)
  }).pipe(Effect.provide(layer)))
