/**
 * The page inside a real Next.js application that has the packages installed: built, started, developed and used by clicking. Each way of building and serving is met
 * with both bundlers, and each option of Next.js that moves addresses, too.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { installApp } from "./nextApp.ts"

type App = Awaited<ReturnType<typeof installApp>>
type Server = Awaited<ReturnType<App["serve"]>>

let app: App
let browser: Browser
let context: BrowserContext
let stores: string
const problems: Array<string> = []

beforeAll(async () => {
  stores = mkdtempSync(join(tmpdir(), "uniflow-next-"))
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
  app = await installApp()
})
afterAll(async () => {
  await browser?.close()
  app?.remove()
  rmSync(stores, { recursive: true, force: true })
})

beforeEach(async () => {
  context = await browser.newContext()
})
afterEach(async () => {
  await context.close()
  expect(problems.splice(0)).toEqual([])
})

const open = async (address: string): Promise<Page> => {
  const page = await context.newPage()
  page.setDefaultTimeout(45_000)
  page.on("pageerror", (error) => problems.push(error.message))
  page.on("console", (message) => message.type() === "error" && !message.text().includes("404") && problems.push(message.text()))
  await page.goto(address)
  return page
}

/** Begins a run by the form, and waits on its page until it is completed. */
const learn = async (page: Page): Promise<string> => {
  await page.getByRole("button", { name: "Learn" }).click()
  await page.waitForURL("**/uniflow/runs/**")
  await page.getByText("completed").first().waitFor()
  return new URL(page.url()).pathname.split("/").findLast((part) => part !== "")!
}

/** How many share each open store of the process. */
const storesOf = async (address: string): Promise<unknown> => (await fetch(`${address}/tools/stores/`, { method: "POST" })).json()

// A store that nobody can reach while the application is built.
const UNREACHABLE = { UNIFLOW_DIR: "/dev/null/uniflow" }

const MOVED = { BASE_PATH: "/app", TRAILING_SLASH: "true", CACHE_COMPONENTS: "true" }

describe.each([
  { bundler: "--turbopack", how: "start", base: "", env: { DIST_DIR: ".next-one" } },
  { bundler: "--webpack", how: "start", base: "/app", env: { ...MOVED, DIST_DIR: ".next-two" } },
  { bundler: "--turbopack", how: "standalone", base: "/app", env: { ...MOVED, STANDALONE: "true", DIST_DIR: ".next-three" } },
  // The folder that Next.js chooses by itself, which the next build deletes.
  { bundler: "--webpack", how: "standalone", base: "", env: { STANDALONE: "true" } }
] as const)("built by $bundler, served by $how under \"$base/\"", ({ base, bundler, env, how }) => {
  let server: Server
  let at: string

  beforeAll(async () => {
    await app.build(bundler, { ...env, ...UNREACHABLE })
    server = await app.serve(how, { ...env, UNIFLOW_DIR: join(mkdtempSync(join(stores, "store-")), ".uniflow") })
    at = `${server.origin}${base}`
  })
  afterAll(() => server?.stop())

  it("the build opened no store and made none", () => {
    expect(existsSync(join(app.folder, ".uniflow"))).toBe(false)
  })

  it("the page says that there are no runs, and a run that a server action begins comes in by itself", async () => {
    const page = await open(`${at}/uniflow`)
    await page.getByText("No runs yet").waitFor()
    const form = await open(at)
    await learn(form)
    await page.getByRole("link", { name: "line", exact: true }).first().waitFor()
    await page.getByText("completed").first().waitFor()
    expect(await storesOf(at)).toEqual([1])
  })

  it.each(["/uniflow", "/tools/hurried"])("deep links under %s lead to pages, with and without a slash at the end, and the API answers there", async (mount) => {
    const page = await open(`${at}${mount}/runs?experiment=line`)
    const { runs } = await page.evaluate(() => fetch(new URL("api/runs", document.baseURI)).then((response) => response.json() as Promise<{ readonly runs: ReadonlyArray<{ readonly id: string }> }>))
    const { id } = runs[0]!
    for (const path of [`/runs/${id}`, `/runs/${id}/`, "/runs/", "/runs?experiment=line", "/", ""]) {
      await page.goto(`${at}${mount}${path}`)
      await page.getByRole("link", { name: "Experiments" }).click()
      await page.getByRole("link", { name: "line", exact: true }).first().waitFor()
      expect(new URL(page.url()).pathname.replace(/\/$/, "")).toBe(`${base}${mount}`)
    }
    const noted = await page.evaluate(async (run) => {
      const changed = await fetch(new URL(`api/runs/${run}`, document.baseURI), { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify({ note: "met" }) })
      return changed.json() as Promise<{ readonly note: string }>
    }, id)
    expect(noted.note).toBe("met")
    expect((await page.request.get(`${at}${mount}/api/runs/..%2f..%2fetc`)).status()).toBe(400)
  })

  it.runIf(base === "")("streams end before the server ends them; the page comes again, is never told as not live, and misses nothing", async () => {
    const page = await open(`${at}/tools/hurried`)
    let streams = 0
    const third = Promise.withResolvers<void>()
    page.on("response", (response) => {
      if (!response.url().includes("/api/events")) return
      if (++streams === 3) third.resolve()
    })
    await page.getByRole("link", { name: "UniFlow" }).waitFor()
    await page.evaluate(() => {
      const status = document.querySelector("[role=status]")!
      new MutationObserver(() => (document.title = status.textContent || document.title)).observe(status, { childList: true, characterData: true, subtree: true })
    })
    await third.promise
    const form = await open(at)
    const id = await learn(form)
    await page.locator(`a[href*="${id}"]`).first().waitFor()
    expect(await page.title()).not.toContain("Not live")
  })
})

