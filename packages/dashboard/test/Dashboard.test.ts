import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, Step, Uniflow } from "@uniflow/core"
import { Layer, Schema } from "effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { Dashboard } from "../src/index.ts"

const train = Step.make("train", {
  version: "1",
  params: { rate: Schema.Number, fail: Schema.optionalKey(Schema.Boolean) },
  run: async ({ artifacts, log, metrics, params }) => {
    log("begins")
    if (params.fail === true) throw new Error("no luck\nat all")
    for (let index = 0; index < 5; index++) metrics.log({ loss: 1 / (1 + index * params.rate) }, { index })
    await artifacts.put("page.html", "<script>alert(1)</script>")
    return Metrics.create({ accuracy: params.rate })
  }
})
const first = Step.make("first", { version: "1", run: () => "a" })
const second = Step.make("second", { version: "1", run: () => "a" })
const join = Step.make("join", {
  version: "1",
  inputs: { first, second },
  run: async ({ checkpoint, inputs }) => {
    await checkpoint.save("half", inputs.first)
    return inputs.first + inputs.second
  }
})
const end = Step.make("end", {
  version: "1",
  inputs: { joined: join },
  run: (): string => {
    throw new Error("no end")
  }
})
const letters = Pipeline.make("letters", { steps: [end] })
const digits = Pipeline.make("digits", { steps: [train], goals: { accuracy: "maximize" } })

const store = () => Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
const uniflow = store()
const dashboard = Dashboard.make({ uniflow })

beforeAll(async () => {
  for (const rate of [0.1, 0.2, 0.3]) await uniflow.run(digits, { runId: `run-${rate * 10}`, params: { rate }, tags: { team: rate < 0.25 ? "vision" : "text" } })
  await uniflow.run(digits, { runId: "failed", params: { rate: 1, fail: true } }).catch(() => {})
})
afterAll(async () => {
  await dashboard.dispose()
  await uniflow.close()
})

const ask = async (path: string, init: RequestInit & { readonly host?: string } = {}, handler = dashboard.handler) => {
  const { host = "localhost:4983", ...rest } = init
  const headers = new Headers(rest.headers)
  headers.set("host", host)
  const response = await handler(new Request(`http://${host}/uniflow/${path}`, { ...rest, headers }), { path: "/uniflow" })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: (response.headers.get("content-type") ?? "").includes("json") ? JSON.parse(text) : undefined }
}

const json = { "content-type": "application/json" }

