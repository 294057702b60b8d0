import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { findConfig } from "../src/cli/ProjectConfig.ts"
import { config, makeProject, type Project } from "./project.ts"

let project: Project
beforeEach(() => {
  project = makeProject()
})
afterEach(() => project.remove())

const refusal = async (text: string, name = "uniflow.config.ts") => {
  project.write(name, text)
  const { code, stderr, stdout } = await project.run("run", "x")
  expect([code, stdout]).toEqual([2, ""])
  expect(stderr).toMatch(/^error: [^\n]*\n$/)
  return stderr
}

describe("the config", { timeout: 60_000 }, () => {
  it("is looked for upwards to the root of the workspace, TypeScript first", () => {
    const below = join(project.folder, "a", "b")
    mkdirSync(below, { recursive: true })
    expect(findConfig(below)).toBeUndefined()
    project.write("uniflow.config.mjs", "")
    expect(findConfig(below)).toBe(join(project.folder, "uniflow.config.mjs"))
    project.write("uniflow.config.ts", "")
    expect(findConfig(below)).toBe(join(project.folder, "uniflow.config.ts"))
    mkdirSync(join(project.folder, "a", ".git"))
    expect(findConfig(below)).toBeUndefined()
  })

  it("is imported without a run beginning, and without a warning about TypeScript", async () => {
    project.write("uniflow.config.ts", config)
    const { code, stderr } = await project.run("run", "digits", "-p", "learningRate=1", "--dry-run")
    expect([code, stderr]).toEqual([0, ""])
    expect(project.has("loads")).toBe(false)
  })

  it("names the folder, for commands that need no code, too", async () => {
    project.write("go", "")
    project.write("uniflow.config.ts", config.replace("defineConfig({", "defineConfig({ directory: \"kept\","))
    expect((await project.run("run", "digits", "-p", "learningRate=1", "--run-id", "k")).code).toBe(0)
    expect([project.has("kept/uniflow.db"), project.has(".uniflow")]).toEqual([true, false])
    expect((await project.run("experiment", "list", "-q")).stdout).toBe("k\n")
    expect((await project.run("experiment", "list", "-q", "--directory", "other")).stdout).toBe("")
    expect((await project.run("doctor")).stdout).toMatch(/because .*uniflow\.config\.ts names it/)
  })

  it("says which runs are kept: by themselves after a run, and for prune that is given no rules", async () => {
    const small = (retention: string): void =>
      project.write("uniflow.config.ts", `import { defineConfig, Pipeline, Step } from "uniflow"
export default defineConfig({ ${retention} pipelines: [Pipeline.make("p", { steps: [Step.make("a", { version: "1", run: () => 1 })] })] })`)
    const run = async (id: string) => expect((await project.run("run", "p", "--run-id", id, "-q")).stdout).toBe(`${id}\n`)
    const kept = async () => (await project.run("experiment", "list", "-q")).stdout
    small("")
    for (const id of ["a", "b", "c"]) await run(id)
    expect(await project.run("prune")).toMatchObject({ code: 2, stderr: expect.stringContaining("`retention` in uniflow.config.ts") })
    small("retention: { keepLast: 2 },")
    expect((await project.run("prune", "--dry-run", "-q")).stdout).toBe("a\n")
    expect((await project.run("prune", "--dry-run", "-q", "--keep-last", "1")).stdout).toBe("b\na\n")
    expect((await project.run("run", "p", "--run-id", "d", "--dry-run")).code).toBe(0)
    expect(await kept()).toBe("c\nb\na\n")
    await run("d")
    expect(await kept()).toBe("d\nc\n")
    small("retention: { keepLast: 1 },")
    expect((await project.run("prune", "-q")).stdout).toBe("c\n")
    expect(await kept()).toBe("d\n")
    // Whatever the rules say, the command tells of its run before it is removed.
    small("retention: { keepLast: 0 },")
    expect((await project.run("run", "p", "--run-id", "e"))).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("✓ p completed") })
    expect(await kept()).toBe("")
  })

  it("that cannot be loaded is one line with the file, the line and the cause", async () => {
    expect(await refusal("const a = 1\nconst b: = 2\n")).toMatch(/uniflow\.config\.ts cannot be loaded, line 2: /)
    expect(await refusal("\n\nthrow new Error(\"no\\nway\")\n")).toMatch(/uniflow\.config\.ts cannot be loaded, line 3: no$/m)
    expect(await refusal("import \"./steps\"\n")).toMatch(/Cannot find module '.*steps'.*full names/)
    expect(await refusal("import \"nowhere\"\n")).toMatch(/Cannot find package 'nowhere'/)
    expect(await refusal("enum A { B }\nexport default {}\n")).toMatch(/line 1: .*enum/)
    project.write("steps.ts", "export const x = 1\nthrow new TypeError(\"inside\")\n")
    expect(await refusal("import \"./steps.ts\"\n")).toMatch(/\(at .*steps\.ts:2\): inside/)
    expect(await refusal("import { Step } from \"uniflow\"\n\nStep.make(\"\", { run: () => 1 })\n")).toMatch(/line 3: Pipeline "" cannot be used/)
  })

  it("that holds what it must not is refused", async () => {
    expect(await refusal("export const a = 1")).toContain("it must export its config as default")
    expect(await refusal("export default { pipelines: 1 }")).toContain("`pipelines` must be an array")
    expect(await refusal("export default { pipelines: [undefined] }")).toContain("entry 0 of `pipelines` is not a pipeline (it is undefined")
    expect(await refusal("export default { pipelines: [], pipeline: 1 }")).toContain("it holds \"pipeline\", which means nothing. Did you mean \"pipelines\"?")
    expect(await refusal("export default { pipelines: [], layer: 1 }")).toContain("`layer` must be an Effect Layer")
    expect(await refusal("export default { pipelines: [], directory: 1 }")).toContain("`directory` must be")
    expect(await refusal("export default { pipelines: [], retention: 5 }")).toContain("`retention` must hold rules")
    expect(await refusal("export default { pipelines: [], retention: {} }")).toContain("`retention`: give at least one of keepLast, olderThan and failed.")
    expect(await refusal("export default { pipelines: [], retention: { keepLast: -1 } }")).toContain("`retention`: keepLast must be a whole number")
    expect(await refusal("export default { pipelines: [], retention: { olderThan: \"soon\" } }")).toContain("`retention`: olderThan is no duration.")
    expect(await refusal("export default { pipelines: [], retention: { keeplast: 1 } }")).toContain("`retention` holds \"keeplast\", which means nothing. Did you mean \"keepLast\"?")
  })

  it("that is not there is said, with what to write", async () => {
    const { code, stderr } = await project.run("run", "x")
    expect(code).toBe(2)
    expect(stderr).toMatch(/There is no uniflow\.config\.ts in .* or above\. Make one .*defineConfig/)
  })
})
