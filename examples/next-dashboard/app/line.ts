import { Metrics, Pipeline, Schema, Step } from "uniflow"

const fit = Step.make("fit", {
  version: "1",
  params: { rate: Schema.Number },
  run: async ({ params, metrics, random, signal }) => {
    let slope = 0
    for (let step = 0; step < 100; step++) {
      signal.throwIfAborted()
      const x = random.next()
      slope += params.rate * x * (3 * x + 0.3 * random.normal() - slope * x)
      metrics.log({ distance: Math.abs(slope - 3) }, { index: step })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return slope
  }
})

const score = Step.make("score", { version: "1", inputs: { slope: fit }, run: ({ inputs }) => Metrics.create({ error: Math.abs(inputs.slope - 3) }) })

export const line = Pipeline.make("line", { steps: [score], goals: { error: "minimize" } })
