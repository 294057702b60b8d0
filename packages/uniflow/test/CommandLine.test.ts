import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ExitCode, exitCodeOf, meanings } from "../src/cli/ExitCode.ts"
import { bin, config, makeProject, type Project } from "./project.ts"

let project: Project
beforeAll(() => {
  project = makeProject({ "uniflow.config.ts": config })
})
afterAll(() => project.remove())

const manifest: { readonly version: string; readonly engines: { readonly node: string } } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))

describe("the command line", { timeout: 60_000 }, () => {
  it("tells its version, and helps at each level with examples", async () => {
    expect((await project.run("--version")).stdout).toBe(`uniflow ${manifest.version}\n`)
    for (const path of [[], ["run"], ["resume"], ["fork"], ["sweep"], ["reproduce"], ["explain"], ["watch"], ["cancel"], ["resolve"], ["experiment"], ["experiment", "compare"], ["artifact", "get"], ["gc"], ["doctor"], ["completions"]]) {
      const { code, stderr, stdout } = await project.invoke(...path, "--help")
      expect([code, stderr]).toEqual([0, ""])
      expect(stdout).toContain(`uniflow${path.map((word) => ` ${word}`).join("")}`)
      expect(stdout).toContain("\nExamples\n")
    }
    const { stdout } = await project.run()
    for (const [code, meaning] of meanings) expect(stdout).toContain(`${String(code).padEnd(3)}  ${meaning}`)
  })

  it("help and version load neither SQLite nor a pipeline nor the runner", async () => {
    project.write("spy.mjs", `
      import { registerHooks } from "node:module"
      import { writeSync } from "node:fs"
      registerHooks({ load: (url, context, next) => { if (/Runner|Sqlite|uniflow\\.config|handlers/.test(url)) writeSync(2, url + "\\n"); return next(url, context) } })
    `)
    // From its sources the tables' module brings core along; the published shell is one file without it.
    const { stderr } = spawnSync(process.execPath, ["--conditions=uniflow-source", "--import", join(project.folder, "spy.mjs"), bin, "run", "--help"], { cwd: project.folder, encoding: "utf8" })
    expect(stderr.split("\n").filter((line) => /handlers|Sqlite|uniflow\.config/.test(line))).toEqual([])
    const version = spawnSync(process.execPath, ["--conditions=uniflow-source", "--import", join(project.folder, "spy.mjs"), bin, "--version"], { cwd: project.folder, encoding: "utf8" })
    expect(version.stderr).toBe("")
  })

  it("what cannot be understood is one line on stderr and 2, with the nearest name", async () => {
    for (const [args, issue] of [
      [["expriment", "list"], /Unknown subcommand "expriment".*Did you mean experiment\?.*uniflow --help/],
      [["run", "digits", "--rnu-id", "x"], /--rnu-id.*--run-id/],
      [["run", "digits", "--seed", "many"], /--seed.*many/],
      [["explain"], /runId/],
      [["run", "digits", "--mode", "lax"], /--mode.*lax/],
      [["run", "digts"], /no pipeline "digts".*Did you mean "digits"\? The pipelines are: digits, hostile, pay\./],
      [["run"], /Which pipeline\? .*uniflow\.config\.ts has: digits, hostile, pay\./],
      [["run", "digits"], /needs the param learningRate: give it by --param learningRate=…/],
      [["run", "digits", "--param", "learningRate=fast"], /--param learningRate: Expected number, not "fast"/],
      [["run", "digits", "-p", "learningRate=1", "-p", "learningRate=2"], /--param learningRate: it is given twice/],
      [["run", "digits", "-p", "rate=1"], /no such param.*learningRate/],
      [["run", "digits", "-p", "learningRate=1", "--run-id", "a/b"], /Run id "a\/b"/],
      [["run", "digits", "-p", "learningRate=1", "--run-id=-b"], /Run id "-b"/],
      [["run", "digits", "-p", "learningRate=1", "--rerun", "nope"], /no step "nope"/],
      [["explain", "--", "-x"], /Run id "-x"/],
      [["gc", "--grace", "soon"], /--grace "soon"/],
      [["experiment", "list", "--limit", "0"], /--limit/],
      [["experiment", "delete", "a", "b"], /Unexpected positional argument: "b"/],
      [["experiment", "tag", "a", "=b"], /name=value/],
      [["resolve", "a", "b", "--failed", "--rerun"], /exactly one of/]
    ] as const) {
      const { code, stderr, stdout } = await project.invoke(...args)
      expect([args, code, stdout]).toEqual([args, 2, ""])
      expect(stderr).toMatch(/^error: [^\n]*\n$/)
      expect(stderr).toMatch(issue)
    }
    expect(await project.run("run", "digits", "--config", "nowhere.ts")).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^error: There is no config .*nowhere\.ts\.\n$/) })
    expect(project.has(".uniflow")).toBe(false)
  })

  it("values may begin with a minus sign and hold equal signs", async () => {
    const { stdout } = await project.invoke("run", "digits", "--param", "learningRate=-1", "--dry-run", "--json")
    expect(JSON.parse(stdout)).toMatchObject({ pipeline: "digits" })
    const hostile = await project.invoke("run", "hostile", "--param", "text=-a=b=c", "--dry-run")
    expect(hostile.code).toBe(0)
  })

  it("errors in the command line are JSON with --json, too", async () => {
    const { stderr, stdout } = await project.run("run", "--foo", "--json")
    expect(stdout).toBe("")
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "UsageError", exitCode: 2 } })
  })

  it.each(["bash", "zsh", "fish"])("prints completions for %s that name the commands", async (shell) => {
    const { code, stdout } = await project.invoke("completions", shell)
    expect(code).toBe(0)
    for (const word of ["experiment", "compare", "resume", "run-id"]) expect(stdout).toContain(word)
    const checked = spawnSync(shell, ["-n"], { input: stdout, encoding: "utf8" })
    if (checked.error === undefined) expect([checked.status, checked.stderr]).toEqual([0, ""])
  })

  it("a reader that goes away (| head) is no error", async () => {
    const child = spawn(process.execPath, ["--conditions=uniflow-source", bin, "--help"], { cwd: project.folder, stdio: ["ignore", "pipe", "pipe"] })
    child.stdout.destroy()
    let stderr = ""
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()))
    const [code] = await once(child, "close")
    expect([code, stderr]).toEqual([0, ""])
  })

  it("asks for the Node that the package needs, and is parsed by any", () => {
    const source = readFileSync(bin, "utf8")
    const [, needed] = /var needed = \[(\d+, \d+)\]/.exec(source) ?? []
    expect(manifest.engines.node).toBe(`>=${needed!.replace(", ", ".")}`)
    expect(source).not.toMatch(/^import |^export |\bawait\b|=>|\?\.|\?\?/m)
    // A Node that is too old, where the machine has one.
    const old = "/usr/bin/node"
    const version = existsSync(old) ? spawnSync(old, ["--version"], { encoding: "utf8" }).stdout : ""
    if (/^v(1[2-9]|2[01])\./.test(version)) {
      project.write("old.mjs", source.replace(/!(?=[<\s&.)[=])|!$/gm, "").replace("./cli/start.ts", "./nowhere.js"))
      const { status, stderr } = spawnSync(old, [join(project.folder, "old.mjs")], { encoding: "utf8" })
      expect(status).toBe(1)
      expect(stderr).toMatch(/^uniflow needs Node 22\.23 or newer, and this is Node [\d.]+ \(.*\)\. .*\n$/)
    }
  })
})

it("every documented exit code is distinct, and known errors have one", () => {
  const codes = Object.values(ExitCode)
  expect(new Set(codes).size).toBe(codes.length)
  expect(["InvalidInput", "RunIsActive", "RunNotFound", "OutcomeUnknown", "StoreError", "RunInterrupted", "StepFailed", "Nonsense", "__proto__"].map(exitCodeOf)).toEqual([2, 3, 4, 5, 6, 130, 1, 1, 1])
})
