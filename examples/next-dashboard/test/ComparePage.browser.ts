/**
 * Runs compared in a real browser: cases paired, those that flipped first, and what came out side by side.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { crc32, deflateSync } from "node:zlib"
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
/** A picture of one colour; `declared` is what its header says. */
const png = (side: number, colour: readonly [number, number, number], declared = side): Buffer => {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, check])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(declared, 0)
  header.writeUInt32BE(declared, 4)
  header.set([8, 2], 8)
  const row = Buffer.from([0, ...Array.from({ length: side }, () => colour).flat()])
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.concat(Array.from({ length: side }, () => row)))), chunk("IEND", Buffer.alloc(0))])
}

const judge = Step.make("judge", {
  version: "1",
  inputs: { answers: answer },
  params: { prompt: Schema.String },
  run: async ({ artifacts, inputs, params: { prompt } }) => {
    await artifacts.put("report.txt", `Report\nprompt ${prompt}\nend\n`)
    await artifacts.put("report.json", JSON.stringify({ prompt, same: [1, 2], nested: { tokens: [3, prompt === "a" ? 4 : 5] }, ...prompt === "a" ? { only: true } : {} }), { mediaType: "application/json" })
    await artifacts.put("table.csv", `class,right\nyes,10\nno,${prompt === "a" ? 3 : 4}\n`)
    await artifacts.put("plot.png", png(40, prompt === "a" ? [200, 90, 40] : [40, 90, 200]), { mediaType: "image/png" })
    await artifacts.put("bomb.png", png(1, prompt === "a" ? [0, 0, 0] : [1, 1, 1], 60_000), { mediaType: "image/png" })
    return Metrics.create({ accuracy: inputs.answers.filter((one) => one.ok && one.value.scores.exact).length / inputs.answers.length })
  }
})
const repeated = Step.make("repeated", {
  version: "1",
  params: { variant: Schema.String, repeat: Schema.Number },
  run: ({ params }) => Metrics.create({ accuracy: (params.variant === "new" ? 0.8 : 0.7) + (params.repeat % 4) / 100 })
})
const repeats = Pipeline.make("repeats", { steps: [repeated], goals: { accuracy: "maximize" } })

/** A project whose code is read as a whole: its helper is what differs between two runs. */
const project = (factor: number): string => `
import { Pipeline, Step, Uniflow } from "uniflow"
const scale = (value) => {
  const factor = ${factor}
  return value * factor
}
const fit = Step.make("fit", { run: () => scale(21) })
const uniflow = await Uniflow.open({ directory: process.argv[2] })
await uniflow.run(Pipeline.make("code", { steps: [fit] }), { runId: process.argv[3] })
await uniflow.close()
`

const evaluation = Pipeline.make("evaluation", { steps: [judge], goals: { accuracy: "maximize" } })

const folder = mkdtempSync(join(tmpdir(), "uniflow-compare-"))
const directory = join(folder, ".uniflow")
const problems: Array<string> = []
let browser: Browser
let server: Awaited<ReturnType<typeof startUi>>

