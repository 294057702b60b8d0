/** The page under a path of an Express and of a Fastify application, bridged as docs/dashboard.md says, used by a real browser. */
import { once } from "node:events"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { createRequestListener } from "@remix-run/node-fetch-server"
import { Dashboard } from "@uniflow/dashboard"
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, Step, Uniflow } from "@uniflow/core"
import { Layer } from "effect"
import express from "express"
import Fastify from "fastify"
import { type Browser, chromium } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const fit = Step.make("fit", { version: "1", run: () => Metrics.create({ accuracy: 0.5 }) })
const line = Pipeline.make("line", { steps: [fit] })

let browser: Browser
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(() => browser?.close())

const portOf = (server: Server): number => (server.address() as AddressInfo).port

const bridges: { readonly [name: string]: (dashboard: Dashboard.Dashboard, path: string) => Promise<{ readonly port: number; readonly close: () => Promise<unknown> }> } = {
  Express: async (dashboard, path) => {
    const app = express()
    app.all(`${path}{/*rest}`, createRequestListener((request) => dashboard.handler(request, { path })))
    app.use(express.json())
    app.get("/", (_, response) => void response.send("the application"))
    const server = app.listen(0, "127.0.0.1")
    await once(server, "listening")
    return {
      port: portOf(server),
      close: () => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      }
    }
  },
  Fastify: async (dashboard, path) => {
    const app = Fastify({ forceCloseConnections: true })
    const handler = createRequestListener((request) => dashboard.handler(request, { path }))
    app.register(async (scope) => {
      // Bodies are the page's to read.
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser("*", (_request, _payload, done) => done(null))
      for (const url of [path, `${path}/*`]) {
        scope.all(url, (request, reply) => {
          reply.hijack()
          handler(request.raw, reply.raw)
        })
      }
    })
    app.get("/", () => "the application")
    await app.listen({ port: 0, host: "127.0.0.1" })
    return { port: portOf(app.server), close: () => app.close() }
  }
}

describe.each(["Express", "Fastify"])("%s", (name) => {
  it.each(["/uniflow", "/app/uniflow"])("serves pages, files, changes with bodies and live streams under %s, and the application beside it", async (path) => {
    const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
    const dashboard = Dashboard.make({ uniflow })
    const server = await bridges[name]!(dashboard, path)
    const origin = `http://localhost:${server.port}`
    const context = await browser.newContext()
    try {
      await uniflow.run(line, { runId: "one" })
      const page = await context.newPage()
      page.setDefaultTimeout(15_000)
      const problems: Array<string> = []
      page.on("pageerror", (error) => problems.push(error.message))
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()))

      for (const address of [`${path}/runs/one`, `${path}/runs?experiment=line`, `${path}/`, path]) {
        await page.goto(`${origin}${address}`)
        await page.getByRole("link", { name: "Experiments" }).click()
        await page.getByRole("link", { name: "line", exact: true }).first().waitFor()
        expect(new URL(page.url()).pathname.replace(/\/$/, "")).toBe(path)
      }
      // What begins now comes by the stream.
      const counted = page.getByText("2 runs")
      await Promise.all([page.waitForResponse((response) => response.url().includes("/api/events")), page.goto(`${origin}${path}`)])
      await page.getByText("1 run").first().waitFor()
      await uniflow.run(line, { runId: "two" })
      await counted.first().waitFor()
      expect(await page.getByRole("status").first().innerText()).toBe("")

      const [changed, pinned] = await page.evaluate(async () => {
        const send = (method: string, to: string, body: unknown) =>
          fetch(new URL(to, document.baseURI), { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) }).then((response) => response.json() as Promise<unknown>)
        return [await send("PATCH", "api/runs/one", { note: "é".repeat(5_000) }), await send("POST", "api/runs/one/pin", {})]
      })
      expect(changed).toMatchObject({ note: "é".repeat(5_000) })
      expect(pinned).toEqual({ experiment: "line" })
      expect(await (await fetch(origin)).text()).toBe("the application")
      expect((await fetch(`${origin}${path}/api/runs/..%2f..%2fetc`)).status).toBe(400)
      expect(problems).toEqual([])
    } finally {
      await context.close()
      await server.close()
      await dashboard.dispose()
      await uniflow.close()
    }
  })
})
