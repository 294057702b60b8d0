/** What exists for a principal with a filter: for each route of the API, found in its own description, nothing of anybody else comes back. */
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, Step, Uniflow } from "@uniflow/core"
import { Layer, Schema } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Dashboard } from "../src/index.ts"

const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
const page = Dashboard.make({ uniflow, authorize: () => ({ where: { tags: { tenant: "red" } } }) })

/** Everything of the other tenant has the word blue in it: ids, names, fields, values, texts, bytes. */
const record = async (tenant: string): Promise<void> => {
  const step = Step.make(`${tenant}Step`, {
    version: "1",
    params: { [`${tenant}Param`]: Schema.Number },
    run: async ({ artifacts, log, metrics, params }) => {
      log(`${tenant} line`)
      for (let index = 0; index < 3; index++) metrics.log({ [`${tenant}Loss`]: index, shared: index }, { index })
      await artifacts.put(`${tenant}.txt`, `${tenant} bytes`)
      return Metrics.create({ [`${tenant}Score`]: params[`${tenant}Param`] as number })
    }
  })
  const list = Step.make("list", { version: "1", run: () => [`${tenant} item`] })
  const items = Step.map("items", { version: "1", over: list, run: ({ item }) => item })
  for (const pipeline of [
    Pipeline.make(`${tenant}Line`, { steps: [step], experiment: "shared", goals: { [`${tenant}Score`]: "maximize" } }),
    Pipeline.make(`${tenant}Own`, { steps: [step, items] })
  ]) {
    for (const n of [1, 2]) await uniflow.run(pipeline as never, { runId: `${tenant}-${pipeline.experiment}-${n}`, params: { [`${tenant}Param`]: n }, tags: { tenant, [`${tenant}Tag`]: `${tenant} value` } } as never)
  }
  await uniflow.runs.note(`${tenant}-shared-1`, `${tenant} note`)
}

const send = (line: string) => {
  const [method, path] = line.split(" ") as [string, string]
  return page.handler(new Request(`http://localhost/${path}`, { method, ...method === "GET" ? {} : { headers: { "content-type": "application/json" }, body: method === "PATCH" ? `{"note":"taken","tags":{"tenant":"red"}}` : "{}" } }))
}
const BLUE = "blue-shared-1"
const RED = "red-shared-1"

/** For each route: what asks for the other's runs by their ids (and is told that there are none), and what asks for anything at all. */
const routes: { readonly [route: string]: { readonly theirs?: ReadonlyArray<string>; readonly any?: ReadonlyArray<string> } } = {
  "get /api/experiments": { any: ["api/experiments"] },
  "get /api/experiments/fields": { any: ["api/experiments/fields", "api/experiments/fields?search=BLUE", "api/experiments/fields?experiment=shared", "api/experiments/fields?experiment=blueOwn"] },
  "get /api/runs": {
    theirs: [`api/runs?after=${BLUE}`],
    any: [
      "api/runs?limit=500", "api/runs?experiment=blueOwn", "api/runs?where=tags.tenant%20%3D%20%22blue%22", "api/runs?where=not%20tags.tenant%20%3D%20%22red%22", "api/runs?where=run.id%20like%20%22blue%25%22%20or%20run.id%20like%20%22%25%22",
      "api/runs?orderBy=metrics.blueScore%20desc&select=metrics.blueScore,params.blueParam,tags.blueTag", `api/runs?where=run.id%20in%20(%22${BLUE}%22)`
    ]
  },
  "get /api/runs/{id}": { theirs: [`api/runs/${BLUE}`], any: [`api/runs/${RED}`] },
  "get /api/runs/{id}/explain": { theirs: [`api/runs/${BLUE}/explain`], any: [`api/runs/${RED}/explain`] },
  "get /api/runs/{id}/logs": { theirs: [`api/runs/${BLUE}/logs`], any: [`api/runs/${RED}/logs?step=blueStep`, `api/runs/${RED}/logs`] },
  "get /api/runs/{id}/metric": { theirs: [`api/runs/${BLUE}/metric?name=blueLoss`], any: [`api/runs/${RED}/metric?name=shared`] },
  "patch /api/runs/{id}": { theirs: [`api/runs/${BLUE}`] },
  "post /api/runs/{id}/cancel": { theirs: [`api/runs/${BLUE}/cancel`] },
  "post /api/runs/{id}/pin": { theirs: [`api/runs/${BLUE}/pin`] },
  "get /api/curves": { theirs: [`api/curves?name=shared&runs=${BLUE}`, `api/curves?name=shared&runs=${RED},${BLUE}`], any: [`api/curves?name=shared&runs=${RED}`] },
  "get /api/compare": { theirs: [`api/compare?runs=${RED},${BLUE}`, `api/compare?runs=${BLUE},blue-shared-2`], any: [`api/compare?runs=${RED},red-shared-2`] },
  "get /api/compare/items": { theirs: [`api/compare/items?step=items&runs=red-redOwn-1,blue-blueOwn-1`, `api/compare/items?step=items&runs=blue-blueOwn-1,blue-blueOwn-2`], any: ["api/compare/items?step=items&runs=red-redOwn-1,red-redOwn-2"] },
  "get /api/compare/groups": { any: ["api/compare/groups?groupBy=tags.tenant", "api/compare/groups?groupBy=run.id&experiment=shared", "api/compare/groups?groupBy=params.redParam&where=tags.tenant%20%3D%20%22blue%22"] },
  // Not in the description: they are no JSON.
  "get /api/artifacts": { theirs: [`api/artifacts/${BLUE}?name=blue.txt`, `api/artifacts/${BLUE}?name=blueStep`], any: [`api/artifacts/${RED}?name=blue.txt`] }
}

