import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, Step, Uniflow } from "@uniflow/core"
import { Layer, Schema } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Dashboard } from "../src/index.ts"

const questions = Step.make("questions", { version: "1", run: () => Array.from({ length: 50 }, (_, n) => `question ${n + 1}`) })
const judge = Step.map("judge", {
  version: "1",
  over: questions,
  params: { prompt: Schema.String },
  run: ({ item, params }) => ({ output: item === "question 9" ? params.prompt.repeat(100_000) : `<b>${item}</b>`, expected: "b", scores: { exact: item !== (params.prompt === "a" ? "question 7" : "question 3") } })
})
const evaluation = Pipeline.make("evaluation", { steps: [judge] })

const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
const dashboard = Dashboard.make({
  uniflow,
  authorize: (request) => ({ name: "someone", ...request.headers.get("x-team") === null ? {} : { where: { tags: { team: request.headers.get("x-team")! } } } })
})

beforeAll(async () => {
  await uniflow.run(evaluation, { runId: "a", params: { prompt: "a" }, tags: { team: "ours" } })
  await uniflow.run(evaluation, { runId: "b", params: { prompt: "b" }, tags: { team: "ours" } })
  await uniflow.run(evaluation, { runId: "theirs", params: { prompt: "c" }, tags: { team: "theirs" } })
})
afterAll(async () => {
  await dashboard.dispose()
  await uniflow.close()
})

const ask = async (query: Record<string, string>, headers: Record<string, string> = {}) => {
  const response = await dashboard.handler(new Request(`http://localhost:4983/api/compare/items?${new URLSearchParams({ step: "judge", ...query })}`, { headers: { host: "localhost:4983", ...headers } }))
  const text = await response.text()
  return { status: response.status, bytes: text.length, body: JSON.parse(text) }
}

describe("compared items", () => {
  it("come with those that flipped first, their scores and their outputs as text", async () => {
    const { body, status } = await ask({ runs: "a,b" })
    expect(status).toBe(200)
    expect(body).toMatchObject({ step: "judge", runs: ["a", "b"], total: 50, found: 3, next: null, counts: [null, { improved: 1, worse: 1, changed: 1, added: 0, missing: 0 }] })
    expect(body.items.map(({ changes, input }: { changes: unknown; input: string }) => [input, changes])).toEqual([["question 3", [null, "worse"]], ["question 7", [null, "improved"]], ["question 9", [null, "changed"]]])
    expect(body.items[0].values[1]).toMatchObject({ status: "completed", error: null, scores: [{ name: "exact", value: false, goal: "maximize" }], output: { cut: false, mediaType: "application/json" } })
    expect(body.items[0].values[1].output).toMatchObject({ text: "<b>question 3</b>", expected: "b" })
  })

  it("are chosen, searched and paged; what stands on the pages is all of them once", async () => {
    expect((await ask({ runs: "a,b", show: "improved" })).body.items).toMatchObject([{ input: "question 7" }])
    expect((await ask({ runs: "a,b", show: "same", search: "QUESTION 1" })).body).toMatchObject({ found: 11 })
    const seen: Array<string> = []
    for (let after: string | undefined; ;) {
      const { body } = await ask({ runs: "a,b", show: "all", limit: "20", ...after === undefined ? {} : { after } })
      seen.push(...body.items.map(({ key }: { key: string }) => key))
      if (body.next === null) break
      after = body.next
    }
    expect([seen.length, new Set(seen).size]).toEqual([50, 50])
    expect((await ask({ runs: "a,b", after: "nothing" })).status).toBe(400)
  })

  it("are bounded in bytes, and say what was cut or not read", async () => {
    const { body, bytes } = await ask({ runs: "a,b", show: "all", limit: "100" })
    expect(bytes).toBeLessThan(1024 * 1024)
    const large = body.items.find(({ input }: { input: string }) => input === "question 9")
    expect(large.values[0].output).toMatchObject({ cut: true })
    expect(large.values[0].output.text.length).toBeLessThan(11 * 1024)
    expect(body.unread).toBe(2)
    for (const query of [{ limit: "101" }, { limit: "0" }, { show: "everything" }]) expect((await ask({ runs: "a,b", ...query })).status).toBe(400)
  })

  it("are as the runs are now: what was read before is taken only while they stay as they were", async () => {
    const words = Step.make("words", { version: "1", params: { more: Schema.optionalKey(Schema.Boolean) }, run: () => ["x", "y"] })
    let mark = 1
    const of = (version: string) => Pipeline.make("marks", { steps: [Step.map("mark", { version, over: words, run: ({ item }) => `${item}${mark}` })] })
    await uniflow.run(of("1"), { runId: "m1" })
    await uniflow.run(of("1"), { runId: "m2" })
    const counts = async () => (await ask({ runs: "m1,m2", step: "mark" })).body.counts[1]
    expect(await counts()).toMatchObject({ same: 2, changed: 0 })
    mark = 2
    await uniflow.resume(of("2"), "m2")
    expect(await counts()).toMatchObject({ same: 0, changed: 2 })
  })

  it("are those of runs that exist for who asks, and of no others", async () => {
    expect((await ask({ runs: "a,b" }, { "x-team": "ours" })).status).toBe(200)
    for (const runs of ["a,theirs", "theirs,a"]) expect((await ask({ runs }, { "x-team": "ours" }))).toMatchObject({ status: 404, body: { error: { code: "not_found" } } })
    expect(await ask({ runs: "a" })).toMatchObject({ status: 400 })
    expect(await ask({ runs: "a,../b" })).toMatchObject({ status: 400, body: { error: { code: "invalid_run_id" } } })
    expect((await ask({ runs: "a,b", step: "no such step" })).body).toMatchObject({ total: 0, items: [] })
  })
})
