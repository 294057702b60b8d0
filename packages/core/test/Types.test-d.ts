import { Context, Effect, Schema } from "effect"
import { Metrics, Pipeline, type RunStatus, Step, type Uniflow } from "../src/index.ts"

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const same = <A, B>(_: Equals<A, B>): void => {}

class Db extends Context.Service<Db, { readonly query: Effect.Effect<ReadonlyArray<number>, "db-error"> }>()("test/Db") {}

const load = Step.make("load", {
  params: { path: Schema.String },
  run: async ({ params }) => [params.path.length, 2, 3]
})
const train = Step.make("train", {
  inputs: { rows: load },
  params: { lr: Schema.Number, epochs: Step.withDefault(Schema.Number, 10), note: Schema.optionalKey(Schema.String) },
  checkpointsIgnore: ["epochs"],
  run: ({ inputs, params }) =>
    Effect.gen(function*() {
      const db = yield* Db
      const rows = yield* db.query
      same<typeof inputs.rows, Array<number>>(true)
      same<typeof params.epochs, number>(true)
      same<typeof params.note, string | undefined>(true)
      return { weights: [...inputs.rows, ...rows].map((x) => x * params.lr) }
    })
})
const evaluate = Step.make("evaluate", {
  inputs: { model: train, rows: load },
  run: ({ inputs }) => Metrics.create({ accuracy: inputs.model.weights[0]! / inputs.rows.length })
})
const poison = Step.make("poison", { run: (): any => JSON.parse("1") })
const after = Step.make("after", { inputs: { poison }, run: () => "text" })
const each = Step.map("each", { over: load, params: { lr: Schema.Number }, run: ({ item, params }) => ({ item, lr: params.lr }) })
const maybe = Step.make("maybe", { inputs: { rows: load }, when: ({ inputs }) => inputs.rows.length > 3, run: () => 1 })
const collected = Step.map("collected", { over: load, onItemError: "collect", run: async ({ item }) => String(item) })
const declared = Step.make("declared", { output: Schema.Struct({ at: Schema.Date }), run: () => ({ at: new Date(0) }) })

export const digits = Pipeline.make("digits", { steps: [evaluate, after, each, maybe, collected, declared], goals: { accuracy: "maximize" } })
type P = typeof digits
same<Pipeline.Params<P>, { readonly path: string; readonly lr: number; readonly epochs?: number; readonly note?: string }>(true)
same<Pipeline.Requirements<P>, Db>(true)
same<Pipeline.Error<P>, "db-error">(true)
export type O = Pipeline.Outputs<P>
same<O["evaluate"]["accuracy"], number>(true)
same<O["load"], Array<number>>(true)
same<O["train"], { weights: Array<number> }>(true)
same<O["after"], string>(true)
same<O["each"], ReadonlyArray<{ item: number; lr: number }>>(true)
same<O["maybe"], number | undefined>(true)
same<O["collected"], ReadonlyArray<Step.ItemResult<string>>>(true)
same<O["declared"], { readonly at: Date }>(true)
// @ts-expect-error unknown output
export type Nope = O["nope"]

const alone = Pipeline.make("alone", { steps: [after] })
same<Pipeline.Params<typeof alone>, {}>(true)
same<Pipeline.Requirements<typeof alone>, never>(true)
same<Pipeline.Error<typeof alone>, never>(true)

const otherLr = Step.make("otherLr", { params: { lr: Schema.String }, run: () => 1 })
// @ts-expect-error conflicting params, with the name
Pipeline.make("conflict", { steps: [train, otherLr] })
const load2 = Step.make("load", { run: () => "other" })
// @ts-expect-error two steps of one name with different outputs
Pipeline.make("conflict", { steps: [load, load2] })
// @ts-expect-error output does not fit its schema
Step.make("bad", { output: Schema.Number, run: () => "text" })
// @ts-expect-error unknown param in checkpointsIgnore
Step.make("bad", { params: { a: Schema.Number }, checkpointsIgnore: ["b"], run: () => 1 })
// @ts-expect-error once and cache exclude each other
Step.make("bad", { once: true, cache: true, run: () => 1 })
// @ts-expect-error an input must be a step
Step.make("bad", { inputs: { a: 1 }, run: () => 1 })
// @ts-expect-error map goes over an array
Step.map("bad", { over: after, run: () => 1 })
// @ts-expect-error unknown param
Step.make("bad", { params: { a: Schema.Number }, run: ({ params }) => params.b })
// @ts-expect-error unknown input
Step.make("bad", { inputs: { load }, run: ({ inputs }) => inputs.nope })
// @ts-expect-error a misspelt option
Step.make("bad", { verison: "1", run: () => 1 })