describe("where runs cannot be kept the page is one that says what to do", () => {
  let server: Server | undefined
  afterEach(async () => {
    await server?.stop()
    server = undefined
    problems.length = 0
  })

  const saysWhatToDo = async (words: string): Promise<void> => {
    for (const path of ["/uniflow", "/uniflow/runs/one"]) {
      const page = await open(`${server!.origin}${path}`)
      await page.getByRole("heading", { name: "There is no place for runs" }).waitFor()
      const text = await page.locator("body").innerText()
      expect(text).toContain(words)
      expect(text).toContain("UNIFLOW_URL=postgres://")
      // Who looks is not told where the server keeps what.
      expect(text).not.toContain(stores)
      const shots = process.env["UNIFLOW_SCREENSHOTS"]
      if (shots !== undefined) await page.screenshot({ path: join(shots, `no-place-${words.replaceAll(/\W+/g, "-")}.png`) })
      await page.close()
    }
    expect((await fetch(`${server!.origin}/uniflow`)).status).toBe(503)
  }

  it("in a function, whose disk vanishes", async () => {
    server = await app.serve("start", { DIST_DIR: ".next-one", UNIFLOW_DIR: join(stores, "function"), AWS_LAMBDA_FUNCTION_NAME: "page" })
    await saysWhatToDo("its disk vanishes with it")
  })

  it("in a standalone server that was told no folder: it stands in one that the next build deletes", async () => {
    server = await app.serve("standalone", {})
    await saysWhatToDo("the next build deletes the folder")
    expect(server.output()).toContain("a standalone Next server changes into .next/standalone")
  })

  it("on a disk that is read-only", async ({ skip }) => {
    const place = join(stores, "read-only")
    mkdirSync(place)
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", place]).status !== 0) return skip("needs Linux, root and mount")
    try {
      server = await app.serve("start", { DIST_DIR: ".next-one", UNIFLOW_DIR: join(place, ".uniflow") })
      await saysWhatToDo("its disk is read-only")
      expect(server.output()).toContain(place)
    } finally {
      await server?.stop()
      spawnSync("umount", ["-l", place])
    }
  })

  it("where the folder is taken away while the server runs", async () => {
    const place = join(stores, "taken")
    server = await app.serve("start", { DIST_DIR: ".next-one", UNIFLOW_DIR: place })
    const form = await open(server.origin)
    await learn(form)
    await form.close()
    rmSync(place, { recursive: true })
    await saysWhatToDo("is gone")
  })
})

describe.each(["dev --turbopack", "dev --webpack"] as const)("next %s, with no options at all", (how) => {
  let server: Server
  const edited = ["app/page.tsx", "app/line.ts", "app/uniflow/[[...path]]/route.ts"]
  let sources: ReadonlyArray<string>

  beforeAll(async () => {
    rmSync(join(app.folder, "next.config.ts"), { force: true })
    rmSync(join(app.folder, ".uniflow"), { recursive: true, force: true })
    sources = edited.map((file) => readFileSync(join(app.folder, file), "utf8"))
    server = await app.serve(how, {})
  })
  afterAll(async () => {
    await server?.stop()
    edited.forEach((file, at) => writeFileSync(join(app.folder, file), sources[at]!))
  })

  it("edited code is seen at once and runs, in the one store of the process", { timeout: 120_000 }, async () => {
    const page = await open(`${server.origin}/uniflow`)
    await page.getByText("No runs yet").waitFor()
    const form = await open(server.origin)
    for (let times = 1; times <= 2; times++) {
      await learn(form)
      await page.getByText(times === 1 ? "1 run" : `${times} runs`).first().waitFor()
      expect(await storesOf(server.origin)).toEqual([1])
      await form.goto(server.origin)
      // Seen without loading the page again.
      edited.forEach((file, at) =>
        writeFileSync(join(app.folder, file), `${sources[at]!.replace("<h1>Digits", `<h1>Digits ${times}`).replace(/run: \(\{ inputs \}\)[^}]*\}\)/, (run) => `${run} /* ${times} */`)}\n// ${times}\n`))
      await form.getByRole("heading", { name: `Digits ${times}` }).waitFor()
    }
    expect(existsSync(join(app.folder, ".uniflow/uniflow.db"))).toBe(true)
  })
})
