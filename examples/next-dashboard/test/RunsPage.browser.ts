/**
 * The list of experiments and the workspace of runs, by `uniflow ui` and a real browser: what a person does there, done by clicking and typing.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { Metrics, Pipeline, Schema, Step, Uniflow } from "uniflow"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { startUi } from "./startUi.ts"

const fit = Step.make("fit", {
  version: "1",
  params: { rate: Schema.Number, kind: Schema.String, fail: Schema.optionalKey(Schema.Boolean) },
  run: ({ metrics, params }) => {
    for (let index = 0; index < 50; index++) metrics.log({ loss: Math.exp(-index * params.rate) }, { index })
    if (params.fail === true) throw new Error("The matrix is singular\nat row 3")
    return Metrics.create({ accuracy: 1 - params.rate })
  }
})
const line = Pipeline.make("line", { steps: [fit], goals: { accuracy: "maximize", loss: "minimize" } })

const wait = Step.make("wait", { version: "1", run: ({ signal }) => new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))) })
const endless = Pipeline.make("endless", { steps: [wait] })

const folder = mkdtempSync(join(tmpdir(), "uniflow-runs-page-"))
const directory = join(folder, ".uniflow")
const problems: Array<string> = []
let uniflow: Awaited<ReturnType<typeof Uniflow.open>>
let browser: Browser
let context: BrowserContext
let page: Page
let server: Awaited<ReturnType<typeof startUi>>

beforeAll(async () => {
  uniflow = await Uniflow.open({ directory })
  for (let n = 0; n < 150; n++) await uniflow.run(line, { runId: `run_${String(n).padStart(3, "0")}`, params: { rate: (1 + n % 5) / 10, kind: n % 2 === 0 ? "even" : "odd" } })
  await uniflow.run(line, { runId: "broken", params: { rate: 0.2, kind: "even", fail: true } }).catch(() => {})
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
  context = await browser.newContext({ viewport: { width: 1600, height: 900 }, acceptDownloads: true })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on("pageerror", (error) => problems.push(error.message))
  // A filter that cannot be read is answered with 400, which the browser notes by itself.
  page.on("console", (message) => message.type() === "error" && !message.text().includes("400") && problems.push(message.text()))
})
afterEach(async () => {
  await context.close()
  expect(problems.splice(0)).toEqual([])
})

const openRuns = async (search = ""): Promise<void> => {
  await page.goto(`${server.origin}/runs?experiment=line${search}`)
  await page.locator("[data-run='0']").waitFor()
}
/** The run in a row of the table. */
const inRow = (row: number): Promise<string | null> => page.locator(`[data-run='${row}']`).getAttribute("title")
const untilRow = (row: number, id: string): Promise<void> => page.locator(`[data-run='${row}'][title='${id}']`).waitFor()

it("the first page tells of each experiment its best run, what failed and why", async () => {
  await page.goto(server.origin)
  const row = page.getByRole("list", { name: "Experiments" }).getByRole("listitem")
  await row.getByText("fit: The matrix is singular", { exact: true }).waitFor()
  await row.getByText("151 runs").waitFor()
  await row.getByText("0.9", { exact: true }).waitFor()
  await row.getByRole("link", { name: "1 failed" }).click()
  await untilRow(0, "broken")
  expect(await page.getByRole("combobox", { name: "Filter" }).inputValue()).toContain("failed")
})

it("a click on a header sorts all runs, not those that are loaded, and the address says so", async () => {
  await openRuns()
  await page.locator("[data-column='metrics.accuracy']").click()
  await page.locator("[aria-sort='descending']").waitFor()
  await untilRow(0, "run_145")
  await page.locator("[data-column='metrics.accuracy']").click()
  await page.locator("[aria-sort='ascending']").waitFor()
  await untilRow(0, "run_004")
  await page.reload()
  await untilRow(0, "run_004")
})

