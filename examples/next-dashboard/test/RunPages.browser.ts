/**
 * The page of a run and the comparison, by `uniflow ui` and a real browser: what a person does there, done by clicking and typing.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, chromium, type Page } from "playwright-core"
import { Metrics, Pipeline, Schema, Step, Uniflow } from "uniflow"
import { afterAll, beforeAll, expect, it } from "vitest"
import { startUi } from "./startUi.ts"

const read = Step.make("read", { version: "1", run: ({ log }) => {
  log("read three")
  return [1, 2, 3]
} })
const fit = Step.make("fit", {
  version: "1",
  inputs: { rows: read },
  params: { rate: Schema.Number, fail: Schema.Boolean },
  run: async ({ artifacts, inputs, log, metrics, params }) => {
    for (let index = 0; index < 50; index++) metrics.log({ loss: Math.exp(-index * params.rate) }, { index })
    await artifacts.put("table.csv", "name,value\na,1\n")
    await artifacts.put("page.html", "<script>document.title = 'broken into'</script>")
    log(`fitted ${inputs.rows.length}`)
    if (params.fail) throw new Error("singular")
    return Metrics.create({ accuracy: 1 - params.rate })
  }
})
const line = Pipeline.make("line", { steps: [fit], goals: { accuracy: "maximize", loss: "minimize" } })

const folder = mkdtempSync(join(tmpdir(), "uniflow-pages-"))
const directory = join(folder, ".uniflow")
const problems: Array<string> = []
let browser: Browser
let server: Awaited<ReturnType<typeof startUi>>

beforeAll(async () => {
  const uniflow = await Uniflow.open({ directory })
  await uniflow.run(line, { runId: "slow", params: { rate: 0.1, fail: false } })
  await uniflow.run(line, { runId: "fast", params: { rate: 0.2, fail: false } })
  await uniflow.run(line, { runId: "broken", params: { rate: 0.2, fail: true } }).catch(() => {})
  await uniflow.close()
  server = await startUi(directory)
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const open = async (path: string): Promise<Page> => {
  const page = await browser.newPage()
  page.setDefaultTimeout(15_000)
  page.on("pageerror", (error) => problems.push(error.message))
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()))
  await page.goto(`${server.origin}/${path}`)
  return page
}

it("a run's page tells what failed and why; a step that is chosen chooses logs and commands", async () => {
  const page = await open("runs/broken")
  await page.getByRole("region", { name: "Error" }).getByText("singular", { exact: true }).waitFor()
  await page.getByRole("button", { name: /^fit .*failed/ }).click()
  await page.getByText("uniflow resume broken --from fit").waitFor()
  const log = page.getByRole("log", { name: "Logs of fit" })
  await log.getByText("fitted 3").waitFor()
  expect(await log.getByText("read three").count()).toBe(0)
  await page.close()
  expect(problems).toEqual([])
})

it("tags and note are changed where they stand, and stay", async () => {
  const page = await open("runs/fast")
  await page.getByRole("textbox", { name: "Add a tag" }).fill("team=vision")
  await page.getByRole("button", { name: "Set tag" }).click()
  await page.getByRole("button", { name: "Remove the tag team" }).waitFor()
  await page.getByRole("button", { name: "Write a note" }).click()
  await page.getByRole("textbox", { name: "Note" }).fill("Looks <b>fine</b>")
  await page.keyboard.press("Control+Enter")
  await page.getByText("Looks <b>fine</b>").waitFor()
  await page.reload()
  await page.getByText("Looks <b>fine</b>").waitFor()
  await page.getByRole("button", { name: "Remove the tag team" }).click()
  await page.getByRole("button", { name: "Remove the tag team" }).waitFor({ state: "detached" })
  await page.getByRole("button", { name: "Pin as baseline" }).click()
  await page.getByText("Baseline of line").waitFor()
  await page.close()
  expect(problems).toEqual([])
})

it("artifacts are shown as what they are, and run nothing", async () => {
  const page = await open("runs/fast")
  await page.getByRole("button", { name: "Show table.csv" }).click()
  await page.getByRole("columnheader", { name: "value" }).waitFor()
  await page.getByRole("button", { name: "Show page.html" }).click()
  await page.getByText("<script>document.title").waitFor()
  await page.getByRole("button", { name: "Show read" }).click()
  await page.getByText("[ 1, 2, 3 ]").waitFor()
  expect(await page.title()).toBe("fast – UniFlow")
  await page.close()
  expect(problems).toEqual([])
})

it("a comparison says first which run is better; another baseline turns it round", async () => {
  const page = await open("compare?runs=slow,fast")
  await page.getByRole("heading", { name: "Comparison of 2 runs" }).waitFor({ state: "attached" })
  await page.getByText("fast is better in loss").waitFor()
  expect(await page.getByRole("row", { name: /^code of/ }).count()).toBe(0)
  await page.getByRole("button", { name: "All", exact: true }).click()
  await page.getByRole("row", { name: /^code of fit/ }).waitFor()
  await page.getByRole("button", { name: "Make baseline: fast" }).click()
  await page.getByText("slow is better in accuracy").waitFor()
  expect(new URL(page.url()).searchParams.get("runs")).toBe("fast,slow")
  await page.close()
  expect(problems).toEqual([])
})

it("the commands to go on are copied as they stand, for the run or from a step", async () => {
  const page = await open("runs/broken")
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"])
  const copied = () => page.evaluate(() => navigator.clipboard.readText())
  const copy = (label: string) => page.getByRole("button", { name: `Copy the command: ${label}` }).click()
  await copy("Resume where it stopped")
  await page.getByText("Copied").waitFor()
  expect(await copied()).toBe("uniflow resume broken")
  await copy("Reproduce: does the same come out?")
  await page.waitForFunction(async () => await navigator.clipboard.readText() === "uniflow reproduce broken")
  await page.getByRole("table").getByRole("button", { name: "fit" }).click()
  await copy("Fork: the same with other params")
  await page.waitForFunction(async () => await navigator.clipboard.readText() === "uniflow fork broken --from fit")
  await page.close()
  expect(problems).toEqual([])
})
