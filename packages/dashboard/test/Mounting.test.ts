/** The page where it is mounted: its live streams end by themselves, and where runs cannot be kept it says so and what to do. */
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, RunStore, Step, StoreError, type StoreReason, Uniflow } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Dashboard } from "../src/index.ts"

const uniflowOn = (store: Layer.Layer<RunStore>) => Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(store, MemoryArtifactStore.layer, JsonCodec.layer))))

const request = (path: string, init?: RequestInit) => new Request(`http://localhost:4983${path}`, { ...init, headers: { host: "localhost:4983" } })

describe("live streams", () => {
  const readerOf = (response: Response) => {
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    return {
      until: async (wanted: string): Promise<void> => {
        while (!text.includes(wanted)) {
          const { done, value } = await reader.read()
          if (done) throw new Error(`ended without ${wanted}`)
          text += value
        }
      },
      toEnd: async (): Promise<string> => {
        while (true) {
          const { done, value } = await reader.read()
          if (done) return text
          text += value
        }
      }
    }
  }

  it("end by themselves after the time that was given, ask to come again soon, and make room for the next", async () => {
    const uniflow = uniflowOn(MemoryRunStore.layer)
    const dashboard = Dashboard.make({ uniflow, maxStreamMs: 50, maxStreams: 1 })
    for (let times = 0; times < 3; times++) {
      const response = await dashboard.handler(request("/api/events"))
      expect(response.status).toBe(200)
      expect(await readerOf(response).toEnd()).toBe("retry: 1000\nevent: hello\ndata: {}\n\n")
    }
    await dashboard.dispose()
    await uniflow.close()
  })

  it("the first one asks for everything again: what changed while the page was loading nobody saw", async () => {
    const uniflow = uniflowOn(MemoryRunStore.layer)
    const dashboard = Dashboard.make({ uniflow })
    const first = readerOf(await dashboard.handler(request("/api/events")))
    await uniflow.run(Pipeline.make("quick", { steps: [Step.make("one", { version: "1", run: () => 1 })] }), { runId: "quick-1" })
    await first.until("event: all")
    const second = readerOf(await dashboard.handler(request("/api/events")))
    await uniflow.runs.note("quick-1", "seen")
    await second.until("data: {\"ids\":[\"quick-1\"]}")
    await dashboard.dispose()
    expect(await second.toEnd()).not.toContain("event: all")
    await uniflow.close()
  })
})

describe("a store that cannot be used", () => {
  afterEach(() => void vi.restoreAllMocks())

  const broken = (reason: StoreReason) => {
    const failure = new StoreError({ reason, what: "Nothing can be written to /srv/<secret>" })
    return uniflowOn(Layer.effect(RunStore, Effect.map(MemoryRunStore.make, (store) => ({ ...store, usable: Effect.fail(failure) }))))
  }

  it.each<[StoreReason, string]>([
    ["NotPermitted", "read-only"],
    ["NotSupported", "vanishes"],
    ["Unavailable", "is gone"]
  ])("%s: every page is one that names the setting of PostgreSQL, and shows the folder to developers alone", async (reason, words) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {})
    for (const production of [false, true]) {
      const uniflow = broken(reason)
      const dashboard = Dashboard.make({ uniflow, production, dangerouslyAllowUnauthenticated: true })
      for (const path of ["/", "/runs/one", "/compare?runs=a,b"]) {
        const response = await dashboard.handler(request(path))
        const text = await response.text()
        expect(response.status).toBe(503)
        expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8")
        expect(response.headers.get("content-security-policy")).toContain("default-src 'none'")
        expect(text).toContain("UNIFLOW_URL=postgres://")
        expect(text).toContain(words)
        expect(text.includes("/srv/&lt;secret&gt;")).toBe(!production)
        expect(text).not.toContain("<secret>")
        expect(text).toContain(response.headers.get("x-request-id"))
      }
      expect(log).toHaveBeenLastCalledWith(expect.any(String), expect.stringContaining("/srv/<secret>"))
      await dashboard.dispose()
      await uniflow.close()
    }
  })

  it("one that is busy is no reason: the page tries again by itself", async () => {
    const uniflow = broken("Busy")
    const dashboard = Dashboard.make({ uniflow })
    expect(await (await dashboard.handler(request("/"))).text()).not.toContain("UNIFLOW_URL")
    await dashboard.dispose()
    await uniflow.close()
  })

  it("who may not see the page does not see this one either", async () => {
    const uniflow = broken("NotPermitted")
    const dashboard = Dashboard.make({ uniflow, authorize: () => new Response(null, { status: 401 }) })
    expect((await dashboard.handler(request("/"))).status).toBe(401)
    await dashboard.dispose()
    await uniflow.close()
  })
})