it("rows come as they are scrolled to, and only those in view are in the page", async () => {
  await openRuns()
  await page.getByText("100 runs loaded, more below").waitFor()
  await page.getByRole("region", { name: "Runs, to scroll" }).evaluate((element) => element.scrollTo(0, element.scrollHeight))
  await page.getByText("151 runs", { exact: true }).waitFor()
  expect(await page.locator("[data-run]").count()).toBeLessThan(80)
})

it("a filter is completed while it is typed, and a mistake is shown where it is", async () => {
  await openRuns()
  const filter = page.getByRole("combobox", { name: "Filter" })
  await filter.pressSequentially("kin")
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("Enter")
  expect(await filter.inputValue()).toBe("params.kind ")
  await filter.pressSequentially("= ")
  await page.getByRole("option", { name: "\"odd\"" }).click()
  await page.keyboard.press("Enter")
  await untilRow(0, "run_149")
  await untilRow(1, "run_147")
  await filter.fill("params.kind => 2")
  await page.getByRole("alert").getByText("at character 14").waitFor()
  expect(await page.getByRole("alert").locator("mark").textContent()).toBe(">")
})

it("a chip narrows the filter by a value of a param, and another takes a condition away", async () => {
  await openRuns(`&where=${encodeURIComponent("metrics.accuracy > 0.55 and run.id like \"run%\"")}`)
  await page.getByRole("button", { name: "Only kind odd" }).click()
  await untilRow(0, "run_147")
  expect(await page.getByRole("combobox", { name: "Filter" }).inputValue()).toBe("metrics.accuracy > 0.55 and run.id like \"run%\" and params.kind = \"odd\"")
  await page.getByRole("button", { name: "Without metrics.accuracy > 0.55" }).click()
  await untilRow(0, "run_149")
})

it("selected runs are drawn, keep their colour, are hidden by their eye and compared", async () => {
  await openRuns()
  await page.getByText("the newest 10 runs").waitFor()
  await page.locator("section[aria-label='loss'] canvas").waitFor()
  await page.getByRole("checkbox", { name: "Select run_149" }).click()
  await page.getByRole("checkbox", { name: "Select run_146" }).click({ modifiers: ["Shift"] })
  await page.getByText("4 selected runs").waitFor()
  const eye = page.getByRole("button", { name: "Curves of run_148" })
  const color = await eye.locator("span").evaluate((element) => getComputedStyle(element).borderColor)
  await eye.click()
  await page.getByText("3 selected runs").waitFor()
  await page.reload()
  await page.getByText("3 selected runs").waitFor()
  expect(await eye.locator("span").evaluate((element) => getComputedStyle(element).borderColor)).toBe(color)
  await page.getByRole("link", { name: "Compare 4" }).click()
  await page.waitForURL("**/compare?runs=*")
})

it("a chart has its data as a table and as a picture, and is zoomed into", async () => {
  await openRuns("&selected=run_149,run_148")
  const chart = page.locator("section[aria-label='loss']")
  await chart.locator(".u-over").waitFor()
  const box = (await chart.locator(".u-over").boundingBox())!
  await page.mouse.move(box.x + box.width * 0.25, box.y + 40)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 })
  await page.mouse.up()
  await page.getByRole("button", { name: "Show all" }).waitFor()
  await chart.getByRole("button", { name: "Data" }).click()
  await chart.getByRole("row").nth(12).waitFor()
  expect(await chart.getByRole("row").count()).toBeLessThan(20)
  await page.getByRole("button", { name: "Show all" }).click()
  await chart.getByRole("row").nth(50).waitFor()
  await chart.getByRole("button", { name: "Chart" }).click()
  const [picture] = await Promise.all([page.waitForEvent("download"), chart.getByRole("button", { name: "PNG" }).click()])
  expect(readFileSync(await picture.path()).subarray(1, 4).toString()).toBe("PNG")
})

