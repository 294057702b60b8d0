import { expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type InvalidPipeline, Pipeline, Step } from "../src/index.ts"
import { layer, run } from "./memory.ts"

const issuesOf = (make: () => unknown): string => {
  try {
    make()
    return "nothing"
  } catch (error) {
    return (error as InvalidPipeline).message
  }
}
const a = Step.make("a", { version: "1", run: () => 1 })

it("steps above the listed ones are included by themselves, each once and after what it reads", () => {
  const b = Step.make("b", { version: "1", inputs: { a }, run: () => 2 })
  const c = Step.make("c", { version: "1", inputs: { a, b }, run: () => 3 })
  const each = Step.map("each", { version: "1", over: Step.make("list", { version: "1", run: () => [1] }), inputs: { c }, run: () => 4 })
  expect(Pipeline.make("p", { steps: [each, b, c] }).steps.map(({ name }) => name)).toEqual(["list", "a", "b", "c", "each"])
})

it("a circle is refused with the names of its steps", () => {
  const b = Step.make("b", { version: "1", inputs: { a }, run: () => 2 })
  const c = Step.make("c", { version: "1", inputs: { b }, run: () => 3 })
  // It cannot be written: an input has to be there before the step that reads it.
  Object.assign(b.definition.inputs, { c })
  expect(issuesOf(() => Pipeline.make("p", { steps: [c] }))).toContain("Steps read each other in a circle: c <- b <- c")
})

it("two different steps of one name are refused, the same step listed twice is not", () => {
  const other = Step.make("a", { version: "1", run: () => 1 })
  const reads = Step.make("reads", { version: "1", inputs: { other }, run: () => 1 })
  expect(issuesOf(() => Pipeline.make("p", { steps: [a, reads] }))).toContain("Two different steps are named \"a\"")
  expect(Pipeline.make("p", { steps: [a, a] }).steps.length).toBe(1)
})

it("a param that steps declare differently is refused with its name and theirs; declared alike it is one", () => {
  const x = Step.make("x", { version: "1", params: { lr: Schema.Number }, run: () => 1 })
  const y = Step.make("y", { version: "1", params: { lr: Schema.Number.check(Schema.isGreaterThan(0)) }, run: () => 1 })
  const z = Step.make("z", { version: "1", params: { lr: Schema.Number.check(Schema.isGreaterThan(0)) }, run: () => 1 })
  const w = Step.make("w", { version: "1", params: { lr: Schema.Number.check(Schema.isGreaterThan(1)) }, run: () => 1 })
  expect(issuesOf(() => Pipeline.make("p", { steps: [x, y] }))).toContain("Steps \"x\" and \"y\" declare param \"lr\" differently")
  expect(issuesOf(() => Pipeline.make("p", { steps: [w, z] }))).toContain("declare param \"lr\" differently")
  expect(Object.keys(Pipeline.make("p", { steps: [y, z] }).params)).toEqual(["lr"])
})

it("an input or a listed step that is undefined is refused with what to look for", () => {
  const later = undefined as never
  expect(issuesOf(() => Step.make("b", { version: "1", inputs: { later }, run: () => 1 }))).toContain("Input \"later\" of step \"b\" is not a step (it is undefined: is it defined further down")
  expect(issuesOf(() => Step.map("b", { version: "1", over: later, run: () => 1 }))).toContain("\"over\" of step \"b\" is not a step")
  expect(issuesOf(() => Pipeline.make("p", { steps: [later] }))).toContain("Entry 0 of steps is not a step (it is undefined")
  expect(issuesOf(() => Pipeline.make("p", { steps: [] }))).toContain("lists no steps")
  expect(issuesOf(() => Pipeline.make("p", {} as never))).toContain("lists no steps")
})

