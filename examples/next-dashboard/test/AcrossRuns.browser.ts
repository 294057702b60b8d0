/** Pictures of many runs, by `uniflow ui` and a real browser: scatter, parallel coordinates, and curves that are zoomed into. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core"
import { Metrics, Pipeline, Schema, Step, Uniflow } from "uniflow"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { startUi } from "./startUi.ts"

const fit = Step.make("fit", {
  version: "1",
  params: { rate: Schema.Number, kind: Schema.String },
  run: ({ metrics, params }) => {
    // More points than a chart has buckets, and one spike among them.
    for (let index = 0; index < 2_000; index++) metrics.log({ loss: index === 700 ? 9 : Math.exp(-index * params.rate / 100) }, { index })
    return Metrics.create({ accuracy: 1 - params.rate })
  }
})
const sweep = Pipeline.make("sweep", { steps: [fit], goals: { accuracy: "maximize", loss: "minimize" } })

const folder = mkdtempSync(join(tmpdir(), "uniflow-across-"))
const directory = join(folder, ".uniflow")
const problems: Array<string> = []
let uniflow: Awaited<ReturnType<typeof Uniflow.open>>
let browser: Browser
let context: BrowserContext
let page: Page
let server: Awaited<ReturnType<typeof startUi>>

beforeAll(async () => {
  uniflow = await Uniflow.open({ directory })
  for (let n = 0; n < 30; n++) await uniflow.run(sweep, { runId: `run_${String(n).padStart(2, "0")}`, params: { rate: 0.01 * 1.15 ** n, kind: n % 3 === 0 ? "third" : "other" } })
  server = await startUi(directory)
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  await uniflow?.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, acceptDownloads: true })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on("pageerror", (error) => problems.push(error.message))
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()))
})
afterEach(async () => {
  await context.close()
  expect(problems.splice(0)).toEqual([])
})

const openRuns = async (search = ""): Promise<void> => {
  await page.goto(`${server.origin}/runs?experiment=sweep${search}`)
  await page.locator("[data-run='0']").waitFor()
}
const across = (): Locator => page.getByRole("region", { name: "Across runs" })
const drag = async (box: { readonly x: number; readonly y: number }, from: readonly [number, number], to: readonly [number, number]): Promise<void> => {
  await page.mouse.move(box.x + from[0], box.y + from[1])
  await page.mouse.down()
  await page.mouse.move(box.x + to[0], box.y + to[1], { steps: 5 })
  await page.mouse.up()
}

it("a scatter takes a metric against a param, on a log scale, and a drag selects the runs inside", async () => {
  await openRuns()
  await page.getByText("Scatter", { exact: true }).click()
  await page.getByRole("application", { name: /^accuracy against started/ }).waitFor()
  await across().getByRole("button", { name: "x started" }).click()
  await page.getByRole("searchbox", { name: "Search a field for x" }).fill("rate")
  await page.keyboard.press("Enter")
  await page.getByRole("application", { name: /^accuracy against rate of 30 runs/ }).waitFor()
  await across().getByRole("checkbox", { name: "Log x" }).check()
  const plot = page.getByRole("application")
  const box = (await plot.boundingBox())!
  // The least rates are at the left and have the highest accuracy.
  await drag(box, [24, 4], [box.width / 2, box.height / 2])
  await page.getByText(/\b1[0-9] selected\b/).waitFor()
  expect(await page.getByRole("checkbox", { name: "Select run_29" }).isChecked()).toBe(false)
  const address = new URL(page.url()).searchParams
  expect(address.get("selected")).toContain("run_00")
  expect(address.get("xy")).toBe("params.rate,metrics.accuracy")
  await page.reload()
  await page.getByRole("application", { name: /^accuracy against rate of 30 runs/ }).waitFor()
  expect(await across().getByRole("checkbox", { name: "Log x" }).isChecked()).toBe(true)
})

it("by keyboard alone: from point to point, the row is lit, one is selected and opened", async () => {
  await openRuns("&across=scatter&xy=params.rate,metrics.accuracy")
  const plot = page.getByRole("application")
  await plot.focus()
  await page.keyboard.press("End")
  await plot.getByText("run_29").waitFor()
  await page.locator("[role=row].bg-band", { hasText: "run_29" }).waitFor()
  await page.keyboard.press("ArrowLeft")
  await plot.getByText("run_28").waitFor()
  await page.keyboard.press("Space")
  await page.getByRole("checkbox", { name: "Select run_28" }).and(page.locator(":checked")).waitFor()
  await page.keyboard.press("Enter")
  await page.waitForURL("**/runs/run_28")
})

