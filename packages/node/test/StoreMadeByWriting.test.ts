import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Pipeline, RunStore, Step, type Uniflow } from "@uniflow/core"
import { runStoreSuite } from "@uniflow/testkit"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as NodeUniflow from "../src/NodeUniflow.ts"
import * as SqliteRunStore from "../src/SqliteRunStore.ts"
import * as UniflowDirectory from "../src/UniflowDirectory.ts"

let root: string
let directory: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "uniflow-made-"))
  directory = join(root, ".uniflow")
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const using = async <A>(use: (uniflow: Uniflow.Uniflow) => Promise<A>): Promise<A> => {
  const uniflow = await NodeUniflow.open({ directory })
  try {
    return await use(uniflow)
  } finally {
    await uniflow.close()
  }
}

let executions = 0
const pipeline = Pipeline.make("p", {
  steps: [Step.make("a", {
    version: "1",
    cache: true,
    files: () => [import.meta.filename],
    params: { key: Schema.Redacted(Schema.String) },
    run: () => ++executions
  })]
})
const params = { key: Redacted.make("secret") }

const reads: ReadonlyArray<readonly [string, (uniflow: Uniflow.Uniflow) => Promise<unknown>, unknown]> = [
  ["runs are listed", (uniflow) => uniflow.runs.find().toArray(), []],
  ["a run is looked for", (uniflow) => uniflow.runs.get("r").catch((error: { readonly _tag: string }) => error._tag), "RunNotFound"],
  ["a run is resumed", (uniflow) => uniflow.resume(pipeline, "r").catch((error: { readonly _tag: string }) => error._tag), "RunNotFound"],
  ["a run is planned", async (uniflow) => (await uniflow.plan(pipeline, { params })).map(({ action }) => action), ["execute"]],
  ["a run is tagged", (uniflow) => uniflow.runs.tag("r", { a: "b" }).catch((error: { readonly _tag: string }) => error._tag), "RunNotFound"],
  ["nothing is done", () => Promise.resolve(), undefined]
]

describe("where nothing is kept, nothing is made when", () => {
  it.each(reads)("%s", async (_, read, answer) => {
    expect(await using(read)).toEqual(answer)
    expect(readdirSync(root)).toEqual([])
    // Nor in a folder that is there without a store, but for what is known of files; it is still new to who writes first.
    mkdirSync(directory)
    expect(await using(read)).toEqual(answer)
    expect(readdirSync(directory).filter((name) => name !== "cache")).toEqual([])
    await using((uniflow) => uniflow.run(pipeline, { params }))
    expect(readdirSync(directory)).toContain(".gitignore")
  })
})

it("the first run makes the store, and what was planned before comes out", async () => {
  await using(async (uniflow) => {
    expect((await uniflow.plan(pipeline, { params }))[0]!.action).toBe("execute")
    expect((await uniflow.run(pipeline, { runId: "r", params })).decisions.a.decision).toBe("executed")
    expect(existsSync(join(directory, "uniflow.db"))).toBe(true)
    expect((await uniflow.plan(pipeline, { runId: "r", params }))[0]!.action).toBe("restore")
    expect((await uniflow.runs.find().toArray()).map(({ id }) => id)).toEqual(["r"])
  })
})

it("a store that another one makes meanwhile is read from then on", async () => {
  await using(async (reader) => {
    expect(await reader.runs.find().toArray()).toEqual([])
    const elsewhere = executions
    await using((writer) => writer.run(pipeline, { runId: "r", params }))
    expect(executions).toBe(elsewhere + 1)
    expect((await reader.runs.find().toArray()).map(({ id }) => id)).toEqual(["r"])
    expect((await reader.run(pipeline, { runId: "r", params })).decisions.a.decision).toBe("restored")
  })
})

it("an opening that failed is tried again, and leaves nothing open", async () => {
  await using(async (uniflow) => {
    mkdirSync(directory)
    writeFileSync(join(directory, "uniflow.db"), "no database")
    for (let n = 0; n < 2; n++) await expect(uniflow.runs.find().toArray()).rejects.toMatchObject({ _tag: "StoreError", reason: "Corrupt" })
    rmSync(join(directory, "uniflow.db"))
    expect(await uniflow.runs.find().toArray()).toEqual([])
    await uniflow.run(pipeline, { runId: "r", params })
    expect(await uniflow.runs.find().toArray()).toHaveLength(1)
  })
  const registry: Map<string, unknown> = Reflect.get(globalThis, Symbol.for("@uniflow/node/sqlite/1"))
  expect([...registry.keys()].filter((path) => path.includes("uniflow-made-"))).toEqual([])
})

const open = (folder: string) =>
  Layer.build(Layer.fresh(SqliteRunStore.layerDirectory.pipe(Layer.provide(UniflowDirectory.layer({ directory: folder })), Layer.orDie))).pipe(
    Effect.map((context) => Context.get(context, RunStore))
  )

it("nothing that the store over a database can do is left out", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const made = yield* open(directory)
    const whole = Context.get(yield* Layer.build(SqliteRunStore.layer({ filename: join(root, "whole.db") })), RunStore)
    expect(Object.keys(made).filter((key) => key !== "isMade" && key !== "usable").sort()).toEqual(Object.keys(whole).sort())
  }))))

runStoreSuite({
  name: "SqliteRunStore, made by the first write",
  store: Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "uniflow-made-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ).pipe(Effect.map((folder) => ({ open: open(folder) }))),
  capabilities: { renewal: { not: "a thread keeps time by the machine's clock" } },
  cases: 5
})