beforeAll(async () => {
  const uniflow = await Uniflow.open({ directory })
  for (const prompt of ["a", "b", "c"]) await uniflow.run(evaluation, { runId: `eval_${prompt}`, params: { prompt } })
  for (const variant of ["old", "new"]) for (let repeat = 0; repeat < 8; repeat++) await uniflow.run(repeats, { runId: `${variant}_${repeat}`, params: { variant, repeat } })
  await uniflow.close()
  symlinkSync(fileURLToPath(new URL("../node_modules", import.meta.url)), join(folder, "node_modules"))
  for (const factor of [2, 3]) {
    writeFileSync(join(folder, "fit.mjs"), project(factor))
    const { status, stderr } = spawnSync(process.execPath, ["fit.mjs", directory, `code_${factor}`], { cwd: folder, encoding: "utf8" })
    if (status !== 0) throw new Error(stderr)
  }
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
  await page.getByRole("button", { name: "Items of answer" }).click()
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("items")
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

it("artifacts are shown side by side with what differs: lines, paths of JSON, cells, pictures", async () => {
  const page = await open("compare?runs=eval_a,eval_b")
  const show = (name: string) => page.getByRole("button", { name: `Show judge/${name} side by side` }).click()
  await show("report.txt")
  const lines = page.getByRole("group", { name: "Differences of report.txt in eval_b" })
  expect(await lines.textContent()).toMatch(/^ Report−removedprompt a\+addedprompt b end/)
  await page.getByRole("button", { name: "Show the whole of report.txt in eval_b" }).click()
  expect(await page.getByRole("group", { name: "Preview of report.txt in eval_b" }).textContent()).toBe("Report\nprompt b\nend\n")
  await show("report.json")
  const paths = page.getByRole("group", { name: "Differences of report.json in eval_b" })
  await paths.getByRole("row", { name: "$.prompt \"a\" \"b\"" }).waitFor()
  await paths.getByRole("row", { name: "$.nested.tokens[1] 4 5" }).waitFor()
  await paths.getByRole("row", { name: "$.only true nothing" }).waitFor()
  expect(await paths.getByRole("row").count()).toBe(4)
  await show("table.csv")
  await page.getByRole("group", { name: "Differences of table.csv in eval_b" }).getByRole("cell", { name: "was 3: 4" }).waitFor()
  await show("plot.png")
  await page.waitForFunction(() => [...document.querySelectorAll("img")].filter(({ naturalWidth }) => naturalWidth === 40).length === 2)
  await page.close()
  expect(problems).toEqual([])
})

it("a picture that says it has billions of pixels is not decoded", async () => {
  const page = await open("compare?runs=eval_a,eval_b")
  await page.getByRole("button", { name: "Show judge/bomb.png side by side" }).click()
  await page.getByText("60,000 × 60,000 pixels are too large to preview.").nth(1).waitFor()
  expect(await page.locator("img").count()).toBe(0)
  await page.goto(`${server.origin}/runs/eval_a`)
  await page.getByRole("button", { name: "Show bomb.png" }).click()
  await page.getByText("60,000 × 60,000 pixels are too large to preview.").waitFor()
  expect(await page.locator("img").count()).toBe(0)
  await page.close()
  expect(problems).toEqual([])
})

it("groups of repeats have a verdict with its interval; another group is made the baseline, and runs are paired", async () => {
  const page = await open("compare?group=params.variant&experiment=repeats")
  const table = page.getByRole("table", { name: /^accuracy/ })
  await table.getByRole("row", { name: /^new baseline/ }).waitFor()
  expect(await table.getByRole("row", { name: /^old 8/ }).textContent()).toMatch(/-0\.1.*-0\.1\d* to -0\.\d+.*worse/)
  expect(await page.getByRole("main").textContent()).toMatch(/old.* is worse.*95 % interval|old.* is worse.*95% interval/)
  await table.getByRole("button", { name: "old" }).click()
  await table.getByRole("row", { name: /^old baseline/ }).waitFor()
  expect(await table.getByRole("row", { name: /^new 8/ }).textContent()).toMatch(/better/)
  await page.getByLabel("paired by").selectOption("params.repeat")
  await page.getByText("permutation test of pairs by params.repeat").waitFor()
  expect(new URL(page.url()).searchParams.get("pair")).toBe("params.repeat")
  await page.getByLabel("grouped by").selectOption("params.repeat")
  await page.getByRole("columnheader", { name: "params.repeat" }).first().waitFor()
  await page.close()
  expect(problems).toEqual([])
})

it("changes of code are shown line by line, and the environment where all is asked for", async () => {
  const page = await open("compare?runs=code_2,code_3")
  const changes = page.getByRole("group", { name: "Changes of scale" })
  expect(await changes.textContent()).toMatch(/−removed {2}const factor = 2\+added {2}const factor = 3/)
  expect(await page.getByRole("row", { name: /^runtime/ }).count()).toBe(0)
  await page.getByText("The same in all runs:").getByText("environment").waitFor()
  await page.getByRole("button", { name: "All", exact: true }).click()
  await page.getByRole("row", { name: /^runtime/ }).waitFor()
  await page.getByRole("row", { name: /^fit .*executed.*executed/ }).waitFor()
  await page.getByRole("button", { name: "Differing only" }).click()
  await page.getByRole("row", { name: /^runtime/ }).waitFor({ state: "detached" })
  await page.close()
  expect(problems).toEqual([])
})

it("a run that is left out is gone from table, items and address; deltas tell their direction by sign and word", async () => {
  const page = await open("compare?runs=eval_a,eval_b,eval_c")
  const accuracy = page.getByRole("row", { name: /^accuracy/ })
  expect(await accuracy.textContent()).toMatch(/▼.*worse/)
  await page.getByRole("button", { name: "Leave out eval_c" }).click()
  await page.getByRole("columnheader", { name: "eval_c" }).first().waitFor({ state: "detached" })
  await page.getByRole("button", { name: "Make baseline: eval_b" }).click()
  await page.waitForFunction(() => new URL(location.href).searchParams.get("runs") === "eval_b,eval_a")
  await page.getByRole("region", { name: "Items of answer" }).getByText("▲ 2 improved", { exact: false }).waitFor()
  await page.close()
  expect(problems).toEqual([])
})
