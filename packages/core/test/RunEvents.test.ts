import { Layer } from "effect"
import { expect, it } from "vitest"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, Step, Uniflow } from "../src/index.ts"

const memory = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)))

it("what a step logged is told between its start and its outcome, every line of it, also to one who comes late", async () => {
  const uniflow = Uniflow.make(memory)
  const first = Step.make("first", {
    version: "1",
    run: ({ log, metrics }) => {
      for (let line = 0; line < 2500; line++) log(`line ${line}`)
      metrics.log({ loss: 1 })
    }
  })
  const second = Step.make("second", { version: "1", inputs: { first }, run: ({ log }) => log("done") })
  await uniflow.run(Pipeline.make("p", { steps: [second] }), { runId: "r" })
  const told: Array<string> = []
  for await (const event of uniflow.watch("r")) told.push("step" in event ? `${event._tag} ${event.step}` : event._tag)
  expect(told).toEqual([
    "RunStarted",
    "StepStarted first",
    ...Array.from({ length: 2500 }, () => "Log first"),
    "Metric first",
    "Decided first",
    "StepStarted second",
    "Log second",
    "Decided second",
    "RunEnded"
  ])
  await uniflow.close()
})