it("names, options and goals that cannot be used are refused, all at once", () => {
  const message = issuesOf(() =>
    Step.make(" a[0]", { keep: 0, retry: -1, checkpointsIgnore: ["nope" as never], run: "no function" as never }))
  for (const part of ["begins or ends with a space", "holds a bracket", "keep of step", "retry of step", "names \"nope\"", "has no run function"]) expect(message).toContain(part)
  expect(issuesOf(() => Step.make("", { run: () => 1 }))).toContain("non-empty")
  expect(issuesOf(() => Step.make("x".repeat(257), { run: () => 1 }))).toContain("longer than 256")
  expect(issuesOf(() => Step.make("\ud800", { run: () => 1 }))).toContain("lone surrogate")
  // oxlint-disable-next-line no-extra-bind -- a bound function's text cannot be seen, which is what this is about
  expect(issuesOf(() => Step.make("bound", { run: (() => 1).bind(null) }))).toContain("native or bound; give the step a version")
  expect(issuesOf(() => Step.map("m", { version: "1", over: Step.make("l", { version: "1", run: () => [1] }), concurrency: 0, run: () => 1 }))).toContain("concurrency of step")
  for (const own of ["over", "item"]) {
    const list = Step.make("l", { version: "1", run: () => [1] })
    expect(issuesOf(() => Step.map("m", { version: "1", over: list, inputs: { [own]: a }, run: () => 1 }))).toContain(`Input "${own}" of step "m" needs another name`)
  }
  expect(issuesOf(() => Pipeline.make("p", { steps: [a], goals: { loss: "lower" as never } }))).toContain("goal of metric \"loss\"")
  for (const timeout of [-1, Number.NaN, "soon" as never]) expect(issuesOf(() => Step.make("t", { version: "1", timeout, run: () => 1 }))).toContain("timeout of step \"t\"")
  for (const delay of [-1, "soon" as never]) expect(issuesOf(() => Step.make("t", { version: "1", retry: { times: 1, delay }, run: () => 1 }))).toContain("retry of step \"t\"")
  expect(issuesOf(() => Step.make("t", { version: "1", cache: { maxAge: "old" as never }, run: () => 1 }))).toContain("maxAge of step \"t\"")
})

it("every kind of mistake is an InvalidPipeline", () => {
  try {
    Step.make("", { run: () => 1 })
  } catch (error) {
    expect(error).toMatchObject({ _tag: "InvalidPipeline", issues: ["A name must be a non-empty text."] })
  }
})

it.effect("names of Object's own are names like any other", () =>
  Effect.gen(function*() {
    const steps = ["__proto__", "constructor", "toString"].map((name) => Step.make(name, { version: "1", inputs: { ["__proto__"]: a }, run: ({ inputs }) => Object.keys(inputs).join() }))
    const result = yield* run(Pipeline.make("p", { steps }), {}, { runId: "r" })
    expect(Object.entries(result.outputs)).toEqual([["a", 1], ["__proto__", "__proto__"], ["constructor", "__proto__"], ["toString", "__proto__"]])
    expect(Object.values((yield* run(Pipeline.make("p", { steps }), {}, { runId: "r" })).decisions).every(({ decision }) => decision === "restored")).toBe(true)
  }).pipe(Effect.provide(layer)))

it.effect("a step that returns any does not poison the rest", () =>
  Effect.gen(function*() {
    const parsed = Step.make("parsed", { version: "1", run: (): any => JSON.parse("{\"deep\":[1,2]}") })
    const after = Step.make("after", { version: "1", inputs: { parsed }, run: ({ inputs }) => (inputs.parsed.deep as ReadonlyArray<number>).length })
    const { outputs } = yield* run(Pipeline.make("p", { steps: [after] }), {})
    const length: number = outputs.after
    expect(length).toBe(2)
  }).pipe(Effect.provide(layer)))

it.effect("a chain of 10,000 steps is made, run, resumed and planned without running out of stack", () =>
  Effect.gen(function*() {
    let ran = 0
    const next = (name: string, inputs: Step.StepInputs): Step.Any => Step.make(name, { version: "1", inputs, run: () => ++ran })
    let last = next("s0", {})
    for (let i = 1; i < 10_000; i++) last = next(`s${i}`, { last })
    const pipeline = Pipeline.make("chain", { steps: [last as Step.Step<string, number>] })
    expect(pipeline.steps.length).toBe(10_000)
    yield* run(pipeline, {}, { runId: "r" })
    const again = yield* run(pipeline, {}, { runId: "r" })
    expect(ran).toBe(10_000)
    expect(Object.keys(again.decisions).length).toBe(10_000)
  }).pipe(Effect.provide(layer)))

it.effect("a step read by 2,000 others, and one that reads them all", () =>
  Effect.gen(function*() {
    const wide = Array.from({ length: 2000 }, (_, i) => Step.make(`w${i}`, { version: "1", inputs: { a }, run: ({ inputs }) => inputs.a + i }))
    const sum = Step.make("sum", { version: "1", inputs: Object.fromEntries(wide.map((step) => [step.name, step])), run: ({ inputs }) => Object.values(inputs).reduce((x, y) => x + y, 0) })
    expect((yield* run(Pipeline.make("p", { steps: [sum] }), {})).outputs.sum).toBe(2000 + 1999 * 1000)
  }).pipe(Effect.provide(layer)))
