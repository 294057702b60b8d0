/**
 * Every page in each of its states, light and dark: no violation of WCAG 2.2 AA that axe finds, no sideways scrolling at 390 pixels, all of it by keyboard.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import axe from "axe-core"
import { type Browser, chromium, type Page } from "playwright-core"
import { Metrics, Pipeline, Schema, Step, Uniflow } from "uniflow"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startUi } from "./startUi.ts"

const read = Step.make("read", { version: "1", run: ({ log }) => {
  log("read three")
  return ["one", "two", "three"]
} })
const judge = Step.map("judge", { version: "1", over: read, params: { rate: Schema.Number }, onItemError: "collect", run: ({ item, params }) => {
  if (item === "three" && params.rate > 0.2) throw new Error("no answer")
  return { output: `${item} ${params.rate}`, scores: { exact: item === "two" || params.rate > 0.1 } }
} })
const fit = Step.make("fit", {
  version: "1",
  inputs: { judged: judge },
  params: { rate: Schema.Number, fail: Schema.Boolean },
  run: async ({ artifacts, checkpoint, metrics, params }) => {
    for (let index = 0; index < 50; index++) metrics.log({ loss: Math.exp(-index * params.rate) }, { index })
    await checkpoint.save("model", [params.rate])
    await artifacts.put("table.csv", `name,value\na,${params.rate}\n`)
    await artifacts.put("report.json", JSON.stringify({ rate: params.rate }), { mediaType: "application/json" })
    await artifacts.put("notes.txt", `The rate\nis ${params.rate}.\n`)
    if (params.fail) throw new Error("singular", { cause: new TypeError("no inverse") })
    return Metrics.create({ accuracy: 1 - params.rate })
  }
})
const line = Pipeline.make("line", { steps: [fit], goals: { accuracy: "maximize", loss: "minimize" } })
let underWay = Promise.withResolvers<void>()
const endless = Step.make("endless", { version: "1", inputs: { rows: read }, run: async ({ checkpoint, metrics, signal }) => {
  metrics.log({ progress: 0.5 }, { index: 1 })
  await checkpoint.save("half", 1)
  underWay.resolve()
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))))
} })
const long = Pipeline.make("long", { steps: [endless] })
const many = Pipeline.make("many", { steps: Array.from({ length: 50 }, (_, n) => Step.make(`step_${n}`, { version: "1", inputs: { read }, run: () => n })) })

const folder = mkdtempSync(join(tmpdir(), "uniflow-accessible-"))
const directory = join(folder, "full", ".uniflow")
const problems: Array<string> = []
let browser: Browser
let uniflow: Uniflow
let full: Awaited<ReturnType<typeof startUi>>
let empty: Awaited<ReturnType<typeof startUi>>

/** A run without end that has saved something. */
const begun = async (runId: string) => {
  underWay = Promise.withResolvers<void>()
  const handle = uniflow.start(long, { runId })
  handle.result.catch(() => {})
  await underWay.promise
  return handle
}

beforeAll(async () => {
  uniflow = await Uniflow.open({ directory })
  await uniflow.run(line, { runId: "slow", params: { rate: 0.1, fail: false }, tags: { team: "vision" } })
  await uniflow.run(line, { runId: "fast", params: { rate: 0.2, fail: false } })
  await uniflow.run(line, { runId: "wild", params: { rate: 0.3, fail: false } })
  for (let attempt = 0; attempt < 3; attempt++) await uniflow.run(line, { runId: "broken", params: { rate: 0.2, fail: true } }).catch(() => {})
  await uniflow.run(many, { runId: "fifty" })
  const stopped = await begun("stopped")
  await stopped.cancel()
  await begun("living")
  full = await startUi(directory)
  empty = await startUi(join(folder, "empty", ".uniflow"))
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([full?.stop(), empty?.stop()])
  await uniflow?.close()
  rmSync(folder, { recursive: true, force: true })
})