it("notes and tags are changed where they stand, and a baseline is pinned", async () => {
  await openRuns()
  await page.getByRole("button", { name: "Note of run_149" }).click()
  await page.getByRole("textbox", { name: "Note of run_149" }).fill("the one to keep")
  await page.keyboard.press("Enter")
  await page.getByRole("button", { name: "Note of run_149: the one to keep" }).waitFor()
  await page.getByRole("button", { name: "Tags of run_149" }).click()
  await page.getByRole("textbox", { name: "Tags of run_149" }).fill("stage=prod, owner=mia")
  await page.keyboard.press("Enter")
  await page.getByRole("button", { name: "Tags of run_149: stage=prod, owner=mia" }).waitFor()
  expect(await uniflow.runs.get("run_149")).toMatchObject({ note: "the one to keep", tags: { stage: "prod", owner: "mia" } })
  await page.getByRole("checkbox", { name: "Select run_149" }).click()
  await page.getByRole("button", { name: "Pin as baseline" }).click()
  await page.getByRole("rowheader").getByText("baseline", { exact: true }).waitFor()
})

it("a run that is under way is asked to stop, and its row tells that it did", async () => {
  const ended = uniflow.run(endless, { runId: "waiting" }).then(() => "completed", () => "stopped")
  await page.goto(`${server.origin}/runs?experiment=endless`)
  await page.getByRole("cell", { name: "running" }).waitFor()
  await page.getByRole("checkbox", { name: "Select waiting" }).click()
  await page.getByRole("button", { name: "Cancel" }).click()
  await page.getByRole("cell", { name: "interrupted" }).waitFor()
  expect(await ended).toBe("stopped")
})

it("columns are chosen, moved and resized, and stay so for the experiment; new runs come in by themselves", async () => {
  await openRuns()
  const headers = async (): Promise<ReadonlyArray<string>> => page.locator("[data-column]").evaluateAll((all) => all.slice(0, 2).map((one) => one.getAttribute("data-column") ?? ""))
  await page.getByRole("button", { name: "Columns" }).click()
  await page.getByRole("button", { name: "Move run.started up" }).click()
  await page.getByRole("checkbox", { name: "run.duration" }).uncheck()
  await page.keyboard.press("Escape")
  expect(await headers()).toEqual(["run.started", "run.status"])
  const edge = page.getByRole("separator", { name: "Width of status" })
  await edge.press("ArrowRight")
  const width = await edge.getAttribute("aria-valuenow")
  await openRuns()
  expect(await headers()).toEqual(["run.started", "run.status"])
  expect(await edge.getAttribute("aria-valuenow")).toBe(width)
  await uniflow.run(line, { runId: "fresh", params: { rate: 0.3, kind: "new" }, tags: { brand: "new" } })
  await untilRow(0, "fresh")
  expect(await headers()).toEqual(["run.started", "run.status"])
})

it("groups of runs have their means, least and most, and a view is exported for spreadsheets", async () => {
  await page.goto(`${server.origin}/runs?experiment=line&group=params.kind`)
  const row = page.getByRole("row", { name: /^even/ })
  await row.getByText("0.5 … 0.9").waitFor()
  await page.goto(`${server.origin}/runs?experiment=line&where=${encodeURIComponent("params.kind = \"odd\"")}&columns=params.rate,metrics.accuracy`)
  await untilRow(0, "run_149")
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()])
  const lines = readFileSync(await file.path(), "utf8").trimEnd().split("\r\n")
  expect(lines).toHaveLength(76)
  expect(lines.slice(0, 2)).toEqual(["run.id,params.rate,metrics.accuracy", "run_149,0.5,0.5"])
})

it("arrow keys go from run to run", async () => {
  await openRuns()
  await page.locator("[data-run='0']").focus()
  await page.keyboard.press("ArrowDown")
  expect(await page.evaluate(() => document.activeElement?.getAttribute("title"))).toBe(await inRow(1))
})
