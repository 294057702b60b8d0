import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { RunView } from "@uniflow/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Uniflow } from "../src/index.ts"
import { config, makeProject, type Project } from "./project.ts"

let project: Project
beforeAll(async () => {
  project = makeProject({ "uniflow.config.ts": config, go: "" })
  for (const [id, rate] of [["one", "0.5"], ["two", "0.25"]] as const) {
    expect((await project.run("run", "digits", "--run-id", id, "--param", `learningRate=${rate}`)).code).toBe(0)
  }
  // What only reads works without the code.
  writeFileSync(join(project.folder, "uniflow.config.ts"), "throw new Error(\"must not be imported\")")
}, 60_000)
afterAll(() => project.remove())

const json = async (...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await project.invoke(...args, "--json")
  expect([code, stderr]).toEqual([0, ""])
  return JSON.parse(stdout)
}

describe("without the config's code", { timeout: 60_000 }, () => {
  it("experiment show --json prints exactly the run's view, and the page shows it to people", async () => {
    const uniflow = await Uniflow.open({ directory: join(project.folder, ".uniflow") })
    const view = RunView.stringify(await uniflow.runs.get("one"))
    await uniflow.close()
    expect((await project.invoke("experiment", "show", "one", "--json")).stdout).toBe(`${view}\n`)
    expect(JSON.parse(view)).toMatchObject({
      id: "one",
      pipeline: "digits",
      experiment: "digits",
      status: "completed",
      params: { learningRate: 0.5, epochs: 5 },
      metrics: { accuracy: 0.5 },
      tags: {},
      steps: [{ name: "load", decision: "executed", reasons: [{ component: "first" }] }, { name: "train" }, { name: "evaluate" }],
      attempts: [{ attempt: 1, status: "completed" }]
    })
    const { stdout } = await project.invoke("experiment", "show", "two")
    expect(stdout).toMatch(/^✓ two {2}digits {2}completed$/m)
    expect(stdout).toMatch(/learningRate +0\.25/)
    expect(stdout).toMatch(/⇠ load +cached +taken from run one/)
    expect(stdout).toMatch(/report\.txt +evaluate +6 B +text\/plain/)
  })

  it("explain, list, compare and artifact answer for people and as JSON", async () => {
    expect(await json("explain", "two")).toMatchObject({ runId: "two", steps: [{ name: "load", decision: "cached" }, { name: "train" }, { name: "evaluate" }] })
    expect((await project.invoke("explain", "two", "--step", "load")).stdout).toMatch(/⇠ {2}load {2}cached {2}taken from run one/)
    expect(await project.invoke("explain", "two", "--step", "lod")).toMatchObject({ code: 4, stderr: expect.stringContaining("Did you mean \"load\"?") })

    const listed = await json("experiment", "list", "--limit", "1")
    expect(listed).toMatchObject({ runs: [{ id: "two", status: "completed", metrics: { accuracy: 0.75 } }], more: true })
    const table = await project.invoke("experiment", "list", "--limit", "1")
    expect(table.stdout).toContain("There are more: add --after two")
    expect((await project.invoke("experiment", "list", "--after", "two", "--quiet")).stdout).toBe("one\n")
    expect((await project.invoke("experiment", "list", "--status", "failed")).stdout).toBe("No run is like that.\n")
    expect((await project.invoke("experiment", "list")).stdout).toMatch(/✓ two +digits +completed .* 0\.75 +0\.05\n✓ one +digits +completed .* 0\.5 +0\.1\n/)

    expect((await project.invoke("experiment", "compare", "one", "two")).stdout).toMatch(/accuracy +0\.5 +0\.75 +\+0\.25 +\+50% +better/)
    expect((await project.invoke("experiment", "compare", "one", "two", "--format", "md")).stdout).toMatch(/^\| .*`accuracy`.* \|$/m)
    expect(await json("experiment", "compare", "one", "two")).toMatchObject({ version: 1, runs: [{ id: "one" }, { id: "two" }] })
    expect(await project.invoke("experiment", "compare", "one")).toMatchObject({ code: 2, stderr: expect.stringContaining("at least two runs") })

    expect((await json("artifact", "list", "one")).artifacts.map(({ name }: { readonly name: string }) => name)).toEqual(["load", "train", "evaluate", "report.txt"])
    expect((await project.invoke("artifact", "get", "one", "report.txt")).stdout).toBe("score\n")
  })

  it("artifact get never overwrites a file unless it is forced to", async () => {
    const get = (...more: ReadonlyArray<string>) => project.invoke("artifact", "get", "one", "report.txt", "-o", "out.txt", ...more)
    expect(await get()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Saved report\.txt \(6 B\) to .*out\.txt\n$/) })
    project.write("out.txt", "mine")
    expect(await get()).toMatchObject({ code: 2, stderr: expect.stringMatching(/^error: .*out\.txt is there already; add --force to replace it\.\n$/) })
    expect(readFileSync(join(project.folder, "out.txt"), "utf8")).toBe("mine")
    expect((await get("--force")).code).toBe(0)
    expect(readFileSync(join(project.folder, "out.txt"), "utf8")).toBe("score\n")
    expect(await project.invoke("artifact", "get", "one", "nope")).toMatchObject({ code: 4, stderr: expect.stringContaining("The artifacts are: load, train, evaluate, report.txt.") })
  })

  it("tag, note and delete change a run; gc frees what it left", async () => {
    expect(await json("experiment", "tag", "two", "a=1", "b=x=y")).toEqual({ runId: "two", tags: { a: "1", b: "x=y" } })
    expect(await json("experiment", "tag", "two", "a=")).toEqual({ runId: "two", tags: { b: "x=y" } })
    expect((await project.invoke("experiment", "list", "--tag", "b=x=y", "-q")).stdout).toBe("two\n")
    expect(await json("experiment", "note", "two", "the better one")).toEqual({ runId: "two", note: "the better one" })
    expect(await project.invoke("experiment", "delete", "two")).toMatchObject({ code: 2, stderr: expect.stringContaining("add --yes") })
    expect(await json("experiment", "delete", "two", "--yes")).toEqual({ runId: "two", deleted: true })
    expect(await project.invoke("experiment", "show", "two")).toMatchObject({ code: 4, stdout: "" })
    const planned = await json("gc", "--grace", "0s", "--dry-run")
    expect(planned).toMatchObject({ dryRun: true })
    expect(planned.count).toBeGreaterThan(0)
    expect(await json("gc", "--grace", "0s")).toMatchObject({ count: planned.count, sizeBytes: planned.sizeBytes, dryRun: false })
    expect(await json("gc", "--grace", "0s")).toMatchObject({ count: 0 })
    expect(await json("doctor")).toMatchObject({ exists: true, store: { runs: { completed: 1 }, damage: [], format: "1" }, findings: [] })
  })

  it("an unknown run is one line on stderr, which names the one that may be meant", async () => {
    expect(await project.invoke("explain", "oen")).toEqual({
      code: 4,
      signal: null,
      stdout: "",
      stderr: "error: There is no run \"oen\". Did you mean \"one\"? uniflow experiment list shows the runs of this store.\n"
    })
    const failed = await project.invoke("watch", "nope", "--json")
    expect(failed.stdout).toBe("")
    expect(JSON.parse(failed.stderr)).toEqual({ error: { code: "RunNotFound", message: expect.stringContaining("no run \"nope\""), exitCode: 4 } })
    for (const command of [["experiment", "show"], ["experiment", "tag"], ["experiment", "note"], ["experiment", "delete"], ["artifact", "list"], ["cancel"]]) {
      const more = command[1] === "tag" ? ["a=b"] : command[1] === "note" ? ["text"] : command[1] === "delete" ? ["--yes"] : []
      expect((await project.invoke(...command, "nope", ...more)).code).toBe(4)
    }
  })
})

