import { createHash } from "node:crypto"
import { once } from "node:events"
import { existsSync, mkdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { provideDependencies } from "../src/cli/reproduce/Dependencies.ts"
import { makeWorktree } from "../src/cli/reproduce/Worktree.ts"
import { bin } from "./project.ts"
import { gitIn, makeRepository, type Repository } from "./repository.ts"

const config = "import { defineConfig } from \"uniflow\"\nimport { line } from \"./line.ts\"\nexport default defineConfig({ pipelines: [line] })\n"

/** Three steps in a line; `first` reads a data file that git does not have. */
const line = `
import { readFileSync } from "node:fs"
import { Pipeline, Schema, Step } from "uniflow"
const first = Step.make("first", { params: { times: Schema.Int }, files: () => ["data.csv"], run: ({ params }) => readFileSync("data.csv", "utf8").trim().repeat(params.times) })
const second = Step.make("second", { inputs: { first }, run: ({ inputs }) => inputs.first.length })
const third = Step.make("third", { inputs: { second }, run: ({ inputs }) => inputs.second + 1 })
export const line = Pipeline.make("line", { steps: [third] })
`

let repository: Repository
beforeEach(() => {
  repository = makeRepository({ "uniflow.config.ts": config, "line.ts": line, "data.csv": "abc\n" })
})
afterEach(() => repository.remove())

const identical = { first: "identical", second: "identical", third: "identical" }

describe("uniflow reproduce, in a tree of any kind", { timeout: 120_000 }, () => {
  it("declared files that git does not have are those of the present tree, and their change is the reason that is named", async () => {
    await repository.begun({}, "line", "--run-id", "a", "--param", "times=2")
    expect(await repository.reproduced({}, "a")).toMatchObject({ code: 0, of: identical, remarks: [] })
    repository.write("data.csv", "abd\n")
    const { code, findings } = await repository.reproduced({}, "a")
    expect([code, findings[0]]).toEqual([8, expect.objectContaining({ name: "first", difference: { path: "$", old: "\"abcabc\"", new: "\"abdabd\"" }, note: "other than before: file data.csv" })])
    expect(findings[1]).toMatchObject({ name: "second", verdict: "identical" })
  })

  it("undeclared ones are missing, which is said, and can be linked", async () => {
    repository.write("line.ts", line.replace("files: () => [\"data.csv\"], ", ""))
    repository.commit("undeclared")
    await repository.begun({}, "line", "--run-id", "a", "--param", "times=2")
    const missing = await repository.reproduced({}, "a")
    expect(missing.code).toBe(8)
    expect(missing.findings[0]).toMatchObject({ verdict: "different", difference: { path: "outcome", old: "completed", new: expect.stringMatching(/^failed: .*ENOENT/) } })
    expect(missing.findings[1]).toMatchObject({ verdict: "not checked", note: expect.stringMatching(/^it was not reached: step first failed/) })
    expect(await repository.reproduced({}, "a", "--link", "data.csv")).toMatchObject({ code: 0, of: identical })
    expect(await repository.uniflow("reproduce", "a", "--link", "nowhere")).toMatchObject({ code: 2, stderr: expect.stringContaining("--link nowhere") })
    expect(repository.leftovers()).toEqual([[], 1])
  })

  it("in a folder below with a name of any kind, in a linked worktree with a detached head", async () => {
    const name = "an app\n→ü"
    mkdirSync(join(repository.folder, name))
    for (const file of ["uniflow.config.ts", "line.ts", "data.csv"]) renameSync(join(repository.folder, file), join(repository.folder, name, file))
    repository.commit("moved")
    const linked = join(repository.scratch, "linked tree")
    repository.git("worktree", "add", "-q", "--detach", linked)
    symlinkSync(join(repository.folder, "node_modules"), join(linked, "node_modules"))
    const cwd = join(linked, name)
    const command = async (...args: ReadonlyArray<string>) => repository.node({}, [bin, ...args], cwd)
    writeFileSync(join(cwd, "data.csv"), "abc\n")
    writeFileSync(join(cwd, "line.ts"), line.replace("+ 1", "+ 2"))
    expect(await command("run", "line", "--run-id", "a", "--param", "times=2")).toMatchObject({ code: 0 })
    gitIn(linked, "checkout", "-q", ".")
    const { code, stderr, stdout } = await command("reproduce", "a", "--json")
    expect([code, stderr]).toEqual([0, ""])
    expect(JSON.parse(stdout)).toMatchObject({ verdict: "identical", remarks: [] })
    expect(repository.leftovers()).toEqual([[], 2])
  })

  it("packages of the workspace are those of the commit, not the present ones", async () => {
    repository.write("packages/size/package.json", JSON.stringify({ name: "size", type: "module", exports: "./size.ts" }))
    repository.write("packages/size/size.ts", "export const size = (text: string): number => text.length\n")
    symlinkSync(join("..", "packages", "size"), join(repository.folder, "node_modules", "size"))
    repository.write("line.ts", `import { size } from "size"\n${line.replace("inputs.first.length", "size(inputs.first)")}`)
    repository.commit("workspace")
    await repository.begun({}, "line", "--run-id", "a", "--param", "times=2")
    repository.write("packages/size/size.ts", "export const size = (text: string): number => text.length + 100\n")
    repository.commit("another size")
    expect(await repository.reproduced({}, "a")).toMatchObject({ code: 0, of: identical })
    expect(await repository.reproduced({}, "a", "--in-place")).toMatchObject({ code: 8, of: { first: "identical", second: "different", third: "different" } })
  })

  it("of attempts of several commits the newest counts whose outcome stands; a part, a fork and a script's run are reproduced, too", async () => {
    repository.write("line.ts", line.replace("inputs.second + 1", "(() => { throw new Error(\"not yet\") })()"))
    repository.commit("broken")
    expect((await repository.uniflow("run", "line", "--run-id", "a", "--param", "times=2")).code).toBe(1)
    // It failed, and fails again.
    const failed = await repository.reproduced({}, "a")
    expect([failed.code, failed.findings[2]]).toEqual([0, { kind: "step", name: "third", step: "third", verdict: "identical", note: "it failed with the same error" }])
    repository.write("line.ts", line)
    repository.commit("mended")
    expect((await repository.uniflow("resume", "a")).code).toBe(0)
    expect(await repository.reproduced({}, "a")).toMatchObject({ code: 0, of: identical, remarks: [] })
    const first = await repository.reproduced({}, "a", "--attempt", "1")
    expect([first.code, first.of["third"], first.remarks[0]]).toEqual([8, "different", expect.stringMatching(/^step \w+ was last decided about in attempt 2 \([0-9a-f]{12}\), and the code is that of attempt 1/)])

    await repository.begun({}, "line", "--run-id", "part", "--param", "times=2", "--until", "second")
    expect(await repository.reproduced({}, "part")).toMatchObject({ code: 0, of: { first: "identical", second: "identical" } })
    expect((await repository.uniflow("fork", "a", "--run-id", "forked", "--param", "times=3")).code).toBe(0)
    expect(await repository.reproduced({}, "forked")).toMatchObject({ code: 0, of: identical })

    repository.write("script.ts", "import { Uniflow } from \"uniflow\"\nimport { line } from \"./line.ts\"\nconst uniflow = await Uniflow.open()\nawait uniflow.run(line, { runId: \"scripted\", params: { times: 4 } })\nawait uniflow.close()\n")
    expect(await repository.node({}, ["script.ts"])).toMatchObject({ code: 0 })
    const scripted = await repository.reproduced({}, "scripted")
    expect([scripted.code, scripted.remarks]).toEqual([0, ["a script began the run; its pipeline was executed by the command, so what the script itself does was not"]])
  })

  it("without a commit only in place; a patch that is gone, files that were left out and empty submodules are said", async () => {
    renameSync(join(repository.folder, ".git"), join(repository.folder, "no-git"))
    await repository.begun({}, "line", "--run-id", "none", "--param", "times=2")
    renameSync(join(repository.folder, "no-git"), join(repository.folder, ".git"))
    expect(await repository.uniflow("reproduce", "none")).toMatchObject({ code: 9, stderr: expect.stringContaining("No commit was recorded for run \"none\": it ran outside of a git repository. --in-place") })
    expect(await repository.reproduced({}, "none", "--in-place")).toMatchObject({ code: 0, remarks: ["the code is the present one"] })

    const other = join(repository.scratch, "other")
    mkdirSync(other)
    gitIn(other, "init")
    gitIn(other, "commit", "-q", "--allow-empty", "-m", "other")
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", other, "module")
    repository.commit("module")
    repository.write(".env", "PASSWORD=x\n")
    await repository.begun({}, "line", "--run-id", "a", "--param", "times=2")
    const said = await repository.reproduced({}, "a")
    expect([said.code, said.remarks]).toEqual([0, [".env is not in the recorded patch: its name says that it holds secrets", expect.stringMatching(/^submodules are empty, they could not be fetched: /)]])
    const database = new DatabaseSync(join(repository.folder, ".uniflow/uniflow.db"))
    database.exec("UPDATE blobs SET bytes = x'00' WHERE digest IN (SELECT digest FROM artifacts WHERE name LIKE 'patch %')")
    database.close()
    expect((await repository.reproduced({}, "a")).remarks[0]).toBe("the tree differed from its commit, and the patch that was recorded is damaged: the code is that of the commit alone")
    expect(repository.leftovers()).toEqual([[], 1])
  })

  it("a patch that does not apply leaves no worktree", async () => {
    const path = join(repository.scratch, "worktree")
    const options = { root: repository.folder, path, commit: repository.git("rev-parse", "HEAD"), signal: new AbortController().signal }
    const diff = Buffer.from("diff --git a/line.ts b/line.ts\n--- a/line.ts\n+++ b/line.ts\n@@ -1 +1 @@\n-no such line\n+x\n")
    await expect(makeWorktree({ ...options, diff })).rejects.toMatchObject({ _tag: "NotReproducible", message: expect.stringMatching(/^The recorded patch does not apply to commit [0-9a-f]{12}: error: patch failed: line\.ts/) })
    expect([existsSync(path), existsSync(dirname(path)), repository.git("worktree", "list").split("\n").length]).toEqual([false, true, 1])
    const worktree = await makeWorktree({ ...options, diff: new Uint8Array() })
    expect(existsSync(join(path, "line.ts"))).toBe(true)
    await worktree.remove()
    expect([existsSync(path), repository.git("worktree", "list").split("\n").length]).toEqual([false, 1])
  })

  it("a run whose process died is one that ended; one that runs is waited for", async () => {
    repository.write("line.ts", line.replace("run: ({ inputs }) => inputs.second + 1", "run: ({ inputs }) => process.env[\"HANG\"] === undefined ? inputs.second + 1 : new Promise(() => setInterval(() => {}, 1000))"))
    repository.commit("hangs")
    const child = repository.start({ HANG: "1" }, "run", "line", "--run-id", "a", "--param", "times=2")
    await new Promise<void>((resolve) => child.stdout.on("data", (text: Buffer) => {
      if (text.toString().includes("third  started")) resolve()
    }))
    expect(await repository.uniflow("reproduce", "a")).toMatchObject({ code: 2, stderr: expect.stringContaining("is running: wait for its end") })
    const closed = once(child, "close")
    child.kill("SIGKILL")
    await closed
    expect(await repository.reproduced({}, "a")).toMatchObject({ code: 0, of: { first: "identical", second: "identical" } })
  })

  it("hooks of the repository do not run; a shallow clone that lacks the commit says how to get it", async () => {
    await repository.begun({}, "line", "--run-id", "a", "--param", "times=2")
    const hooked = join(repository.scratch, "hooked")
    writeFileSync(join(repository.folder, ".git/hooks/post-checkout"), `#!/bin/sh\necho ran > "${hooked}"\n`, { mode: 0o755 })
    expect((await repository.reproduced({}, "a")).code).toBe(0)
    expect(existsSync(hooked)).toBe(false)
    repository.write("more", "x")
    repository.commit("second")
    const shallow = join(repository.scratch, "shallow")
    gitIn(repository.scratch, "clone", "-q", "--depth", "1", `file://${repository.folder}`, shallow)
    const { code, stderr } = await repository.node({}, [bin, "reproduce", "a", "--directory", join(repository.folder, ".uniflow")], shallow)
    expect([code, stderr]).toEqual([9, expect.stringMatching(/Commit [0-9a-f]{12} is not in the repository .*: it is a shallow clone \(git fetch --unshallow gets the rest\)/)])
  })

  it("dependencies of another lockfile are installed by the project's package manager, without a network where they can be", async () => {
    const lock = (version: string) => JSON.stringify({
      name: "project",
      lockfileVersion: 3,
      requires: true,
      packages: { "": { dependencies: { local: "file:./local" } }, local: { name: "local", version }, "node_modules/local": { resolved: "local", link: true } }
    })
    repository.write("package.json", JSON.stringify({ name: "project", private: true, type: "module", dependencies: { local: "file:./local" } }))
    repository.write("local/package.json", JSON.stringify({ name: "local", version: "1.0.0", main: "index.js" }))
    repository.write("package-lock.json", lock("1.0.0"))
    const commit = repository.commit("locked")
    const digest = createHash("sha256").update(lock("1.0.0")).digest("hex")
    const { signal } = new AbortController()
    const worktree = await makeWorktree({ root: repository.folder, path: join(repository.scratch, "worktree"), commit, diff: new Uint8Array(), signal })
    repository.write("package-lock.json", lock("2.0.0"))
    const said: Array<string> = []
    const options = { present: repository.folder, worktree: worktree.path, lockfile: { path: "package-lock.json", digest }, say: (text: string) => said.push(text), signal }
    expect(await provideDependencies({ ...options, mode: "auto" })).toEqual({ what: "installed by npm ci --prefer-offline --no-audit --no-fund", remarks: [] })
    expect(said).toEqual(["Installing dependencies: npm ci --prefer-offline --no-audit --no-fund"])
    expect(realpathSync(join(worktree.path, "node_modules/local"))).toBe(realpathSync(join(worktree.path, "local")))
    await expect(provideDependencies({ ...options, lockfile: { path: "package-lock.json", digest: "0" }, mode: "auto" })).resolves.toMatchObject({ remarks: ["the lockfile package-lock.json is not in the commit and patch as it was recorded"] })
    await expect(provideDependencies({ ...options, lockfile: undefined, mode: "install" })).rejects.toMatchObject({ _tag: "NotReproducible" })
    await worktree.remove()
  })

  it("places and commits that no attempt records are refused before git or a folder is touched", async () => {
    await repository.begun({}, "line", "--run-id", "a", "--param", "times=2")
    const database = new DatabaseSync(join(repository.folder, ".uniflow/uniflow.db"))
    const { environment } = database.prepare("SELECT environment FROM attempts").get() as { environment: string }
    const recorded = JSON.parse(environment) as { git: object; lockfile: object }
    for (const [hostile, issue] of [
      [{ git: { ...recorded.git, commit: "--upload-pack=touch owned" } }, /recorded as the commit is none/],
      [{ git: { ...recorded.git, folder: "../outside" } }, /lies outside of it/],
      [{ lockfile: { ...recorded.lockfile, path: "/etc/package-lock.json" } }, /lies outside of it/]
    ] as const) {
      database.prepare("UPDATE attempts SET environment = ?").run(JSON.stringify({ ...recorded, ...hostile }))
      expect(await repository.uniflow("reproduce", "a")).toMatchObject({ code: 9, stdout: "", stderr: expect.stringMatching(issue) })
    }
    database.close()
    expect(repository.leftovers()).toEqual([[], 1])
  })

  it("a run that was copied into another store is reproduced from there, patch and all", async () => {
    repository.write("line.ts", line.replace("+ 1", "+ 3"))
    await repository.begun({}, "line", "--run-id", "a", "--param", "times=2")
    repository.git("checkout", "-q", ".")
    const other = join(repository.scratch, "other", ".uniflow")
    expect(await repository.uniflow("copy", join(repository.folder, ".uniflow"), other)).toMatchObject({ code: 0 })
    expect(await repository.reproduced({}, "a", "--directory", other)).toMatchObject({ code: 0, of: identical, remarks: [] })
  })
})