describe("the API", () => {
  it("lists experiments with their last, best and pinned runs", async () => {
    const { json: body, status } = await ask("api/experiments")
    expect(status).toBe(200)
    expect(body.experiments).toMatchObject([{ experiment: "digits", runs: 4, running: 0, failed: 1, last: { id: "failed", error: { step: "train", message: "Step \"train\" of run \"failed\" failed: no luck" } }, baseline: null, best: { run: { id: "run-3" }, metric: "accuracy", goal: "maximize" }, trend: [0.1, 0.2, 0.3] }])
  })

  it("finds runs, page by page, with the fields that were asked for", async () => {
    const first = await ask("api/runs?where=params.rate%20%3C%201&orderBy=metrics.accuracy%20desc&select=params.rate,metrics.loss.min&limit=2")
    expect(first.json).toMatchObject({ runs: [{ id: "run-3", values: { "params.rate": 0.3 } }, { id: "run-2" }], next: "run-2" })
    const second = await ask("api/runs?where=params.rate%20%3C%201&orderBy=metrics.accuracy%20desc&limit=2&after=run-2")
    expect(second.json).toMatchObject({ runs: [{ id: "run-1" }], next: null })
    expect((await ask("api/experiments/fields")).json.fields[0]).toMatchObject({ field: "metrics.accuracy", varies: true, runs: 3, goal: "maximize" })
  })

  it("shows, explains, compares and annotates runs", async () => {
    expect((await ask("api/runs/run-1")).json).toMatchObject({ id: "run-1", params: { rate: 0.1 }, metrics: { accuracy: 0.1 }, steps: [{ name: "train" }] })
    expect((await ask("api/runs/run-1/explain")).json).toMatchObject({ runId: "run-1", steps: [{ name: "train", decision: "executed" }] })
    expect((await ask("api/runs/run-1/logs")).json.logs).toMatchObject([{ message: "begins" }])
    expect((await ask("api/runs/run-1/metric?name=loss&buckets=2")).json.buckets).toHaveLength(2)
    expect((await ask("api/compare?runs=run-1,run-2")).json).toMatchObject({ version: 1, runs: [{ id: "run-1" }, { id: "run-2" }] })
    expect((await ask("api/compare/groups?groupBy=tags.team")).json).toMatchObject({ groups: [{ name: "text" }, { name: "vision" }] })
    const changed = await ask("api/runs/run-1", { method: "PATCH", headers: json, body: JSON.stringify({ tags: { best: "no" }, note: "a note" }) })
    expect(changed.json).toMatchObject({ tags: { team: "vision", best: "no" }, note: "a note" })
    expect((await ask("api/runs/run-2/pin", { method: "POST", headers: json, body: "{}" })).json).toEqual({ experiment: "digits" })
    expect((await ask("api/experiments")).json.experiments[0].baseline.id).toBe("run-2")
  })

  it("draws curves of several runs in buckets that lose no spike, by index and by time, of a range", async () => {
    const whole = await ask("api/curves?runs=run-1,run-2,failed&name=loss")
    expect(whole.json.curves.map(({ run }: { run: string }) => run)).toEqual(["run-1", "run-2"])
    expect(whole.json.curves[0]).toMatchObject({ points: 5, x: [0, 1, 2, 3, 4], min: null, max: null })
    expect(whole.json.curves[0].y[1]).toBeCloseTo(1 / 1.1, 8)
    const [{ max, min, x }] = (await ask("api/curves?runs=run-1&name=loss&buckets=2")).json.curves
    expect(x).toEqual([1, 4])
    expect([max[0], min[1]]).toEqual([1, Number((1 / 1.4).toPrecision(9))])
    expect((await ask("api/curves?runs=run-1&name=loss&from=2&to=3")).json.curves).toMatchObject([{ points: 2, x: [2, 3] }])
    const [byTime] = (await ask("api/curves?runs=run-1&name=loss&by=time")).json.curves
    expect(byTime.x[0]).toBeGreaterThan(1e12)
    // Since each run was created, and zoomed into by the same.
    const [relative] = (await ask("api/curves?runs=run-1&name=loss&by=relative")).json.curves
    expect(relative.y).toEqual(byTime.y)
    const [begin, ...later] = relative.x as ReadonlyArray<number>
    expect(begin).toBeGreaterThanOrEqual(0)
    expect(byTime.x[0] - begin!).toBeCloseTo((await ask("api/runs/run-1")).json.createdAtMs)
    expect((await ask(`api/curves?runs=run-1&name=loss&by=relative&from=${begin}&to=${later.at(-1)}`)).json.curves).toMatchObject([{ points: 5 }])
    expect((await ask(`api/curves?runs=run-1&name=loss&by=relative&from=${later.at(-1)! + 1}`)).json.curves).toMatchObject([{ points: 0 }])
    expect((await ask("api/curves?runs=run-1,nope&name=loss")).status).toBe(404)
    expect((await ask(`api/curves?runs=${Array.from({ length: 51 }, (_, n) => `r${n}`)}&name=loss`)).status).toBe(400)
    const fields = (await ask("api/experiments/fields")).json.fields as ReadonlyArray<{ readonly field: string; readonly curve: boolean }>
    expect(fields.filter(({ curve }) => curve).map(({ field }) => field)).toEqual(["metrics.loss"])
    // The full name of a metric says no more than the short one here.
    expect(fields.map(({ field }) => field)).not.toContain("metrics.train.loss")
    expect((await ask("api/experiments/fields?search=LOS")).json.fields).toMatchObject([{ field: "metrics.loss" }])
  })

  it("tells its own description", async () => {
    expect((await ask("api/openapi.json")).json.paths).toHaveProperty(["/api/runs/{id}"])
  })

  it("gives artifacts as files that no browser runs", async () => {
    const { headers, text } = await ask("api/artifacts/run-1?name=page.html")
    expect(text).toBe("<script>alert(1)</script>")
    expect(headers.get("content-disposition")).toBe("attachment; filename=\"page.html\"")
    expect(headers.get("content-type")).toBe("application/octet-stream")
    expect(headers.get("content-security-policy")).toBe("sandbox; default-src 'none'")
  })

  it.each([
    ["api/runs?where=params.rate%20%3E", 400, "invalid_filter"],
    ["api/runs?limit=0", 400, "invalid_request"],
    ["api/runs?orderBy=__proto__", 400, "invalid_filter"],
    ["api/runs/..%2f..%2fetc%2fpasswd", 400, "invalid_run_id"],
    ["api/runs/%252e%252e%252f", 400, "invalid_run_id"],
    ["api/artifacts/..%2f..%2fetc?name=passwd", 400, "invalid_run_id"],
    ["api/artifacts/run-1?name=..%2F..%2Fetc%2Fpasswd", 400, "invalid_artifact_path"],
    ["api/artifacts/run-1?name=nothing", 404, "not_found"],
    ["api/runs/nobody", 404, "not_found"],
    ["api/nothing", 404, "not_found"],
    ["api/compare?runs=run-1", 400, "invalid_request"]
  ])("%s is answered by %i %s", async (path, status, code) => {
    const answer = await ask(path)
    expect(answer.status).toBe(status)
    expect(answer.json.error).toMatchObject({ code, message: expect.any(String), requestId: answer.headers.get("x-request-id") })
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff")
  })
})