it("a row that is pointed at is lit in the scatter, texts have their places, and there are a table and a picture", async () => {
  await openRuns("&across=scatter&xy=params.kind,metrics.accuracy&tint=metrics.accuracy")
  const plot = page.getByRole("application", { name: /^accuracy against kind of 30 runs/ })
  await plot.waitFor()
  await page.locator("[data-run='2']").hover()
  await plot.getByText("kind: third").waitFor()
  const [picture] = await Promise.all([page.waitForEvent("download"), across().getByRole("button", { name: "PNG" }).click()])
  expect(readFileSync(await picture.path()).subarray(1, 4).toString()).toBe("PNG")
  await across().getByRole("button", { name: "Data" }).click()
  await across().getByRole("row", { name: "run_00 third 0.99" }).waitFor()
  expect(await across().getByRole("row").count()).toBe(31)
})

it("ranges on parallel axes, by dragging and by keys, leave runs that are selected or become the filter", async () => {
  await openRuns()
  await page.getByText("Parallel coordinates", { exact: true }).click()
  const plot = page.getByRole("group", { name: /^Parallel coordinates of 30 runs over/ })
  const least = plot.getByRole("slider", { name: "Least accuracy" })
  await least.focus()
  for (let n = 0; n < 5; n++) await page.keyboard.press("PageUp")
  await across().getByText(/of 30 runs within the ranges/).waitFor()
  expect(Number(await least.getAttribute("aria-valuenow"))).toBe(50)
  await page.keyboard.press("Escape")
  await across().getByText("30 runs", { exact: true }).waitFor()
  // The texts of kind: "other" below, "third" above.
  const kind = (await plot.getByTitle(/^Drag along kind/).boundingBox())!
  await drag(kind, [12, 10], [12, kind.height * 0.45])
  await across().getByText("10 of 30 runs within the ranges").waitFor()
  await across().getByRole("button", { name: "Select them" }).click()
  await page.getByText("10 selected").waitFor()
  await across().getByRole("button", { name: "Filter by the ranges" }).click()
  await page.waitForURL(/where=/)
  expect(await page.getByRole("combobox", { name: "Filter" }).inputValue()).toBe("params.kind in (\"third\")")
  await page.getByRole("group", { name: /^Parallel coordinates of 10 runs/ }).waitFor()
})

it("axes are chosen, and a run that an eye hides is in no picture", async () => {
  await openRuns("&selected=run_29,run_28")
  await page.getByRole("button", { name: "Curves of run_29" }).click()
  await page.getByText("Parallel coordinates", { exact: true }).click()
  await page.getByRole("group", { name: /^Parallel coordinates of 29 runs/ }).waitFor()
  await across().getByRole("button", { name: /^Axes/ }).click()
  await page.getByRole("searchbox", { name: "Search axes" }).fill("duration")
  await page.getByRole("checkbox", { name: "run.duration" }).click()
  await page.keyboard.press("Escape")
  await page.getByRole("group", { name: /, took$/ }).waitFor()
})

it("zooming asks for finer buckets, along the time since the begin too, and the charts that were chosen are remembered", async () => {
  await openRuns("&selected=run_00,run_01&x=relative")
  const chart = page.locator("section[aria-label='loss']")
  await chart.locator(".u-over").waitFor()
  const box = (await chart.locator(".u-over").boundingBox())!
  const [asked] = await Promise.all([
    page.waitForRequest((request) => request.url().includes("api/curves") && request.url().includes("from=")),
    drag(box, [box.width * 0.2, 50], [box.width * 0.6, 50])
  ])
  const query = new URL(asked.url()).searchParams
  expect(query.get("by")).toBe("relative")
  const { curves } = (await (await asked.response())!.json()) as { readonly curves: ReadonlyArray<{ readonly x: ReadonlyArray<number> }> }
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))]
  expect(curves.flatMap(({ x }) => x).every((x) => x >= from && x <= to)).toBe(true)
  await page.getByRole("button", { name: "Show all" }).click()
  await page.getByRole("button", { name: "Show all" }).waitFor({ state: "hidden" })
  await page.getByRole("button", { name: /^Metrics/ }).click()
  await page.getByRole("checkbox", { name: "loss" }).click()
  await chart.waitFor({ state: "detached" })
  await openRuns()
  await page.getByRole("button", { name: "Metrics (0 of 1)" }).waitFor()
})
