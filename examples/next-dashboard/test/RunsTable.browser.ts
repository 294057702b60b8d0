/**
 * The columns, views and filters of the runs table, by `uniflow ui` and a real browser: what a person does there, done by clicking, dragging and typing.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { Metrics, Pipeline, Schema, Step, Uniflow } from "uniflow"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { startUi } from "./startUi.ts"

const fit = Step.make("fit", {
  version: "1",
  params: { rate: Schema.Number, kind: Schema.String, extra: Schema.optionalKey(Schema.String) },
  run: ({ params }) => Metrics.create({ accuracy: 1 - params.rate, size: params.rate * 100 })
})
const line = Pipeline.make("line", { steps: [fit], goals: { accuracy: "maximize" } })

const folder = mkdtempSync(join(tmpdir(), "uniflow-runs-table-"))
const directory = join(folder, ".uniflow")
const problems: Array<string> = []
let uniflow: Awaited<ReturnType<typeof Uniflow.open>>
let browser: Browser
let context: BrowserContext
let page: Page
let server: Awaited<ReturnType<typeof startUi>>

beforeAll(async () => {
  uniflow = await Uniflow.open({ directory })
  for (let n = 0; n < 20; n++) await uniflow.run(line, { runId: `run_${String(n).padStart(2, "0")}`, params: { rate: n / 20, kind: n % 2 === 0 ? "even" : "odd" }, tags: n < 3 ? { stage: "prod" } : {} })
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
  context = await browser.newContext({ viewport: { width: 1400, height: 900 } })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on("pageerror", (error) => problems.push(error.message))
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()))
})
afterEach(async () => {
  await context.close()
  expect(problems.splice(0)).toEqual([])
})

const open = async (search = ""): Promise<void> => {
  await page.goto(`${server.origin}/runs?experiment=line${search}`)
  await page.locator("[data-run='0']").waitFor()
}
const untilRow = (row: number, id: string): Promise<void> => page.locator(`[data-run='${row}'][title='${id}']`).waitFor()
/** The fields of the columns, from left to right. */
const fields = (): Promise<ReadonlyArray<string>> => page.locator("[data-column]").evaluateAll((all) => all.map((one) => one.getAttribute("data-column") ?? ""))
const untilFields = async (wanted: ReadonlyArray<string>): Promise<void> => {
  await page.waitForFunction((all) => [...document.querySelectorAll("[data-column]")].map((one) => one.getAttribute("data-column")).join() === all, wanted.join())
}
const menu = async (column: string, item: string): Promise<void> => {
  await page.getByRole("button", { name: `Menu of ${column}`, exact: true }).click()
  await page.getByRole("dialog").getByRole("button", { name: item, exact: true }).click()
}
const COLUMNS = "&columns=run.status,params.rate,params.kind,metrics.accuracy,metrics.size"

it("a column is moved by dragging its header, and by Alt and the arrow keys, which keep the focus", async () => {
  await open(COLUMNS)
  await page.locator("[data-column='metrics.size']").dragTo(page.locator("[data-column='params.rate']"))
  await untilFields(["run.status", "metrics.size", "params.rate", "params.kind", "metrics.accuracy"])
  await page.locator("[data-column='metrics.size']").focus()
  await page.keyboard.press("Alt+ArrowRight")
  await untilFields(["run.status", "params.rate", "metrics.size", "params.kind", "metrics.accuracy"])
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-column") === "metrics.size")
  await page.keyboard.press("Alt+ArrowRight")
  await untilFields(["run.status", "params.rate", "params.kind", "metrics.size", "metrics.accuracy"])
  await page.reload()
  await untilFields(["run.status", "params.rate", "params.kind", "metrics.size", "metrics.accuracy"])
})

