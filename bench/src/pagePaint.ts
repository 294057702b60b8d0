import { Dashboard } from "@uniflow/dashboard"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import { type Browser, chromium } from "playwright-core"
import { Pipeline, Schema, Step, type Uniflow } from "uniflow"
import { type Line, line, timed } from "./Line.ts"
import { withUniflow } from "./workspace.ts"

const CHARTS = 10
const RUNS = 10
const POINTS = 10_000
const METRICS = 12_000
const PAINT_MS = 500
const USABLE_MS = 1_000

const curves = Step.make("curves", {
  version: "1",
  params: { seed: Schema.Number },
  run: ({ metrics, params }) => {
    for (let i = 0; i < POINTS; i++) {
      metrics.log(Object.fromEntries(Array.from({ length: CHARTS }, (_, n) => [`m${n}`, Math.exp(-i / (1000 + 100 * n)) + Math.sin(i * (n + 1) + params.seed) / 20])), { index: i })
    }
  }
})
const wide = Step.make("wide", {
  version: "1",
  params: { seed: Schema.Number },
  run: ({ metrics, params }) => {
    for (let index = 0; index < 2; index++) metrics.log(Object.fromEntries(Array.from({ length: METRICS }, (_, n) => [`key_${n}`, n + index * params.seed])), { index })
  }
})

/** The page on loopback, in this process: its time counts. */
const serve = async (uniflow: Uniflow.Uniflow): Promise<{ readonly origin: string; readonly stop: () => Promise<void> }> => {
  const server = createServer()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const page = Dashboard.make({ uniflow, hosts: [host], dangerouslyAllowUnauthenticated: true })
  server.on("request", (incoming, outgoing) => {
    const gone = new AbortController()
    outgoing.on("close", () => gone.abort())
    const headers = Object.fromEntries(Object.entries(incoming.headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])))
    void page.handler(new Request(`http://${host}${incoming.url}`, { headers, signal: gone.signal })).then((response) => {
      outgoing.writeHead(response.status, Object.fromEntries(response.headers))
      if (response.body === null) outgoing.end()
      else Readable.fromWeb(response.body as ReadableStream).on("error", () => outgoing.destroy()).pipe(outgoing)
    })
  })
  return {
    origin: `http://${host}`,
    stop: async () => {
      await page.dispose()
      server.closeAllConnections()
      server.close()
    }
  }
}

/**
 * From the change of the address, in a page that is loaded and shows no chart, to the frame after the last of ten plots is drawn: ten requests, ten
 * runs of 10,000 points in each.
 */
const paint = async (browser: Browser, origin: string): Promise<number> => {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1200 } })
  try {
    // One chart brings its code; then there is none.
    await page.goto(`${origin}/runs?experiment=curves&charts=m0`)
    await page.locator("section[aria-label='m0'] canvas").waitFor()
    await page.getByRole("button", { name: "Metrics (1 of 10)" }).click()
    await page.getByRole("checkbox", { name: "m0", exact: true }).click()
    await page.getByRole("button", { name: "Metrics (0 of 10)" }).waitFor()
    await page.keyboard.press("Escape")
    return await page.evaluate((charts) =>
      new Promise<number>((resolve) => {
        const begun = performance.now()
        const look = (): void => {
          if (document.querySelectorAll("section[aria-label='Charts'] canvas").length < charts) return
          observer.disconnect()
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begun)))
        }
        const observer = new MutationObserver(look)
        observer.observe(document.body, { childList: true, subtree: true })
        const next = new URL(location.href)
        next.searchParams.set("charts", Array.from({ length: charts }, (_, n) => `m${n}`).join(","))
        history.pushState(null, "", next)
        dispatchEvent(new PopStateEvent("popstate"))
      }), CHARTS)
  } finally {
    await page.close()
  }
}

/** From the navigation of an empty tab to rows, the first charts and a filter that takes what is typed. */
const usable = async (browser: Browser, origin: string): Promise<number> => {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1200 } })
  try {
    return await timed(async () => {
      await page.goto(`${origin}/runs?experiment=wide`)
      await page.locator("[data-run='0']").waitFor()
      await page.locator("section[aria-label='Charts'] canvas").first().waitFor()
      await page.getByRole("combobox", { name: "Filter" }).fill("metrics.key_11999 > 0")
    })
  } finally {
    await page.close()
  }
}

/** Issue 4: the page in a real browser. */
export const pagePaint = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow) => {
    const pipeline = Pipeline.make("curves", { steps: [curves] })
    for (let seed = 0; seed < RUNS; seed++) await uniflow.run(pipeline, { params: { seed } })
    const keys = Pipeline.make("wide", { steps: [wide] })
    for (let seed = 0; seed < 5; seed++) await uniflow.run(keys, { params: { seed } })
    const server = await serve(uniflow)
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
    try {
      const measured = async (work: (browser: Browser, origin: string) => Promise<number>, most: number) => {
        await work(browser, server.origin)
        const pairs: Array<{ value: number; against: number }> = []
        for (let round = 0; round < rounds; round++) pairs.push({ value: await work(browser, server.origin), against: most })
        return pairs
      }
      return [
        line({ name: "page-10-charts-10-runs-10000-points", unit: "ms", against: "the limit", pairs: await measured(paint, PAINT_MS), bar: { most: 1 } }),
        line({ name: "page-12000-metrics-usable", unit: "ms", against: "the limit", pairs: await measured(usable, USABLE_MS), bar: { most: 1 } })
      ]
    } finally {
      await browser.close()
      await server.stop()
    }
  })