const open = async (origin: string, path: string): Promise<Page> => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  page.setDefaultTimeout(15_000)
  page.on("pageerror", (error) => problems.push(error.message))
  await page.goto(`${origin}/${path}`)
  return page
}

/** What axe finds, as texts that say where. */
const violationsOf = async (page: Page): Promise<ReadonlyArray<string>> => {
  if (!await page.evaluate(() => "axe" in globalThis)) await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { readonly axe: typeof axe }).axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] }))
  return violations.flatMap(({ help, id, nodes }) => nodes.map(({ failureSummary, html, target }) => `${id} (${help}): ${target.join(" ")} ${html.slice(0, 160)} ${failureSummary?.split("\n").slice(1).join(" ").slice(0, 200)}`))
}

const press = (name: string | RegExp) => (page: Page) => page.getByRole("button", { name }).first().click()

interface State {
  readonly name: string
  readonly path: string
  /** Is there when the page has come so far. */
  readonly sign: string
  readonly empty?: boolean
  readonly steps?: ReadonlyArray<(page: Page) => Promise<unknown>>
}

const states: ReadonlyArray<State> = [
  { name: "no experiments yet", path: "", sign: "No runs yet", empty: true },
  { name: "no runs yet", path: "runs", sign: "No runs", empty: true },
  { name: "experiments", path: "", sign: "line" },
  { name: "runs", path: "runs", sign: "broken" },
  { name: "runs of an experiment with curves", path: "runs?experiment=line&charts=metrics.loss", sign: "broken" },
  { name: "a scatter of runs", path: "runs?experiment=line&across=scatter&xy=params.rate,metrics.loss&tint=metrics.loss", sign: "Drag to select", steps: [async (page) => page.getByRole("application").press("Home")] },
  { name: "the data of a scatter", path: "runs?experiment=line&across=scatter", sign: "Drag to select", steps: [press("Data")] },
  { name: "parallel coordinates of runs", path: "runs?experiment=line&across=parallel&axes=params.rate,run.status,metrics.loss", sign: "Drag along an axis", steps: [async (page) => page.getByRole("slider", { name: "Least rate" }).press("PageUp")] },
  { name: "a completed run", path: "runs/fast", sign: "Git and environment", steps: [press("Show table.csv"), press(/^fit/)] },
  { name: "a failed run with three attempts", path: "runs/broken", sign: "singular", steps: [async (page) => page.getByText("Where it was thrown").click()] },
  { name: "an interrupted run", path: "runs/stopped", sign: "the run stopped while it was executed" },
  { name: "a running run", path: "runs/living", sign: "uniflow watch living", steps: [press("Cancel")] },
  { name: "a run of fifty steps", path: "runs/fifty", sign: "step_49" },
  { name: "two runs compared", path: "compare?runs=slow,fast&all=1", sign: "Items of judge", steps: [press(/^Open /), press("Show fit/report.json side by side"), press("Show fit/notes.txt side by side"), press("Show fit/table.csv side by side")] },
  { name: "three runs compared", path: "compare?runs=slow,fast,wild", sign: "Items of judge", steps: [press(/^Open /)] },
  { name: "groups compared", path: "compare?group=params.rate&experiment=line", sign: "grouped by" },
  { name: "nothing to compare", path: "compare", sign: "Nothing to compare yet" },
  { name: "a page that is not there", path: "nowhere/at/all", sign: "There is no such page" },
  { name: "a comparison with a run that is not there", path: "compare?runs=slow,none", sign: "There is no such run" },
  { name: "a run that is not there", path: "runs/none", sign: "There is no such run" }
]

describe("each page in each state", () => {
  it.each(states)("$name", async ({ empty: isEmpty, path, sign, steps = [] }) => {
    const page = await open((isEmpty === true ? empty : full).origin, path)
    await page.getByText(sign).first().waitFor({ state: "attached" })
    for (const step of steps) await step(page)
    await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null)
    expect(await page.title()).toMatch(/.+ – UniFlow$/)
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
      expect(await violationsOf(page), colorScheme).toEqual([])
    }
    await page.setViewportSize({ width: 390, height: 800 })
    // A plot takes its new width in the frame after.
    await page.waitForFunction(() => document.documentElement.scrollWidth <= 390)
    expect(await violationsOf(page), "narrow").toEqual([])
    await page.close()
    expect(problems).toEqual([])
  })
})

