// Two instances of UniFlow on the folder in the first argument, each with a run that waits until it is stopped.
import { Pipeline, Step } from "@uniflow/core"
import * as NodeUniflow from "../../src/NodeUniflow.ts"

const [directory] = process.argv.slice(2)
let waiting = 0

const pipeline = Pipeline.make("waiting", {
  steps: [Step.make("wait", {
    version: "1",
    run: ({ signal }) =>
      new Promise((_, reject) => {
        const timer = setInterval(() => {}, 1000)
        signal.addEventListener("abort", () => {
          clearInterval(timer)
          reject(new Error("stopped"))
        })
        if (++waiting === 2) console.log("waiting")
      })
  })]
})

const ended = ["first", "second"].map(async (runId) => {
  const uniflow = await NodeUniflow.open({ directory })
  await uniflow.run(pipeline, { runId }).catch((error: { readonly _tag: string }) => console.log(`${runId} ${error._tag}`))
})
await Promise.all(ended)