describe("the graph of a run", () => {
  it("tells which steps were under way when a run stopped, as far as they left something", async () => {
    const under = Promise.withResolvers<void>()
    const waiting = Step.make("waiting", { version: "1", inputs: { first }, run: async ({ checkpoint, signal }) => {
      await checkpoint.save("half", 1)
      under.resolve()
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))))
    } })
    const handle = uniflow.start(Pipeline.make("waits", { steps: [waiting] }), { runId: "waits" })
    handle.result.catch(() => {})
    await under.promise
    expect((await ask("api/runs/waits")).json).toMatchObject({ status: "running", stopped: [], active: [{ step: "waiting" }] })
    await handle.cancel()
    expect((await ask("api/runs/waits")).json).toMatchObject({ status: "interrupted", stopped: ["waiting"], active: [] })
    expect((await ask("api/runs/run-1")).json.stopped).toEqual([])
  })

  it("tells of a run which step's output went into which, every execution, and its checkpoints", async () => {
    const own = store()
    const page = Dashboard.make({ uniflow: own })
    await own.run(letters, { runId: "letters-1" }).catch(() => {})
    await own.resume(letters, "letters-1", { rerun: ["join"] }).catch(() => {})
    const { json: body } = await ask("api/runs/letters-1", {}, page.handler)
    expect(body.inputs).toEqual({
      first: [],
      second: [],
      // Both made the same bytes: the input's name tells which is which.
      join: [{ name: "first", step: "first" }, { name: "second", step: "second" }],
      end: [{ name: "joined", step: "join" }]
    })
    expect(body.executions.filter(({ step }: { readonly step: string }) => step === "join")).toMatchObject([{ attempt: 1, decision: "executed", status: "completed" }, { attempt: 2, decision: "executed", status: "completed" }])
    expect(body.checkpoints).toMatchObject([{ step: "join", name: "half", version: 1, attempt: 2, sizeBytes: 3 }])
    expect(body.steps.at(-1)).toMatchObject({ name: "end", status: "failed" })
    await page.dispose()
    await own.close()
  })
})

