import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, Step, Uniflow } from "@uniflow/core"
import { Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { type Authorize, Dashboard } from "../src/index.ts"

const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
const letters = Pipeline.make("letters", { steps: [Step.make("a", { version: "1", run: () => "a" })] })

beforeAll(async () => {
  for (const runId of ["run-1", "cancel"]) await uniflow.run(letters, { runId, tags: { team: "blue" } })
})
afterAll(() => uniflow.close())

const ask = async (authorize: Authorize, path: string, init: RequestInit = {}, options: Partial<Dashboard.DashboardOptions> = {}) => {
  const dashboard = Dashboard.make({ uniflow, authorize, ...options })
  const mutates = !["GET", "HEAD"].includes(init.method ?? "GET")
  const response = await dashboard.handler(new Request(`http://localhost/${path}`, { ...init, ...mutates ? { headers: { "content-type": "application/json" }, duplex: "half" } : {} } as RequestInit))
  await dashboard.dispose()
  return response
}

describe("authorize is told what is then looked up", () => {
  // Each of these leads a lenient router to a run, or to an action on one, that nobody was asked about.
  it.each([
    ["GET", "api/%72uns/run-1"], ["GET", "api//runs/run-1"], ["GET", "api/RUNS/run-1"], ["GET", "api/runs/run-1;x=1"], ["GET", "api/runs/run-1//logs"],
    ["GET", "api/runs/run-1/log%73"], ["GET", "api/runs/run-1/logs;a"], ["GET", "api/Artifacts/run-1?name=a"], ["GET", "api/%61rtifacts/run-1?name=a"], ["GET", "api/artifacts/run-1/?name=a/b"],
    ["POST", "api/runs/run-1/cance%6c"], ["POST", "api/runs/run-1/Cancel"], ["POST", "api/runs/run-1/cancel/x"], ["POST", "api/runs//run-1/cancel"]
  ])("%s %s: as it is, or not at all", async (method, path) => {
    const told: Array<Parameters<Authorize>[1]> = []
    const response = await ask((_, about) => (told.push(about), {}), path, { method, ...method === "POST" ? { body: "{}" } : {} })
    if (told.at(-1)?.runId !== "run-1") expect(response.status).toBeGreaterThanOrEqual(400)
    if (method === "POST" && told.at(-1)?.action !== "cancel") expect(response.status).toBeGreaterThanOrEqual(400)
  })

  it("a run named like an action is no action", async () => {
    const told: Array<Parameters<Authorize>[1]> = []
    expect((await ask((_, about) => (told.push(about), {}), "api/runs/cancel", { method: "PATCH", body: "{}" })).status).toBe(200)
    expect(told).toEqual([{ action: "annotate", runId: "cancel" }])
  })
})

describe("what authorize gives", () => {
  const quiet = vi.spyOn(console, "error")
  beforeAll(() => void quiet.mockImplementation(() => {}))
  afterAll(() => quiet.mockRestore())

  it.each<readonly [string, unknown]>([
    ["a tag that is undefined", { where: { tags: { team: undefined } } }],
    ["an undefined filter", { where: undefined }],
    ["an undefined filter far inside", { where: { or: [{ tags: { team: "red" } }, { not: undefined }] } }],
    ["a filter that cannot be read", { where: "tags.team =" }],
    ["an empty text", { where: "" }],
    ["no filter", { where: 3 }],
    ["null", { where: null }],
    ["a list", []],
    ["true", true],
    ["a name alone, as text", "ada"]
  ])("%s lets nobody in", async (_, principal) => {
    expect((await ask(() => principal as never, "api/runs")).status).toBe(403)
  })

  it("a principal may be any object of the application's", async () => {
    expect((await ask(() => ({ status: "active", code: "x", message: "y" }) as never, "api/runs")).status).toBe(200)
  })

  it("the same Response may be given to everybody", async () => {
    const no = new Response("no", { status: 401 })
    for (let n = 0; n < 3; n++) {
      const response = await ask(() => no, "api/runs")
      expect([response.status, await response.text()]).toEqual([401, "no"])
      expect(response.headers.get("x-content-type-options")).toBe("nosniff")
    }
  })
})

describe("what takes up room is bounded", () => {
  it("events are read by GET; HEAD holds no stream open", async () => {
    const dashboard = Dashboard.make({ uniflow, maxStreams: 2 })
    const events = (method: string) => dashboard.handler(new Request("http://localhost/api/events", { method, ...method === "POST" ? { headers: { "content-type": "application/json" }, body: "{}" } : {} }))
    expect((await events("POST")).status).toBe(405)
    for (let n = 0; n < 5; n++) expect((await events("HEAD")).status).toBe(200)
    expect([(await events("GET")).status, (await events("GET")).status, (await events("GET")).status]).toEqual([200, 200, 429])
    await dashboard.dispose()
  })

  it("one session has at most eight streams, and leaves room for others", async () => {
    const dashboard = Dashboard.make({ uniflow, authorize: (request) => ({ name: request.headers.get("x-user") ?? "" }) })
    const events = (user: string, signal?: AbortSignal) => dashboard.handler(new Request("http://localhost/api/events", { headers: { "x-user": user }, ...signal === undefined ? {} : { signal } }))
    const leaving = new AbortController()
    expect((await events("ada", leaving.signal)).status).toBe(200)
    for (let n = 1; n < 8; n++) expect((await events("ada")).status).toBe(200)
    for (let n = 0; n < 200; n++) expect((await events("ada")).status).toBe(429)
    expect((await events("bob")).status).toBe(200)
    leaving.abort()
    expect((await events("ada")).status).toBe(200)
    await dashboard.dispose()
  })

  it("a reader that does not read has a short queue, and is then told to ask for everything", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const dashboard = Dashboard.make({ uniflow })
      const reader = (await dashboard.handler(new Request("http://localhost/api/events"))).body!.getReader()
      for (let n = 0; n < 200; n++) await vi.advanceTimersByTimeAsync(1_000)
      const text = new TextDecoder()
      const queued: Array<string> = []
      const read = async () => queued.push(text.decode((await reader.read()).value))
      for (let n = 0; n < 64; n++) await read()
      await vi.advanceTimersByTimeAsync(1_000)
      await read()
      // Without a bound there would still be old beats in the queue.
      expect(queued.at(-1)).toContain("event: all")
      await dashboard.dispose()
    } finally {
      vi.useRealTimers()
    }
  })

  it("a body that does not end is left after a few MiB, one that does not go on after a while, and one that is no text is not read", async () => {
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 64 * 1024
        controller.enqueue(new Uint8Array(64 * 1024).fill(32))
      }
    })
    expect((await ask(() => ({}), "api/runs/run-1", { method: "PATCH", body: endless })).status).toBe(413)
    expect(pulled).toBeLessThan(10 * 1024 * 1024)
    let left = false
    const silent = new ReadableStream<Uint8Array>({ cancel: () => void (left = true) })
    expect((await ask(() => ({}), "api/runs/run-1", { method: "PATCH", body: silent }, { maxBodyMs: 20 })).status).toBe(408)
    await expect.poll(() => left, { timeout: 5_000 }).toBe(true)
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("reset")) })
    expect((await ask(() => ({}), "api/runs/run-1", { method: "PATCH", body: broken })).status).toBe(400)
    expect((await ask(() => ({}), "api/runs/run-1", { method: "PATCH", body: new Uint8Array([0x7b, 0x22, 0x6e, 0x6f, 0x74, 0x65, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]) })).status).toBe(400)
  })
})
