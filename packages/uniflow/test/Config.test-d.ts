import { Context, Effect, Layer } from "effect"
import { defineConfig, Pipeline, Step } from "../src/index.ts"

class Greeting extends Context.Service<Greeting, { readonly text: string }>()("test/Greeting") {}

const plain = Pipeline.make("plain", { steps: [Step.make("a", { run: () => 1 })] })
const greeting = Pipeline.make("greeting", { steps: [Step.make("b", { run: () => Effect.map(Greeting, ({ text }) => text) })] })
const layer = Layer.succeed(Greeting, { text: "hello" })

defineConfig({ pipelines: [plain] })
defineConfig({ pipelines: [] })
defineConfig({ pipelines: [plain, greeting], layer, directory: "runs" })
defineConfig({ pipelines: [plain], retention: { keepLast: 100, olderThan: "30 days", failed: "7 days" } })
// @ts-expect-error no such rule
defineConfig({ pipelines: [plain], retention: { keepFirst: 100 } })
// @ts-expect-error a pipeline's steps need a service that is not given
defineConfig({ pipelines: [plain, greeting] })
// @ts-expect-error no pipeline
defineConfig({ pipelines: ["digits"] })
// @ts-expect-error no such option
defineConfig({ pipelines: [plain], folder: "runs" })