it("a pinned column stands still at the left while the others are scrolled", async () => {
  await page.setViewportSize({ width: 900, height: 900 })
  await open(`${COLUMNS}&widths=metrics.size:600`)
  await menu("accuracy", "Pin to the left")
  await untilFields(["metrics.accuracy", "run.status", "params.rate", "params.kind", "metrics.size"])
  const region = page.getByRole("region", { name: "Runs, to scroll" })
  const left = async (field: string): Promise<number> => (await page.locator(`[data-column='${field}']`).boundingBox())!.x
  const [pinned, other] = [await left("metrics.accuracy"), await left("metrics.size")]
  await region.evaluate((element) => element.scrollTo(element.scrollWidth, 0))
  await page.waitForFunction(() => document.querySelector("[role='region']")!.scrollLeft > 0)
  expect(await left("metrics.accuracy")).toBe(pinned)
  expect(await left("metrics.size")).toBeLessThan(other)
  await page.goto(`${server.origin}/runs?experiment=line`)
  await untilFields(["metrics.accuracy", "run.status", "params.rate", "params.kind", "metrics.size"])
  await menu("accuracy", "Unpin")
  await page.locator("[data-pinned]").waitFor({ state: "detached" })
})

it("a column is resized by dragging its edge and by arrow keys; the address and the browser keep it", async () => {
  await open(COLUMNS)
  const edge = page.getByRole("separator", { name: "Width of rate" })
  const before = Number(await edge.getAttribute("aria-valuenow"))
  const box = (await edge.boundingBox())!
  await page.mouse.move(box.x + 4, box.y + 10)
  await page.mouse.down()
  await page.mouse.move(box.x + 84, box.y + 10, { steps: 4 })
  await page.mouse.up()
  await page.waitForURL(new RegExp(`widths=params.rate%3A${before + 80}`))
  await edge.press("ArrowLeft")
  await page.waitForURL(new RegExp(`widths=params.rate%3A${before + 64}`))
  await page.goto(`${server.origin}/runs?experiment=line`)
  await page.locator(`[aria-label='Width of rate'][aria-valuenow='${before + 64}']`).waitFor()
  await page.waitForURL(/widths=params.rate/)
})

it("a view is saved under a name, changed, chosen, renamed and deleted, and another experiment has none of it", async () => {
  await open(`${COLUMNS}&sort=metrics.size+desc`)
  const views = page.getByRole("button", { name: /^View/ })
  const save = async (name: string): Promise<void> => {
    await views.click()
    await page.getByRole("textbox", { name: "Name of the view" }).fill(name)
    await page.keyboard.press("Enter")
    await page.getByRole("button", { name: `View: ${name}` }).waitFor()
  }
  await save("by size")
  await menu("rate", "Hide")
  await page.getByRole("button", { name: "View: by size (changed)" }).waitFor()
  await page.locator("[data-column='metrics.accuracy']").click()
  await page.waitForURL(/sort=metrics.accuracy/)
  await save("by accuracy")
  await views.click()
  await page.getByRole("list", { name: "Saved views" }).getByRole("button", { name: "by size" }).click()
  await untilFields(["run.status", "params.rate", "params.kind", "metrics.accuracy", "metrics.size"])
  await untilRow(0, "run_19")
  await page.reload()
  await views.click()
  await page.getByRole("button", { name: "Rename or delete" }).click()
  await page.getByRole("button", { name: "Name of the view by size" }).click()
  await page.getByRole("textbox", { name: "Name of the view by size" }).fill("largest")
  await page.keyboard.press("Enter")
  await page.getByRole("button", { name: "Name of the view largest" }).waitFor()
  await page.getByRole("button", { name: "Delete the view by accuracy" }).click()
  await page.getByRole("button", { name: "Delete the view by accuracy" }).waitFor({ state: "detached" })
  await page.keyboard.press("Escape")
  await page.getByRole("button", { name: "View: largest" }).waitFor()
  await page.goto(`${server.origin}/runs`)
  await page.getByRole("button", { name: "Views", exact: true }).click()
  await page.getByText("A view keeps the columns").waitFor()
})