it("reading makes no folder where nothing was recorded", { timeout: 60_000 }, async () => {
  const empty = makeProject()
  try {
    expect(await empty.invoke("experiment", "list")).toMatchObject({ code: 0, stdout: "No runs yet. Begin one: uniflow run <pipeline>\n" })
    expect(await empty.invoke("experiment", "list", "--json")).toMatchObject({ code: 0, stdout: "{\"runs\":[],\"more\":false}\n" })
    expect(await empty.invoke("explain", "x")).toMatchObject({ code: 4, stderr: expect.stringContaining(`Nothing was ever recorded in ${join(empty.folder, ".uniflow")}`) })
    empty.write("uniflow.config.ts", config)
    expect((await empty.run("run", "digits", "-p", "learningRate=1", "--dry-run")).code).toBe(0)
    expect((await empty.run("resume", "last-failed")).code).toBe(4)
    expect(await empty.invoke("gc")).toMatchObject({ code: 0, stdout: "Nothing to free.\n" })
    const doctor = await empty.invoke("doctor")
    expect(doctor.code).toBe(0)
    expect(doctor.stdout).toContain(`folder   ${join(empty.folder, ".uniflow")}`)
    expect(doctor.stdout).toContain("because")
    expect(empty.has(".uniflow")).toBe(false)
  } finally {
    empty.remove()
  }
})