beforeAll(async () => {
  for (const tenant of ["blue", "red", "blue2"]) await record(tenant)
})
afterAll(async () => {
  await page.dispose()
  await uniflow.close()
})

describe("a principal of one tenant", () => {
  it("every route of the API is asked below", async () => {
    const { paths } = await (await send("GET api/openapi.json")).json() as { readonly paths: Record<string, Record<string, unknown>> }
    const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path.replace(/\/$/, "")}`))
    expect(described.toSorted()).toEqual(Object.keys(routes).filter((route) => !route.includes("artifacts")).toSorted())
  })

  describe.each(Object.entries(routes))("%s", (route, { any = [], theirs = [] }) => {
    const method = route.split(" ")[0]!.toUpperCase()
    for (const path of theirs) {
      it(`${path}: there is no such run`, async () => {
        const [response, nobody] = [await send(`${method} ${path}`), await send(`${method} ${path.replaceAll(/blue-\w+-(\d)/g, "nobody-$1")}`)]
        expect(response.status).toBe(404)
        const [told, expected] = [await response.json(), await nobody.json()] as ReadonlyArray<{ readonly error: { readonly code: string; readonly message: string } }>
        // In the same words as of a run that nobody has.
        expect([told!.error.code, told!.error.message]).toEqual([expected!.error.code, expected!.error.message])
      })
    }
    for (const path of any) {
      it(`${path}: nothing of others`, async () => {
        const response = await send(`${method} ${path}`)
        expect([200, 400, 404]).toContain(response.status)
        const text = await response.text()
        // A field that was asked for may be named in the refusal.
        if (response.status === 200) expect(text.replaceAll("red", "")).not.toMatch(/blue/i)
        else expect(text).not.toMatch(/blue(?:2|-|\s)/i)
      })
    }
  })

  it("counts are of its own runs", async () => {
    const { experiments } = await (await send("GET api/experiments")).json() as { readonly experiments: ReadonlyArray<{ readonly experiment: string; readonly runs: number }> }
    expect(experiments.map(({ experiment, runs }) => [experiment, runs]).toSorted()).toEqual([["redOwn", 2], ["shared", 2]])
    const { runs } = await (await send("GET api/runs?limit=500")).json() as { readonly runs: ReadonlyArray<unknown> }
    expect(runs).toHaveLength(4)
  })

  it("pages of its own runs go on past those of others", async () => {
    const ids: Array<string> = []
    let after = ""
    for (let n = 0; n < 10; n++) {
      const { next, runs } = await (await send(`GET api/runs?limit=1${after}`)).json() as { readonly next: string | null; readonly runs: ReadonlyArray<{ readonly id: string }> }
      ids.push(...runs.map(({ id }) => id))
      if (next === null) break
      expect(next).toMatch(/^red-/)
      after = `&after=${next}`
    }
    expect(ids).toHaveLength(4)
  })

  it("a baseline that another has pinned is not told", async () => {
    await uniflow.runs.tag(BLUE, { tenant: "red" })
    expect((await send(`POST api/runs/${BLUE}/pin`)).status).toBe(200)
    await uniflow.runs.tag(BLUE, { tenant: "blue" })
    expect(await (await send("GET api/experiments")).text()).not.toMatch(/blue/i)
  })

  it("live events name its own runs alone, and beat the same whatever others do", async () => {
    const reader = (await send("GET api/events")).body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    const until = async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`ended without ${wanted}`)
        text += value
      }
    }
    await until("event: beat")
    text = ""
    await uniflow.runs.note(BLUE, "changed")
    await until("event: beat")
    await uniflow.runs.note(BLUE, "again")
    await uniflow.runs.note(RED, "changed")
    await until(RED)
    expect(text).not.toContain("blue")
    await reader.cancel()
  })

  it("what it may not see it did not change", async () => {
    expect(await uniflow.runs.get(BLUE)).toMatchObject({ note: "again", tags: { tenant: "blue" } })
  })
})
