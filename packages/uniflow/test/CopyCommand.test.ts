import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Uniflow } from "../src/index.ts"
import { config, makeProject, type Project } from "./project.ts"

let project: Project
beforeAll(async () => {
  project = makeProject({ "uniflow.config.ts": config, go: "" })
  for (const [id, rate] of [["one", "0.5"], ["two", "0.25"]] as const) {
    expect((await project.run("run", "digits", "--run-id", id, "--param", `learningRate=${rate}`)).code).toBe(0)
  }
}, 60_000)
afterAll(() => project.remove())

/** What the command shows of a run in a folder, without what only copies lack. */
const shown = async (folder: string, id: string): Promise<unknown> => {
  const { stdout } = await project.invoke("experiment", "show", id, "--json", "--directory", join(project.folder, folder))
  return JSON.parse(stdout)
}

describe("removing runs", { timeout: 60_000 }, () => {
  it("prune says which and why, removes them, and leaves what is kept; delete --purge frees the bytes at once", async () => {
    expect((await project.invoke("copy", ".", "old")).code).toBe(0)
    const there = ["--directory", join(project.folder, "old")]
    expect(await project.invoke("prune", ...there)).toMatchObject({ code: 2, stderr: expect.stringContaining("--keep-last") })
    expect(await project.invoke("prune", "--older-than", "soon", ...there)).toMatchObject({ code: 2, stderr: expect.stringContaining("--older-than \"soon\"") })
    const dry = await project.invoke("prune", "--keep-last", "1", "--dry-run", ...there)
    expect(dry).toMatchObject({ code: 0, stdout: "one  digits  not among the newest 1 of its experiment\nWould remove 1 run; 1 stay.\n" })
    expect((await project.invoke("experiment", "tag", "one", "keep=", ...there)).code).toBe(0)
    expect(JSON.parse((await project.invoke("prune", "--keep-last", "1", "--json", ...there)).stdout)).toMatchObject({ dryRun: false, removed: [{ id: "one" }], kept: 1 })
    expect((await project.invoke("experiment", "delete", "two", "--dry-run", ...there)).stdout).toMatch(/^Would delete two\. It refers to/)
    expect((await project.invoke("experiment", "delete", "two", "--purge", "--yes", ...there)).stdout).toMatch(/^Deleted two, and freed [\d.]+ .?B\.\n$/)
    expect((await project.invoke("gc", "--grace", "0s", ...there)).stdout).toBe("Nothing to free.\n")
    expect((await project.invoke("experiment", "delete", "two", "--dry-run", ...there)).code).toBe(4)
    expect((await project.invoke("prune", "--keep-last", "1", "--directory", join(project.folder, "none"))).stdout).toBe("Nothing to remove.\n")
  })
})

