import { Context, Effect, Layer, Schema } from "effect"
import { expect, it } from "vitest"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, Step, Uniflow } from "../src/index.ts"

class Greeting extends Context.Service<Greeting, { readonly text: string }>()("test/Greeting") {}

const memory = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)))

const open = () => Uniflow.make(Layer.mergeAll(memory, Layer.succeed(Greeting, { text: "hello" })))

const greet = Step.make("greet", {
  version: "1",
  params: { name: Schema.String },
  run: ({ params }) => Effect.map(Greeting, ({ text }) => `${text} ${params.name}`)
})
const train = Step.make("train", {
  version: "1",
  inputs: { greet },
  run: async ({ checkpoint, metrics, random, log, progress, signal }) => {
    let state = (await checkpoint.latest<{ epoch: number; sum: number }>("model")) ?? { epoch: 0, sum: 0 }
    for (; state.epoch < 5;) {
      state = { epoch: state.epoch + 1, sum: state.sum + random.next() }
      metrics.log({ loss: 1 / state.epoch, sum: state.sum })
      progress(state.epoch, 5)
      log(`epoch ${state.epoch}`)
      await checkpoint.save("model", state)
      if (signal.aborted) throw new Error("stopped")
      if (state.epoch === 3 && failing) throw new Error("power cut")
    }
    return state
  }
})
let failing = false
const pipeline = Pipeline.make("p", { steps: [train] })

it("a step that failed after a manual checkpoint goes on from it, with the same numbers and points as an uninterrupted one", async () => {
  const uniflow = open()
  failing = false
  const whole = await uniflow.run(pipeline, { runId: "whole", params: { name: "you" } })
  failing = true
  const error: unknown = await uniflow.run(pipeline, { runId: "cut", params: { name: "you" } }).catch((e: unknown) => e)
  expect(error).toMatchObject({ _tag: "StepFailed", runId: "cut", step: "train" })
  failing = false
  const handle = uniflow.start(pipeline, { runId: "cut", params: { name: "you" } })
  const tags: Array<string> = []
  for await (const event of handle.events) tags.push(event._tag === "Decided" ? `${event.step} ${event.decision}` : event._tag)
  const cut = await handle.result
  expect(cut.outputs).toEqual(whole.outputs)
  expect(cut.outputs.greet).toBe("hello you")
  const points = async (id: string) => (await uniflow.runs.metric(id, "sum")).map((b) => [b.fromIndex, b.last])
  expect(await points("cut")).toEqual(await points("whole"))
  expect(cut.metrics).toEqual(whole.metrics)
  expect(tags).toContain("RunStarted")
  expect(tags).toContain("greet restored")
  expect(tags.at(-1)).toBe("RunEnded")
  expect(cut.decisions.train.reasons.map((r) => r.component)).toEqual(["failed", "checkpoint"])
  await uniflow.close()
})

it("a pipeline whose services are missing does not compile", () => {
  const uniflow = Uniflow.make(memory)
  // @ts-expect-error Greeting was not given
  void (() => uniflow.run(pipeline, { params: { name: "x" } }))
  // @ts-expect-error a required param is missing
  void (() => open().run(pipeline, {}))
  // @ts-expect-error an unknown output
  void (() => open().run(pipeline, { params: { name: "x" } }).then((run) => run.outputs.nope))
})

it("a step that fails keeps the points it logged, and its lines", async () => {
  const uniflow = open()
  const broken = Step.make("broken", {
    version: "1",
    run: ({ metrics, log }) => {
      metrics.log({ loss: 2 })
      metrics.log({ loss: 1 })
      log("so far")
      throw new Error("no further")
    }
  })
  await expect(uniflow.run(Pipeline.make("b", { steps: [broken] }), { runId: "b" })).rejects.toMatchObject({ _tag: "StepFailed" })
  const run = await uniflow.runs.get("b")
  expect(run.status).toBe("failed")
  expect(run.metrics["broken.loss"]).toBe(1)
  expect((await uniflow.runs.logs("b")).map((line) => line.message)).toEqual(["so far"])
  await uniflow.close()
})
