import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { provideDependencies } from "../src/cli/reproduce/Dependencies.ts"
import { bin } from "./project.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "")

// Skipped where the repository was unpacked without its history: there is no tree that could be dirty.
it.skipIf(!existsSync(join(root, ".git")))("the digits example is reproduced from a dirty tree of this very repository, to the byte", { timeout: 180_000 }, async () => { // a tree without history has no commit to go back to
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-digits-")))
  try {
    const clone = join(scratch, "repository")
    const git = (...args: ReadonlyArray<string>): string => execFileSync("git", args, { cwd: existsSync(clone) ? clone : scratch, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
    git("clone", "--quiet", "--shared", root, clone)
    await provideDependencies({ mode: "present", present: root, worktree: clone, lockfile: undefined, say: () => {}, signal: new AbortController().signal })
    const digits = join(clone, "examples/digits")
    const uniflow = (...args: ReadonlyArray<string>) => {
      const { UNIFLOW_DIR: _, NODE_OPTIONS: __, ...env } = process.env
      const { status, stderr, stdout } = spawnSync(process.execPath, ["--conditions=uniflow-source", bin, ...args], { cwd: digits, encoding: "utf8", env })
      return { code: status, stderr, stdout }
    }
    // It trains otherwise than the commit does: by a changed line, and a new module.
    const source = join(digits, "src/Digits.ts")
    const changed = readFileSync(source, "utf8").replace("order, params.learningRate)", "order, params.learningRate * louder)")
    expect(changed).toContain("* louder)")
    writeFileSync(source, `import { louder } from "./Louder.ts"\n${changed}`)
    writeFileSync(join(digits, "src/Louder.ts"), "export const louder = 1.25\n")
    const begun = uniflow("run", "digits", "--run-id", "dirty", "--param", "learningRate=0.1", "--param", "epochs=2", "--quiet")
    expect([begun.code, begun.stdout]).toEqual([0, "dirty\n"])
    git("checkout", "--quiet", ".")
    rmSync(join(digits, "src/Louder.ts"))

    const { code, stderr, stdout } = uniflow("reproduce", "dirty", "--json")
    expect([code, stderr]).toEqual([0, ""])
    const { findings, remarks, verdict } = JSON.parse(stdout) as { verdict: string; remarks: ReadonlyArray<string>; findings: ReadonlyArray<{ kind: string; name: string; verdict: string }> }
    expect([verdict, remarks]).toEqual(["identical", []])
    expect(findings.filter(({ kind }) => kind === "step").map(({ name }) => name)).toEqual(["load", "train", "evaluate"])
    expect(new Set(findings.map((one) => one.verdict))).toEqual(new Set(["identical"]))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
})