describe("uniflow copy", { timeout: 60_000 }, () => {
  it("makes a backup in one file and gives it back, equal", async () => {
    const made = await project.invoke("copy", ".", "all.uniflow.tar")
    expect(made).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^Copied 2 runs with [\d.]+ .?B of outputs and artifacts, and read back what was written\.\n$/) })
    expect((await project.invoke("copy", "all.uniflow.tar", "back")).code).toBe(0)
    for (const id of ["one", "two"]) expect(await shown("back", id)).toEqual(await shown(".uniflow", id))
    // The outputs can be read, and the run is complete there: nothing is executed.
    const uniflow = await Uniflow.open({ directory: join(project.folder, "back") })
    expect(Buffer.from(await uniflow.runs.artifact("one", "report.txt")).length).toBe(6)
    expect((await uniflow.runs.find({ where: "params.learningRate < 0.3" }).toArray()).map(({ id }) => id)).toEqual(["two"])
    await uniflow.close()
    const again = await project.run("run", "digits", "--run-id", "one", "--param", "learningRate=0.5", "--directory", "back", "--json")
    expect(again.code).toBe(0)
    expect(again.stdout).toContain("\"restored\":3")
  })

  it("the same copy again has nothing to do, and a selection copies what it says", async () => {
    expect(JSON.parse((await project.invoke("copy", ".", "some", "--where", "metrics.accuracy > 0.6", "--json")).stdout)).toMatchObject({
      runs: [{ id: "two", as: "two", outcome: "copied" }], damaged: [], redacted: []
    })
    expect((await project.invoke("copy", ".", "some", "--run", "two")).stdout).toContain("Copied 0 runs with 0 B")
    expect((await project.invoke("copy", ".", "some", "--run", "two")).stdout).toContain("(1 there already)")
    expect((await project.invoke("copy", ".", "some", "--dry-run")).stdout).toBe("one\nWould copy 1 run (1 there already).\n")
    expect((await project.invoke("copy", ".", "some", "--quiet")).stdout).toBe("one\n")
  })

  it("refuses taken ids with a list, and renames or skips where asked", async () => {
    expect((await project.invoke("copy", ".", "taken")).code).toBe(0)
    expect((await project.invoke("experiment", "note", "one", "otherwise", "--directory", join(project.folder, "taken"))).code).toBe(0)
    const refused = await project.invoke("copy", ".", "taken")
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain("has other runs under these ids: one. Nothing was copied")
    expect((await project.invoke("copy", ".", "taken", "--existing", "skip")).stdout).toContain("1 left out")
    expect((await project.invoke("copy", ".", "taken", "--existing", "rename")).stdout).toContain("one has the id one-2\nCopied 1 run")
    expect(await shown("taken", "one-2")).toMatchObject({ id: "one-2", note: null })
    expect(await shown("taken", "one")).toMatchObject({ note: "otherwise" })
  })

  it("says what is wrong with a name, and touches nothing", async () => {
    mkdirSync(join(project.folder, "full"))
    writeFileSync(join(project.folder, "full", "other.txt"), "x")
    writeFileSync(join(project.folder, "junk.uniflow.tar"), "x".repeat(2000))
    symlinkSync(".uniflow", join(project.folder, "link"))
    for (const [from, to, code, says] of [
      ["nowhere", "to", 4, "There is no"],
      ["full", "to", 4, "There are no runs in"],
      [".", "full", 2, "holds something else than runs"],
      [".", "b.zip", 2, "ends with .uniflow.tar"],
      [".", "full/other.txt", 2, "is no folder"],
      [".", ".uniflow", 2, "cannot be copied to itself"],
      [".", "link", 2, "cannot be copied to itself"],
      ["junk.uniflow.tar", "to", 2, "is not used: it is no tar file of the kind that UniFlow writes. Nothing was written"],
      [".", "junk.uniflow.tar", 6, "exists already, and is not overwritten"]
    ] as const) {
      const ended = await project.invoke("copy", from, to)
      expect([from, to, ended.code, ended.stderr]).toEqual([from, to, code, expect.stringContaining(says)])
      expect(ended.stderr.trim().split("\n")).toHaveLength(1)
    }
    expect((await project.invoke("copy", ".", "to", "--run", "three")).code).toBe(4)
    expect((await project.invoke("copy", ".", "to", "--where", "params.")).code).toBe(2)
    expect(existsSync(join(project.folder, "to"))).toBe(false)
    expect(readdirSync(join(project.folder, "full"))).toEqual(["other.txt"])
  })

  it("a run that is under way is copied as interrupted, goes on undisturbed, and its copy resumes", async () => {
    const live = makeProject({ "uniflow.config.ts": config })
    try {
      const run = live.start("run", "digits", "--run-id", "live", "--param", "learningRate=0.5")
      await run.says("3/5")
      expect((await live.invoke("copy", ".", "live.uniflow.tar")).code).toBe(0)
      live.write("go", "")
      expect((await run.ended).code).toBe(0)
      expect((await live.invoke("copy", "live.uniflow.tar", "copy")).code).toBe(0)
      const directory = join(live.folder, "copy")
      const before = JSON.parse((await live.invoke("experiment", "show", "live", "--json", "--directory", directory)).stdout)
      expect(before).toMatchObject({ status: "interrupted", attempts: [{ status: "interrupted" }] })
      const resumed = await live.run("resume", "live", "--directory", "copy")
      expect(resumed.code).toBe(0)
      const both = await Promise.all([directory, join(live.folder, ".uniflow")].map(async (folder) =>
        JSON.parse((await live.invoke("experiment", "show", "live", "--json", "--directory", folder)).stdout)))
      expect(both[0].metrics).toEqual(both[1].metrics)
      expect(both[0].status).toBe("completed")
      // The source has gone on since: another state of the run, which is not overwritten.
      expect((await live.invoke("copy", ".", "copy")).code).toBe(2)
    } finally {
      live.remove()
    }
  })
})