it("the usual columns stay where they are when a new run brings another param", async () => {
  await open()
  const before = await fields()
  await uniflow.run(line, { runId: "fresh", params: { rate: 0.33, kind: "odd", extra: "yes" } })
  await untilRow(0, "fresh")
  await page.locator("[data-column='params.extra']").waitFor()
  expect((await fields()).slice(0, before.length)).toEqual(before)
})

it("runs are filtered from a column: numbers by a range, others by a value, and each is a chip", async () => {
  await open(COLUMNS)
  await page.getByRole("button", { name: "Menu of accuracy" }).click()
  await page.getByRole("textbox", { name: "Least accuracy" }).fill("0.19")
  await page.getByRole("textbox", { name: "Most accuracy" }).fill("0.4")
  await page.keyboard.press("Enter")
  await page.getByRole("button", { name: "Without metrics.accuracy >= 0.19" }).waitFor()
  await untilRow(0, "run_16")
  await menu("kind", "Only kind odd")
  await untilRow(0, "run_15")
  expect(await page.getByRole("combobox", { name: "Filter" }).inputValue()).toBe("metrics.accuracy >= 0.19 and metrics.accuracy <= 0.4 and params.kind = \"odd\"")
  await page.getByRole("button", { name: "Menu of accuracy" }).click()
  await page.getByRole("textbox", { name: "Most accuracy" }).fill("")
  await page.keyboard.press("Enter")
  await page.getByRole("button", { name: "Without metrics.accuracy <= 0.4" }).waitFor({ state: "detached" })
  await page.getByRole("button", { name: "Without params.kind = \"odd\"" }).click()
  await page.getByRole("button", { name: "Without params.kind = \"odd\"" }).waitFor({ state: "detached" })
  expect(await page.getByRole("combobox", { name: "Filter" }).inputValue()).toBe("metrics.accuracy >= 0.19")
})

it("a chip is added from any column", async () => {
  await open("&columns=run.status,metrics.size,tags")
  await page.getByRole("button", { name: "+ Filter" }).click()
  await page.getByRole("searchbox", { name: "Search columns" }).fill("tag")
  await page.getByRole("dialog").getByRole("button", { name: "tags", exact: true }).click()
  await page.getByRole("button", { name: "Only tags stage prod" }).click()
  await untilRow(0, "run_02")
  await page.getByRole("button", { name: "Without tags.stage = \"prod\"" }).waitFor()
})

it("runs are selected by the space bar, and with Shift and the arrow keys", async () => {
  await open(COLUMNS)
  await page.locator("[data-run='1']").focus()
  await page.keyboard.press("Space")
  await page.getByText("1 selected", { exact: false }).first().waitFor()
  await page.keyboard.press("Shift+ArrowDown")
  await page.keyboard.press("Shift+ArrowDown")
  await page.getByRole("link", { name: "Compare 3" }).waitFor()
  await page.keyboard.press("Space")
  await page.getByRole("link", { name: "Compare 2" }).waitFor()
})

it("thousands of columns to choose from are searched, and few of them are in the page", async () => {
  await uniflow.run(
    Pipeline.make("wide", { steps: [Step.make("wide", { version: "1", run: () => Metrics.create(Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`m${String(n).padStart(4, "0")}`, n]))) })] }),
    { runId: "wide" }
  )
  await page.goto(`${server.origin}/runs?experiment=wide`)
  await page.locator("[data-run='0']").waitFor()
  await page.getByRole("button", { name: "Columns" }).click()
  const popup = page.getByRole("dialog", { name: "Columns" })
  await popup.getByRole("checkbox").first().waitFor()
  expect(await popup.getByRole("checkbox").count()).toBeLessThan(60)
  await popup.getByRole("searchbox").fill("m1234")
  await popup.getByRole("checkbox", { name: "metrics.m1234" }).check()
  await page.locator("[data-column='metrics.m1234']").waitFor()
})
