/**
 * Bundlers give the routes and the server actions of an application each a copy of UniFlow and of Effect (Turbopack always does, webpack after a hot reload), and all copies share
 * one instance. Here are two copies, as a bundler makes them.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { build } from "vite"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type * as Effects from "effect"
import type * as Next from "../src/index.ts"
import type * as Uniflows from "uniflow"

type Copy = typeof Uniflows & Pick<typeof Effects, "Effect" | "Redacted"> & Pick<typeof Next, "uniflowRoute">

const here = fileURLToPath(new URL(".", import.meta.url))
let folder: string
let first: Copy
let second: Copy

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "uniflow-copies-"))
  const entry = join(here, "..", "copy.ts")
  await build({
    root: here,
    configFile: false,
    logLevel: "error",
    plugins: [{
      name: "entry",
      resolveId: (id) => (id === entry ? id : undefined),
      load: (id) => (id === entry ? `export * from "uniflow"; export { Effect, Redacted } from "effect"; export { uniflowRoute } from "./src/index.ts"` : undefined)
    }],
    resolve: { conditions: ["uniflow-source", "node"] },
    ssr: { noExternal: true, resolve: { conditions: ["uniflow-source", "node"] } },
    build: { ssr: entry, outDir: folder, target: "node22", rolldownOptions: { output: { format: "es", codeSplitting: false, entryFileNames: "first.mjs" } } }
  })
  writeFileSync(join(folder, "package.json"), "{}")
  copyFileSync(join(folder, "first.mjs"), join(folder, "second.mjs"))
  const load = (name: string): Promise<Copy> => import(/* @vite-ignore */ pathToFileURL(join(folder, name)).href) as Promise<Copy>
  first = await load("first.mjs")
  second = await load("second.mjs")
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A pipeline of everything that goes through a schema, and of both kinds of steps. */
const pipelineOf = ({ Effect, Metrics, Pipeline, Redacted, Schema, Step }: Copy) => {
  class Model extends Schema.Class<Model>("Model")({ slope: Schema.Number, at: Schema.Date }) {}
  const fit = Step.make("fit", {
    version: "1",
    params: { rate: Schema.Number, since: Schema.DateFromString, name: Step.withDefault(Schema.String, "line"), key: Schema.Redacted(Schema.String) },
    output: Model,
    checkpoints: { half: Model },
    run: async ({ artifacts, checkpoint, metrics, params }) => {
      const model = new Model({ slope: params.rate * Redacted.value(params.key).length, at: params.since })
      await checkpoint.save("half", model)
      const saved = await checkpoint.latest("half")
      metrics.log({ rate: params.rate }, { index: 0 })
      await artifacts.put("name.txt", params.name)
      return saved ?? model
    }
  })
  const score = Step.make("score", {
    version: "1",
    inputs: { model: fit },
    run: ({ inputs }) =>
      Effect.gen(function*() {
        const [years] = yield* Effect.all([Effect.succeed(inputs.model.at.getUTCFullYear()), Effect.sleep(1)], { concurrency: 2 })
        return Metrics.create({ score: inputs.model instanceof Model ? years * inputs.model.slope : -1 })
      })
  })
  return Pipeline.make("line", { steps: [score], goals: { score: "maximize" } })
}

const paramsOf = ({ Redacted }: Copy, rate = 0.5) => ({ rate, since: "2026-01-01T00:00:00.000Z", key: Redacted.make("four") })

describe.each([["the page's", "the actions'"], ["the actions'", "the page's"]])("%s copy opens the store, and %s uses it", (opener) => {
  it("runs, resumes and shows what the other copy declared", async () => {
    const directory = mkdtempSync(join(folder, "store-"))
    const [opens, uses] = [first, second]
    const opened = opens.Uniflow.lazy({ directory })
    const uniflow = uses.Uniflow.lazy({ directory })
    expect(uniflow).toBe(opened)
    const [ofPage, ofActions] = opener === "the page's" ? [opens, uses] : [uses, opens]

    const pipeline = pipelineOf(ofActions)
    const result = await uniflow.run(pipeline, { runId: "one", params: paramsOf(ofActions) })
    expect(result.outputs.score).toMatchObject({ score: 2026 * 2 })
    await uniflow.run(pipeline, { runId: "two", params: paramsOf(ofActions, 1) })
    const again = await uniflow.resume(pipeline, "one", { secrets: { key: ofActions.Redacted.make("four") } })
    expect(again.decisions.fit.decision).toBe("restored")
    const fork = await uniflow.fork(pipeline, "one", { runId: "three", params: { key: ofActions.Redacted.make("four"), rate: 2 } })
    expect(String(await fork.comparison())).toContain("score")
    await expect(uniflow.run(pipeline, { params: { ...paramsOf(ofActions), rate: "fast" as never } })).rejects.toMatchObject({ _tag: "InvalidInput", issue: expect.stringContaining("rate") as string })

    const route = ofPage.uniflowRoute({ uniflow: ofPage.Uniflow.lazy({ directory }) })
    const ask = async (path: string, init: RequestInit = {}) => {
      const segments = path.split("?")[0]!.split("/")
      const request = new Request(`http://localhost:3000/uniflow/${path}`, { ...init, headers: { "content-type": "application/json", host: "localhost:3000" } })
      const response = await route[init.method === "PATCH" ? "PATCH" : "GET"](request, { params: Promise.resolve({ path: segments }) })
      const text = await response.text()
      expect(response.status, text).toBe(200)
      return text
    }
    expect(JSON.parse(await ask("api/runs?where=params.rate%20%3E%200&orderBy=metrics.score%20desc")).runs.map(({ id }: { readonly id: string }) => id)).toEqual(["three", "two", "one"])
    expect(JSON.parse(await ask("api/runs/one"))).toMatchObject({ status: "completed", params: { rate: 0.5, key: { $redacted: expect.any(String) as string } } })
    for (const path of ["api/experiments", "api/runs/one/explain", "api/runs/one/logs", "api/runs/one/metric?name=rate", "api/curves?runs=one,two&name=rate", "api/compare?runs=one,two"]) await ask(path)
    expect(await ask("api/artifacts/one?name=name.txt")).toBe("line")
    expect(JSON.parse(await ask("api/runs/one", { method: "PATCH", body: JSON.stringify({ note: "seen" }) }))).toMatchObject({ note: "seen" })
    await uniflow.close()
  })
})
