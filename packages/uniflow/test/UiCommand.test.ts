import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeProject, type Project, type Started } from "./project.ts"

let project: Project
beforeAll(() => {
  project = makeProject({ "uniflow.config.ts": "import { defineConfig } from \"uniflow\"\nexport default defineConfig({ pipelines: [] })\n" })
})
afterAll(() => project.remove())

/** The page of a command that listens on a port of its own choice, and the command. */
const serve = async (...args: ReadonlyArray<string>): Promise<{ readonly url: URL; readonly started: Started }> => {
  const started = project.start("ui", "--no-open", "--port", "0", ...args)
  let text = ""
  started.child.stdout!.on("data", (part: string) => (text += part))
  await started.says("Ctrl-C ends it")
  return { url: new URL(text.trim()), started }
}

describe("uniflow ui", { timeout: 60_000 }, () => {
  it("answers under loopback names with its port, under no other, and ends with Ctrl-C", async () => {
    const { started, url } = await serve()
    expect((await fetch(new URL("api/experiments", url))).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${url.port}/api/experiments`)).status).toBe(200)
    const { request } = await import("node:http")
    const foreign = await new Promise((resolve) => request({ host: "127.0.0.1", port: url.port, path: "/api/experiments", headers: { host: "evil.example" } }, (response) => resolve(response.statusCode)).end())
    expect(foreign).toBe(403)
    started.child.kill("SIGINT")
    expect((await started.ended).code).toBe(0)
    expect(project.has(".uniflow")).toBe(false)
  })

  it("on another address asks for the token that it printed: in the link, then as a cookie, or in a header", async () => {
    const { started, url } = await serve("--host", "127.0.0.2")
    const token = url.searchParams.get("token")!
    expect(token.length).toBeGreaterThan(20)
    const ask = (path: string, headers: Record<string, string> = {}) => fetch(new URL(path, url), { headers, redirect: "manual" })
    for (const path of ["/", "/api/runs", "/assets/x.js", "/api/events", "/?token=wrong"]) expect((await ask(path)).status).toBe(401)
    const entered = await ask(`/runs?experiment=a&token=${token}`)
    expect([entered.status, entered.headers.get("location")]).toEqual([303, "/runs?experiment=a"])
    expect((await fetch(`${url.origin}//evil.example/?token=${token}`, { redirect: "manual" })).headers.get("location")).toBe("/evil.example/")
    const cookie = entered.headers.get("set-cookie")!
    expect(cookie).toContain("HttpOnly; SameSite=Strict")
    expect((await ask("/api/runs", { cookie: cookie.split(";")[0]! })).status).toBe(200)
    expect((await ask("/api/runs", { authorization: `Bearer ${token}` })).status).toBe(200)
    started.child.kill("SIGINT")
    expect((await started.ended).code).toBe(0)
  })
})
