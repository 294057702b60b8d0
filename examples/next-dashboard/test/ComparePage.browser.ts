/**
 * Runs compared in a real browser: cases paired, those that flipped first, and what came out side by side.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, chromium, type Page } from "playwright-core"
import { Metrics, Pipeline, Schema, Step, Uniflow } from "uniflow"
import { afterAll, beforeAll, expect, it } from "vitest"
import { startUi } from "./startUi.ts"

const questions = Step.make("questions", { version: "1", run: () => Array.from({ length: 60 }, (_, n) => ({ ask: `${n} plus ${n}`, expected: String(2 * n) })) })
const answer = Step.map("answer", {
  version: "1",
  over: questions,
  params: { prompt: Schema.String },
  onItemError: "collect",
  run: ({ item, params }) => {
    const other = params.prompt === "b"
    if (other && item.ask === "9 plus 9") throw new Error("no answer came")
    const right = item.ask === "5 plus 5" ? other : item.ask === "7 plus 7" ? !other : true
    const output = right ? item.expected : "no idea\nat all"
    return { output: other && item.ask === "8 plus 8" ? `${output}.` : output, expected: item.expected, scores: { exact: right } }
  }
})
const judge = Step.make("judge", {
  version: "1",
  inputs: { answers: answer },
  run: ({ inputs }) => Metrics.create({ accuracy: inputs.answers.filter((one) => one.ok && one.value.scores.exact).length / inputs.answers.length })
})
const evaluation = Pipeline.make("evaluation", { steps: [judge], goals: { accuracy: "maximize" } })

const folder = mkdtempSync(join(tmpdir(), "uniflow-compare-"))
const directory = join(folder, ".uniflow")
const problems: Array<string> = []
let browser: Browser
let server: Awaited<ReturnType<typeof startUi>>

beforeAll(async () => {
  const uniflow = await Uniflow.open({ directory })
  for (const prompt of ["a", "b", "c"]) await uniflow.run(evaluation, { runId: `eval_${prompt}`, params: { prompt } })
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

it("cases are paired: those that flipped come first, with their scores and outputs side by side", async () => {
  const page = await open("compare?runs=eval_a,eval_b")
  const items = page.getByRole("region", { name: "Items of answer" })
  await items.getByText("▼ 2 worse", { exact: false }).waitFor()
  await items.getByText("▲ 1 improved", { exact: false }).waitFor()
  await items.getByText("≠ 1 changed", { exact: false }).waitFor()
  const rows = items.getByRole("row")
  expect(await rows.count()).toBe(5)
  expect(await rows.nth(1).textContent()).toMatch(/7 plus 7.*expected 14.*exact ✓ yes.*worse.*exact ✗ no worse.*no idea/s)
  expect(await rows.nth(2).textContent()).toMatch(/9 plus 9.*worse.*failed.*no answer came/s)
  expect(await rows.nth(3).textContent()).toMatch(/5 plus 5.*improved.*exact ✓ yes better/s)
  expect(await rows.nth(4).textContent()).toMatch(/8 plus 8.*changed/s)
  await items.getByRole("button", { name: /^Open .*7 plus 7/ }).click()
  const differences = items.getByRole("group", { name: /^Differences of Output of .*7 plus 7.* in eval_b/ })
  expect(await differences.textContent()).toBe("−removed14+addedno idea+addedat all")
  await items.getByRole("button", { name: /^Differences of .*7 plus 7/ }).click()
  expect(await items.getByRole("group", { name: /^Output of .*7 plus 7.* in eval_b/ }).textContent()).toBe("no idea\nat all")
  await page.close()
  expect(problems).toEqual([])
})

it("cases are chosen, found and paged, and the address keeps it", async () => {
  const page = await open("compare?runs=eval_a,eval_b,eval_c")
  const items = page.getByRole("region", { name: "Items of answer" })
  await items.getByLabel("Show").selectOption({ label: "Improved" })
  await items.getByRole("status").getByText("1 of 60").waitFor()
  await items.getByRole("searchbox", { name: "Find items by what they were made of" }).fill("7 PLUS")
  await items.getByText("No item is like this.").waitFor()
  await items.getByLabel("Show").selectOption({ label: "All" })
  await items.getByRole("status").getByText("6 of 60").waitFor()
  await page.reload()
  await items.getByRole("status").getByText("6 of 60").waitFor()
  await items.getByRole("searchbox").fill("")
  await items.getByRole("status").getByText("60 of 60").waitFor()
  expect(await items.getByRole("row").count()).toBe(21)
  await items.getByRole("button", { name: "Show more of 60" }).click()
  await items.getByRole("row").nth(40).waitFor()
  await page.close()
  expect(problems).toEqual([])
})