/** What has the focus: its name, and whether a person sees that it has. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const one = document.activeElement as HTMLElement
    const { outlineStyle, outlineWidth } = getComputedStyle(one)
    const { height, width } = one.getBoundingClientRect()
    return { number: one.dataset["tabStop"], text: `${one.tagName} ${one.getAttribute("aria-label") ?? one.textContent.slice(0, 40)}`, visible: outlineStyle !== "none" && parseFloat(outlineWidth) > 0 && width > 1 && height > 1 }
  })

describe("by keyboard", () => {
  it("the first stop leads past the navigation, to the content", async () => {
    const page = await open(full.origin, "runs/fast")
    await page.getByText("Git and environment").waitFor()
    await page.keyboard.press("Tab")
    expect(await focused(page)).toMatchObject({ text: "BUTTON To the content", visible: true })
    await page.keyboard.press("Enter")
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("MAIN")
    await page.keyboard.press("Tab")
    expect((await focused(page)).text).toBe("A line")
    await page.close()
  })

  it.each(["runs/broken", "compare?runs=slow,fast", "compare?group=params.rate&experiment=line", ""])("all there is to do on /%s is reached, and the focus is seen", async (path) => {
    const page = await open(full.origin, path)
    await page.getByText(path === "" ? "line" : path.startsWith("runs") ? "Git and environment" : path.includes("group") ? "grouped by" : "Items of judge").first().waitFor()
    await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null)
    const count = await page.evaluate(() => {
      const all = [...document.querySelectorAll<HTMLElement>("a[href], button:not(:disabled), input:not(:disabled), select, summary, textarea")].filter((one) => one.checkVisibility())
      for (const [n, one] of all.entries()) one.dataset["tabStop"] = String(n)
      return all.length
    })
    const reached = new Set<string>()
    const unseen: Array<string> = []
    for (let n = 0; n < count + 40; n++) {
      await page.keyboard.press("Tab")
      const { number, text, visible } = await focused(page)
      if (text.startsWith("BODY")) continue
      if (number !== undefined) reached.add(number)
      if (!visible) unseen.push(text)
    }
    expect(reached.size).toBe(count)
    expect(unseen).toEqual([])
    await page.close()
  })

  it("a popover takes the focus, and gives it back where it is closed", async () => {
    const page = await open(full.origin, "runs?experiment=line")
    const columns = page.getByRole("button", { name: "Columns" })
    await page.getByText("broken").first().waitFor()
    await columns.focus()
    await page.keyboard.press("Enter")
    const dialog = page.getByRole("dialog", { name: "Columns" })
    await dialog.waitFor()
    await page.waitForFunction(() => document.activeElement?.closest("[role=dialog]") !== null)
    await page.keyboard.press("Escape")
    await dialog.waitFor({ state: "detached" })
    expect((await focused(page)).text).toBe("BUTTON Columns")
    await page.close()
  })

  it("another page begins at its content and with its own title; a status that changes is announced", async () => {
    const page = await open(full.origin, "runs/fast")
    await page.getByRole("link", { name: "line" }).focus()
    await page.keyboard.press("Enter")
    await page.waitForFunction(() => document.title === "line – UniFlow" && document.activeElement?.tagName === "MAIN")
    await begun("announced")
    await page.goto(`${full.origin}/runs/announced`)
    const status = page.getByRole("main").getByRole("status").first()
    await status.getByText("running").waitFor()
    await page.getByRole("button", { name: "Cancel" }).click()
    await page.getByRole("button", { name: "Yes, cancel it" }).click()
    await status.getByText("interrupted").waitFor()
    await page.close()
    expect(problems).toEqual([])
  })
})
