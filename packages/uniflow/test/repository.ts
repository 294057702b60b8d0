import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect } from "vitest"
import { bin } from "./project.ts"

const packageFolder = fileURLToPath(new URL("..", import.meta.url))

/** What `uniflow reproduce --json` told. */
export interface Told {
  readonly verdict: string
  readonly remarks: ReadonlyArray<string>
  readonly findings: ReadonlyArray<{ readonly kind: string; readonly name: string; readonly verdict: string; readonly note?: string; readonly difference?: { readonly path: string; readonly old: string; readonly new: string } }>
}

type Variables = { readonly [name: string]: string }

export const gitIn = (cwd: string, ...parameters: ReadonlyArray<string>): string =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=trunk", ...parameters], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()

/** A git repository with a project, and the command run in it; temporary files are made in a folder of its own. */
export const makeRepository = (files: { readonly [name: string]: string }) => {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-reproducing-")))
  const folder = join(scratch, "project")
  const git = (...parameters: ReadonlyArray<string>): string => gitIn(folder, ...parameters)
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const commit = (message: string): string => {
    git("add", ".")
    git("commit", "-q", "-m", message)
    return git("rev-parse", "HEAD")
  }
  const start = (env: Variables, args: ReadonlyArray<string>, cwd = folder) => {
    const { CI: _, FORCE_COLOR: __, UNIFLOW_DIR: ___, NODE_OPTIONS: ____, ...rest } = process.env
    return spawn(process.execPath, ["--conditions=uniflow-source", ...args], { cwd, env: { ...rest, TMPDIR: join(scratch, "tmp"), ...env }, stdio: ["ignore", "pipe", "pipe"] })
  }
  const node = async (env: Variables, args: ReadonlyArray<string>, cwd?: string) => {
    const child = start(env, args, cwd)
    const texts = { stdout: "", stderr: "" }
    child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text))
    const [code] = await once(child, "close") as [number]
    return { code, ...texts }
  }
  const run = (env: Variables, ...args: ReadonlyArray<string>) => node(env, [bin, ...args])
  mkdirSync(join(folder, "node_modules"), { recursive: true })
  mkdirSync(join(scratch, "tmp"))
  symlinkSync(packageFolder, join(folder, "node_modules", "uniflow"))
  symlinkSync(realpathSync(join(packageFolder, "node_modules", "effect")), join(folder, "node_modules", "effect"))
  git("init")
  write(".gitignore", "node_modules\n.uniflow\n*.csv\n")
  write("package.json", JSON.stringify({ private: true, type: "module" }))
  write("package-lock.json", "{}")
  for (const [name, text] of Object.entries(files)) write(name, text)
  commit("first")
  return {
    scratch,
    folder,
    git,
    write,
    commit,
    start: (env: Variables, ...args: ReadonlyArray<string>) => start(env, [bin, ...args]),
    node,
    run,
    uniflow: (...args: ReadonlyArray<string>) => run({}, ...args),
    /** `uniflow run`, which must complete. */
    begun: async (env: Variables, ...args: ReadonlyArray<string>): Promise<void> => {
      const { code, stderr } = await run(env, "run", ...args)
      expect([code, stderr]).toEqual([0, ""])
    },
    reproduced: async (env: Variables, ...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await run(env, "reproduce", ...args, "--json")
      const told = stdout === "" ? { verdict: stderr, remarks: [], findings: [] } : JSON.parse(stdout) as Told
      return { code, ...told, of: Object.fromEntries(told.findings.map(({ name, verdict }) => [name, verdict])) }
    },
    /** Temporary files, and how many worktrees the repository knows of. */
    leftovers: () => [readdirSync(join(scratch, "tmp")).filter((name) => !name.startsWith("node-compile")), git("worktree", "list").split("\n").length],
    remove: () => rmSync(scratch, { recursive: true, force: true })
  }
}

export type Repository = ReturnType<typeof makeRepository>