Step.make("checkpoints", {
  checkpoints: { model: Schema.Struct({ epoch: Schema.Number }) },
  run: async ({ checkpoint, metrics }) => {
    const model = await checkpoint.latest("model")
    same<typeof model, { readonly epoch: number } | undefined>(true)
    await checkpoint.save("model", { epoch: 1 })
    // @ts-expect-error wrong value for a declared checkpoint
    await checkpoint.save("model", { epoch: "1" })
    // @ts-expect-error metrics are numbers
    metrics.log({ loss: "0.1" })
  }
})
Step.make("free", {
  run: async ({ checkpoint }) => {
    const { epoch } = (await checkpoint.latest<{ epoch: number }>("model")) ?? { epoch: 0 }
    same<typeof epoch, number>(true)
    await checkpoint.save("model", { epoch })
  }
})

declare const uniflow: Uniflow.Uniflow<Db>
const given = { params: { path: "p", lr: 0.1 } }
export const misuse = async (): Promise<void> => {
  const part = await uniflow.runPart(digits, { ...given, until: "train" })
  same<typeof part.status, "completed" | "interrupted">(true)
  same<typeof part.outputs.train, { weights: Array<number> } | undefined>(true)
  // @ts-expect-error a step that was not part of it has no output
  part.outputs.evaluate.accuracy.toFixed()
  // @ts-expect-error a part is named by one of until and only
  await uniflow.runPart(digits, given)
  // @ts-expect-error not by both
  await uniflow.runPart(digits, { ...given, until: "train", only: "load" })
  // @ts-expect-error a run is whole: its outputs are all there
  await uniflow.run(digits, { ...given, until: "train" })

  const swept = await uniflow.sweep(digits, { params: { grid: { path: ["p"], lr: [0.1, 0.5] } }, repeats: 5 })
  for (const run of swept.runs) {
    same<typeof run.params.lr, number>(true)
    if (run.status === "completed") same<typeof run.result.outputs.evaluate.accuracy, number>(true)
  }
  await uniflow.sweep(digits, { params: { random: { path: { choice: ["p"] }, lr: { logUniform: [0.001, 1] } }, count: 3 } })
  await uniflow.sweep(digits, { params: { list: [{ path: "p", lr: 0.1 }, { path: "q", lr: 0.2, epochs: 3 }] }, seeds: [1, 2] })
  // @ts-expect-error a wrong value in a grid
  await uniflow.sweep(digits, { params: { grid: { path: ["p"], lr: ["fast"] } } })
  // @ts-expect-error an unknown param in a grid
  await uniflow.sweep(digits, { params: { grid: { path: ["p"], lr: [1], rate: [1] } } })
  // @ts-expect-error a param is missing
  await uniflow.sweep(digits, { params: { grid: { lr: [1] } } })
  // @ts-expect-error text is not drawn from a range
  await uniflow.sweep(digits, { params: { random: { path: { uniform: [0, 1] }, lr: { uniform: [0, 1] } }, count: 3 } })
  // @ts-expect-error an unknown param of a fork
  await uniflow.fork(digits, "r", { params: { rate: 1 } })

  for await (const row of uniflow.runs.find({ pipeline: digits, where: { params: { lr: { ">": 0.1 }, path: { like: "%.csv" } }, metrics: { accuracy: { ">=": 0.9 } }, run: { status: "failed" } } })) {
    same<typeof row.params.lr, number | undefined>(true)
    same<typeof row.metrics, { readonly [name: string]: number }>(true)
  }
  const [selected] = await uniflow.runs.find({ pipeline: digits, select: ["params.lr", "metrics.loss.min", "run.status", "run.ended", "tags.x"] }).toArray()
  same<NonNullable<typeof selected>["params.lr"], number | undefined>(true)
  same<NonNullable<typeof selected>["metrics.loss.min"], number | undefined>(true)
  same<NonNullable<typeof selected>["run.status"], RunStatus>(true)
  same<NonNullable<typeof selected>["run.ended"], number | undefined>(true)
  same<NonNullable<typeof selected>["tags.x"], string | undefined>(true)
  // @ts-expect-error what was not selected is not in the row
  void selected?.["params.path"]
  // @ts-expect-error an unknown param
  uniflow.runs.find({ pipeline: digits, where: { params: { rate: 1 } } })
  // @ts-expect-error a number is not like a pattern
  uniflow.runs.find({ pipeline: digits, where: { params: { lr: { like: "1%" } } } })
  // @ts-expect-error an unknown operator
  uniflow.runs.find({ pipeline: digits, where: { params: { lr: { "=>": 1 } } } })
  // @ts-expect-error an unknown status
  uniflow.runs.find({ where: { run: { status: "done" } } })
  // @ts-expect-error an unknown field of a run
  uniflow.runs.find({ select: ["run.state"] })
  // @ts-expect-error an unknown param to sort by
  uniflow.runs.find({ pipeline: digits, orderBy: { "params.rate": "asc" } })
}
