/**
 * The page inside a real Next.js application: built, started, and used by clicking, as it is deployed: at the root, and under a base path with slashes at
 * the end of addresses.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const app = fileURLToPath(new URL("..", import.meta.url))
const next = join(app, "node_modules/next/dist/bin/next")

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  server.close()
  return port
}

const run = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv): ChildProcess =>
  spawn(process.execPath, [next, ...args], { cwd: app, env: { ...process.env, ...env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" }, stdio: ["ignore", "pipe", "pipe"] })

let browser: Browser
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(() => browser?.close())

describe.each([
  ["at the root", {}, ""],
  ["under a base path, with slashes at the end", { BASE_PATH: "/app", TRAILING_SLASH: "true" }, "/app"]
])("%s", (_, env, base) => {
  let server: ChildProcess
  let store: string
  let origin: string
  const problems: Array<string> = []

  const open = async (path: string): Promise<Page> => {
    const page = await browser.newPage()
    page.setDefaultTimeout(15_000)
    page.on("pageerror", (error) => problems.push(error.message))
    page.on("console", (message) => message.type() === "error" && !message.text().includes("404") && problems.push(message.text()))
    await page.goto(`${origin}${base}${path}`)
    return page
  }

  beforeAll(async () => {
    const built = run(["build", "--webpack"], env)
    let output = ""
    for (const stream of [built.stdout, built.stderr]) stream?.on("data", (text: Buffer) => (output += text.toString()))
    const [code] = await once(built, "close")
    expect(code, output).toBe(0)
    store = mkdtempSync(join(tmpdir(), "uniflow-next-"))
    const port = await freePort()
    origin = `http://localhost:${port}`
    server = run(["start", "-p", String(port)], { ...env, UNIFLOW_DIR: join(store, ".uniflow") })
    server.stderr?.on("data", (text: Buffer) => problems.push(text.toString()))
    await new Promise<void>((resolve, reject) => {
      server.stdout?.on("data", (text: Buffer) => text.toString().includes("Ready") && resolve())
      server.once("close", () => reject(new Error("next start ended")))
    })
  })
  afterAll(async () => {
    if (server !== undefined && server.exitCode === null) {
      server.kill("SIGKILL")
      await once(server, "close")
    }
    if (store !== undefined) rmSync(store, { recursive: true, force: true })
  })

  it("the page says that there are no runs, and a run that a server action begins comes in by itself", async () => {
    const page = await open("/uniflow")
    await page.getByText("No runs yet").waitFor()
    const form = await open("/")
    await form.getByRole("button", { name: "Learn" }).click()
    await form.waitForURL("**/uniflow/runs/**")
    await page.getByRole("link", { name: "line", exact: true }).first().waitFor().catch((error: unknown) => {
      throw new Error(`${String(error)}\n${problems.join("\n")}`)
    })
    await page.getByText("completed").first().waitFor()
    expect(problems).toEqual([])
    await form.close()
    await page.close()
  })

  it("deep links lead to pages, and the API answers under the same mount", async () => {
    const page = await open("/uniflow")
    const runs = await page.evaluate(() => fetch(new URL("api/runs", document.baseURI)).then((response) => response.json() as Promise<{ readonly runs: ReadonlyArray<{ readonly id: string }> }>))
    expect(runs.runs.length).toBeGreaterThan(0)
    await page.goto(`${origin}${base}/uniflow/runs/${runs.runs[0]!.id}`)
    await page.getByRole("link", { name: "Experiments" }).click()
    await page.getByRole("link", { name: "line", exact: true }).first().waitFor()
    const response = await page.request.get(`${origin}${base}/uniflow/api/runs/..%2f..%2fetc`)
    expect(response.status()).toBe(400)
    expect(problems).toEqual([])
    await page.close()
  })
})