describe("who may ask", () => {
  it("other hosts, sites and origins are refused before anything is looked up", async () => {
    expect((await ask("api/runs", { host: "evil.example" })).json.error.code).toBe("unknown_host")
    expect((await ask("api/runs", { headers: { "sec-fetch-site": "cross-site" } })).json.error.code).toBe("cross_site")
    expect((await ask("api/runs/run-1", { method: "PATCH", headers: { ...json, origin: "https://evil.example" }, body: "{}" })).json.error.code).toBe("cross_site")
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]) {
      expect((await ask("api/runs/run-1", { method: "PATCH", headers: { "content-type": type }, body: "{}" })).status).toBe(415)
    }
    expect((await ask("api/runs/run-1", { method: "PATCH", headers: json, body: JSON.stringify({ note: "x".repeat(2 * 1024 * 1024) }) })).status).toBe(413)
    expect((await ask("api/runs", { method: "OPTIONS" })).status).toBe(405)
  })

  it("in production nobody, until authorize is given", async () => {
    const closed = Dashboard.make({ uniflow, production: true })
    expect((await ask("", {}, closed.handler)).json.error.code).toBe("auth_not_configured")
    await closed.dispose()
  })

  it.each<readonly [string, () => unknown]>([
    ["throws", () => {
      throw new Error("broken")
    }],
    ["rejects", () => Promise.reject(new Error("broken"))],
    ["returns nothing", () => undefined],
    ["hangs", () => new Promise(() => {})]
  ])("an authorize that %s means no, for pages, files and the API", async (_, authorize) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {})
    const guarded = Dashboard.make({ uniflow, authorize: authorize as never, authorizeTimeoutMs: 20 })
    for (const path of ["", "assets/x.js", "api/runs", "api/events", "api/artifacts/run-1?name=page.html"]) expect((await ask(path, {}, guarded.handler)).status).toBe(403)
    log.mockRestore()
    await guarded.dispose()
  })

  it("a principal's filter holds everywhere: for it no other runs exist", async () => {
    const mine = Dashboard.make({ uniflow, authorize: () => ({ where: "tags.team = 'vision'" }) })
    const get = (path: string, init?: RequestInit) => ask(path, init, mine.handler)
    expect((await get("api/runs")).json.runs.map(({ id }: { readonly id: string }) => id)).toEqual(["run-2", "run-1"])
    expect((await get("api/experiments")).json.experiments[0]).toMatchObject({ runs: 2, failed: 0, last: { id: "run-2" }, best: { run: { id: "run-2" } } })
    for (const path of ["api/runs/run-3", "api/runs/run-3/logs", "api/runs/run-3/explain", "api/runs/run-3/metric?name=loss", "api/curves?runs=run-3&name=loss", "api/compare?runs=run-1,run-3", "api/artifacts/run-3?name=page.html", "api/runs?after=run-3"]) {
      expect((await get(path)).status).toBe(404)
    }
    expect((await get("api/runs/run-3", { method: "PATCH", headers: json, body: "{}" })).status).toBe(404)
    expect((await get("api/experiments/fields")).json.fields.find(({ field }: { readonly field: string }) => field === "params.rate").runs).toBe(2)
    await mine.dispose()
  })

  it("authorize is told what is asked for, and may answer by itself", async () => {
    const asked: Array<unknown> = []
    const login = Dashboard.make({ uniflow, authorize: (_, about) => (asked.push(about), new Response(null, { status: 302, headers: { location: "/login" } })) })
    expect((await ask("runs/run-1", {}, login.handler)).headers.get("location")).toBe("/login")
    await ask("api/runs/run-1/cancel", { method: "POST", headers: json, body: "{}" }, login.handler)
    // An id is told as it is looked up, not as somebody chose to write it.
    await ask("api/runs/run%2D1/logs", {}, login.handler)
    await ask("api/artifacts/%72un-1?name=page.html", {}, login.handler)
    expect(asked).toEqual([
      { action: "page", runId: undefined }, { action: "cancel", runId: "run-1" }, { action: "read", runId: "run-1" }, { action: "read", runId: "run-1" }
    ])
    await login.dispose()
  })
})

describe("where it is mounted", () => {
  it.each([
    ["/", "/", "", "./"],
    ["/uniflow", "/uniflow", "", "./uniflow/"],
    ["/uniflow/", "/uniflow", "", "./"],
    ["/app/uniflow/runs/run-1", "/app/uniflow", "runs/run-1", "../"],
    ["/uniflow/runs/run-1/", "/uniflow/", "runs/run-1/", "../../"]
  ])("%s under %s finds its way back", (pathname, mount, rest, base) => {
    expect(Dashboard.underMount(pathname, mount)).toBe(rest)
    expect(Dashboard.baseHref(pathname, rest)).toBe(base)
    const back = new URL(base, `http://localhost${pathname}`).pathname
    expect(back).toBe(`/${mount.split("/").filter((part) => part !== "").join("/")}/`.replace("//", "/"))
  })

  it("nothing outside of the mount is answered", () => {
    expect(Dashboard.underMount("/uniflowx/api", "/uniflow")).toBeUndefined()
    expect(Dashboard.underMount("/other", "/uniflow")).toBeUndefined()
  })
})

describe("live changes", () => {
  it("a stream says hello, tells which runs changed, and ends when the page is closed", async () => {
    const live = Dashboard.make({ uniflow })
    const response = await live.handler(new Request("http://localhost:4983/api/events", { headers: { host: "localhost:4983" } }))
    expect(response.headers.get("content-type")).toContain("text/event-stream")
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    const until = async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`ended without ${wanted}`)
        text += value
      }
    }
    await until("event: beat")
    await uniflow.runs.note("run-1", "again")
    await until("event: runs\ndata: {\"ids\":[\"run-1\"]}")
    await live.dispose()
    while (!(await reader.read()).done);
  })

  it("too many at a time are refused", async () => {
    const live = Dashboard.make({ uniflow, maxStreams: 1 })
    const events = () => live.handler(new Request("http://localhost:4983/api/events", { headers: { host: "localhost:4983" } }))
    expect([(await events()).status, (await events()).status]).toEqual([200, 429])
    await live.dispose()
  })
})
