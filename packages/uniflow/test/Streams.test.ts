import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, openSync, closeSync } from "node:fs"
import process from "node:process"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bin, config, makeProject, type Project } from "./project.ts"

let project: Project
beforeAll(() => {
  project = makeProject({ "uniflow.config.ts": config, go: "" })
})
afterAll(() => project.remove())

/** Runs a command with a stream led to a file. */
const led = async (fd: 1 | 2, path: string, ...args: ReadonlyArray<string>): Promise<{ readonly code: number | null; readonly other: string }> => {
  const file = openSync(path, "w")
  const child = spawn(process.execPath, ["--conditions=uniflow-source", bin, ...args], {
    cwd: project.folder,
    stdio: ["ignore", fd === 1 ? file : "pipe", fd === 2 ? file : "pipe"]
  })
  closeSync(file)
  let other = ""
  ;(fd === 1 ? child.stderr : child.stdout)!.setEncoding("utf8").on("data", (text: string) => (other += text))
  const [code] = await once(child, "close")
  return { code, other }
}

// A file that takes nothing because its disk is full.
const full = "/dev/full"

describe.skipIf(!existsSync(full))("output to a full disk", { timeout: 60_000 }, () => { // /dev/full: Linux
  it("stops no run; it is told in one line, and is no success", async () => {
    const ended = await led(1, full, "run", "digits", "-p", "learningRate=0.5", "--run-id", "told-nobody")
    expect(ended).toEqual({ code: 1, other: "error: Not everything could be printed: ENOSPC: no space left on device, write\n" })
    const { stdout } = await project.invoke("experiment", "show", "told-nobody", "--json")
    expect(JSON.parse(stdout)).toMatchObject({ status: "completed" })
    const listed = await led(1, full, "experiment", "list", "--json")
    expect(listed.code).toBe(1)
    expect(JSON.parse(listed.other)).toMatchObject({ error: { exitCode: 1 } })
    expect((await led(1, full, "--version")).code).toBe(1)
  })

  it("of errors and remarks takes nothing away from the result", async () => {
    const { code, other } = await led(2, full, "run", "digits", "-p", "learningRate=0.5", "--run-id", "again", "--json")
    expect(code).toBe(0)
    expect(JSON.parse(other.trim().split("\n").at(-1)!)).toMatchObject({ _tag: "Result", status: "completed" })
    expect((await led(2, full, "experiment", "show", "nobody")).code).toBe(4)
  })
})

it("with --json even help, versions and completions are JSON", async () => {
  for (const [args, member] of [
    [["--version"], "uniflow"],
    [["--help"], "help"],
    [["experiment"], "help"],
    [[], "help"],
    [["completions", "fish"], "script"]
  ] as const) {
    const { stderr, stdout } = await project.invoke(...args, "--json")
    expect([args, stderr]).toEqual([args, ""])
    expect(JSON.parse(stdout)).toHaveProperty(member, expect.any(String))
  }
})

it("completions say how they are asked for", async () => {
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const { stdout } = await project.invoke("completions", shell)
    expect(stdout).toContain(`uniflow completions ${shell}`)
    expect(stdout).not.toContain("--completions ")
  }
})
