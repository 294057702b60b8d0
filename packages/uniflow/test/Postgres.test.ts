import { existsSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Server, startServer } from "../../postgres/test/server.ts"
import { Pipeline, Step, Uniflow } from "../src/index.ts"
import { config, makeProject, type Project } from "./project.ts"

let server: Server
let project: Project
beforeAll(async () => {
  server = await startServer()
  project = makeProject({ "uniflow.config.ts": config.replace("defineConfig({", `defineConfig({ url: ${JSON.stringify(server.url)},`) })
}, 60_000)
afterAll(async () => {
  project?.remove()
  await server?.remove()
}, 60_000)

describe("a store in PostgreSQL", { timeout: 60_000 }, () => {
  it("is one line of the config: a run that was killed goes on from its last checkpoint, and every command finds it", async () => {
    const first = project.start("run", "digits", "--run-id", "one", "--param", "learningRate=0.5")
    await first.says("waits")
    first.child.kill("SIGKILL")
    await first.ended
    project.write("go", "")
    const second = await project.run("run", "digits", "--run-id", "one", "--param", "learningRate=0.5", "--json")
    expect(second.code, second.stderr).toBe(0)
    const shown = JSON.parse((await project.run("experiment", "show", "one", "--json")).stdout)
    expect(shown).toMatchObject({ id: "one", status: "completed" })
    expect(shown.attempts).toHaveLength(2)
    expect(shown.steps.find(({ name }: { readonly name: string }) => name === "load")).toMatchObject({ decision: "restored" })
    expect((await project.run("artifact", "get", "one", "report.txt")).stdout.length).toBeGreaterThan(0)
    expect(existsSync(join(project.folder, ".uniflow", "uniflow.db"))).toBe(false)
    const doctor = await project.run("doctor")
    expect(doctor.stdout).toContain("Nothing is wrong")
    expect(doctor.stdout).not.toContain("not-a-secret")
  })

  it("takes over the runs of a folder and gives them back, equal", async () => {
    const url = `${server.url}?schema=copied`
    expect(await project.run("copy", server.url, "back")).toMatchObject({ code: 0, stdout: expect.stringContaining("Copied 1 run") })
    const copied = await project.run("copy", "back", url)
    expect(copied, copied.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("Copied 1 run") })
    expect((await project.run("copy", url, "again")).code).toBe(0)
    const shown = async (folder: string): Promise<unknown> =>
      JSON.parse((await project.run("experiment", "show", "one", "--json", "--directory", folder)).stdout)
    expect(await shown("again")).toEqual(await shown("back"))
  })

  it("answers programs, whose outputs read like plain objects, and keeps what is large", async () => {
    const large = Step.make("large", { version: "1", run: () => new Float64Array(400_000).fill(0.5) })
    const sum = Step.make("sum", { version: "1", inputs: { large }, run: ({ inputs }) => inputs.large.reduce((a, b) => a + b, 0) })
    const pipeline = Pipeline.make("sums", { steps: [large, sum] })
    for (const decision of ["executed", "restored"]) {
      await using uniflow = await Uniflow.open({ url: server.url })
      const run = await uniflow.run(pipeline, { runId: "sums" })
      expect(run.outputs.sum).toBe(200_000)
      expect(run.outputs.large.length).toBe(400_000)
      expect(run.decisions["sum"]?.decision).toBe(decision)
    }
  })

  it("says what is wrong, without the password", async () => {
    const wrong = new URL(server.url)
    wrong.password = "other-secret"
    await using refused = await Uniflow.open({ url: wrong.href })
    await expect(refused.runs.find().toArray()).rejects.toMatchObject({ _tag: "StoreError", reason: "NotPermitted", message: expect.not.stringContaining("other-secret") })
    await using unknown = await Uniflow.open({ url: "mysql://host/database" })
    await expect(unknown.runs.find().toArray()).rejects.toMatchObject({ _tag: "StoreError", reason: "NotSupported", message: expect.stringContaining("postgres://") })
  })
})
