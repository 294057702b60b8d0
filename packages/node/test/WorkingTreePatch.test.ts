import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Environment } from "@uniflow/core"
import { Effect } from "effect"
import { array, assert, asyncProperty, boolean, constantFrom } from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { NodeEnvironment, WorkingTreePatch } from "../src/index.ts"
import { isSecretFile } from "../src/internal/patchSecrets.ts"

let scratch: string
let folder: string
beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-patch-")))
  folder = join(scratch, "project")
  mkdirSync(folder)
  git("init")
  write("kept", "as it is\n")
  write("changed", Array.from({ length: 30 }, (_, line) => `line ${line}\n`).join(""))
  write("deleted", "gone\n")
  git("add", ".")
  git("commit", "-m", "first")
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const gitIn = (cwd: string, ...parameters: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=trunk", ...parameters], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()
const git = (...parameters: ReadonlyArray<string>) => gitIn(folder, ...parameters)
const write = (name: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), content)
}
const read = (name: string, at = folder) => readFileSync(join(at, name))

const captured = async (cwd = folder) => {
  const patch = await Effect.runPromise(Effect.flatMap(Effect.provide(Environment, NodeEnvironment.layer({ cwd })), ({ patch }) => patch!))
  return patch === undefined ? undefined : { ...WorkingTreePatch.decode(patch.bytes)!, bytes: patch.bytes, text: Buffer.from(patch.bytes).toString("utf8") }
}

/** The commit in a folder of its own, with the patch, header and all, applied by git. */
const restored = async (cwd?: string) => {
  const patch = (await captured(cwd))!
  const target = join(scratch, "restored")
  rmSync(target, { recursive: true, force: true })
  gitIn(scratch, "clone", "-q", folder, target)
  gitIn(target, "checkout", "-q", "--detach", patch.commit)
  writeFileSync(join(scratch, "patch"), patch.bytes)
  gitIn(target, "apply", "--whitespace=nowarn", join(scratch, "patch"))
  return { patch, target }
}

describe("the patch of a dirty tree", () => {
  it("there is none of a clean one, nor where there is no repository", async () => {
    expect(await captured()).toBeUndefined()
    expect(await captured(scratch)).toBeUndefined()
  })

  it("brings everything back: changed, staged, deleted, new, binary, executable, links, odd names", async () => {
    write("changed", readFileSync(join(folder, "changed"), "utf8").replace("line 7", "line seven") + "no newline at the end")
    rmSync(join(folder, "deleted"))
    write("staged", "staged\n")
    git("add", "staged")
    write("binary", Uint8Array.from({ length: 3000 }, (_, i) => (i * 7919) % 256))
    write("latin1", Buffer.from("caf\xe9\n", "latin1"))
    write("run.sh", "#!/bin/sh\n")
    chmodSync(join(folder, "run.sh"), 0o755)
    symlinkSync("kept", join(folder, "link"))
    write("empty", "")
    write("crlf", "a\r\nb\r\n")
    const odd = ["with space", "quo\"te", "new\nline", "tab\there", "ünï→😀", "-dash", "*", ":(top)x", "back\\slash", " a/b a/b", "dir/deep/er", "diff --git a b"]
    for (const name of odd) write(name, `this is ${name}\n`)
    const index = read(".git/index")
    const objects = git("count-objects")

    const { patch, target } = await restored()
    expect(WorkingTreePatch.lacks(patch)).toEqual([])
    for (const name of ["changed", "kept", "staged", "binary", "latin1", "run.sh", "empty", "crlf", ...odd]) expect([name, read(name, target)]).toEqual([name, read(name)])
    expect(existsSync(join(target, "deleted"))).toBe(false)
    expect(lstatSync(join(target, "run.sh")).mode & 0o111).toBe(0o111)
    expect(lstatSync(join(target, "link")).isSymbolicLink()).toBe(true)
    // Nothing of the repository was touched.
    expect(read(".git/index")).toEqual(index)
    expect(git("count-objects")).toBe(objects)
    expect(git("status", "--porcelain")).toContain("?? binary")
  })

  it("whatever texts are written (property)", { timeout: 60_000 }, async () => {
    const content = array(constantFrom("line 1", "line 2", "", "+x", "-y", " z", "@@ -1 +1 @@", "diff --git a/q b/q", "--- a/x", "+++ b/x", "\\ No newline", "GIT binary patch", "\r", "é"), { maxLength: 40 })
    await assert(asyncProperty(content, content, boolean(), async (changed, fresh, newline) => {
      write("changed", changed.join("\n") + (newline ? "\n" : ""))
      write("fresh", fresh.join("\n"))
      const { target } = await restored()
      expect(read("changed", target)).toEqual(read("changed"))
      expect(read("fresh", target)).toEqual(read("fresh"))
    }), { numRuns: 25 })
  })

  it("from a folder below, of the whole tree, whatever the user's configuration says", async () => {
    write("app/src/a.ts", "1\n")
    write("other", "2\n")
    for (const [name, value] of [["diff.noprefix", "true"], ["diff.mnemonicPrefix", "true"], ["color.ui", "always"], ["diff.external", "false"], ["diff.context", "0"], ["core.quotePath", "false"], ["status.relativePaths", "true"], ["status.showUntrackedFiles", "no"], ["diff.relative", "true"]] as const) git("config", name, value)
    write("changed", "other\n")
    const { target } = await restored(join(folder, "app/src"))
    for (const name of ["app/src/a.ts", "other", "changed"]) expect([name, read(name, target)]).toEqual([name, read(name)])
  })

  it("ignored files are none of it; nested repositories and submodules are named", async () => {
    write(".gitignore", "ignored\n")
    write("ignored", "no\n")
    mkdirSync(join(folder, "nested"))
    gitIn(join(folder, "nested"), "init")
    writeFileSync(join(folder, "nested/file"), "x")
    gitIn(join(folder, "nested"), "add", ".")
    gitIn(join(folder, "nested"), "commit", "-m", "nested")
    const patch = (await captured())!
    expect(patch.text).not.toContain("b/ignored")
    expect(patch.leftOut).toEqual([{ path: "nested/", why: "it is a repository of its own" }])
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", join(folder, "nested"), "module")
    git("commit", "-q", "-m", "module")
    writeFileSync(join(folder, "module/file"), "changed")
    expect((await captured())!.leftOut).toContainEqual({ path: "module", why: "it is a repository of its own" })
  })

  it("what is too large is left out, and said, the small files are kept", async () => {
    write("large", new Uint8Array(WorkingTreePatch.MAX_BYTES + 1))
    write("code.ts", "export const a = 1\n")
    const patch = (await captured())!
    expect(patch.leftOut).toEqual([{ path: "large", why: "the patch would be too large" }])
    expect(patch.text).toContain("+export const a = 1")
    expect(patch.bytes.length).toBeLessThan(10_000)
  })

  it("and thousands of new files take no longer than a few", { timeout: 30_000 }, async () => {
    for (let i = 0; i < 2500; i++) write(`many/${i}`, `${"x".repeat(i % 7)}\n`)
    const patch = (await captured())!
    expect(patch.leftOut.length + patch.more).toBe(500)
    expect(patch.leftOut).toHaveLength(100)
    expect(WorkingTreePatch.lacks(patch).at(-1)).toBe("400 more files are not in the recorded patch")
  })

  it("is captured anew when the tree changes, and not when it does not", async () => {
    const { patch } = await Effect.runPromise(Effect.provide(Environment, NodeEnvironment.layer({ cwd: folder })))
    expect(await Effect.runPromise(patch!)).toBeUndefined()
    write("a", "1")
    const first = await Effect.runPromise(Effect.provide(Environment, NodeEnvironment.layer({ cwd: folder })).pipe(Effect.flatMap(({ patch }) => patch!)))
    expect(Buffer.from(first!.bytes).toString()).toContain("b/a")
  })

  it("the bytes of anything else are no patch", () => {
    for (const text of ["", "diff --git a/a b/a\n", "# uniflow patch {}\n", "# uniflow patch {\"format\":2}\n", "# uniflow patch"]) expect(WorkingTreePatch.decode(Buffer.from(text))).toBeUndefined()
  })
})

const token = ["ghp", "abcdefghijklmnopqrstuvwxyz0123456789"].join("_")

describe("secrets in a dirty tree are not stored", () => {
  it("files that hold them by their name are left out, and named", async () => {
    write(".env", "PASSWORD=x\n")
    write("config/.env.local", "PASSWORD=x\n")
    write("id_ed25519", "x\n")
    write("prod.pem", "x\n")
    write("secrets.yaml", "x\n")
    write("src/secrets.ts", "export const names = 1\n")
    write(".env.example", "PASSWORD=\n")
    const patch = (await captured())!
    expect(patch.leftOut.map(({ path }) => path)).toEqual([".env", "config/.env.local", "id_ed25519", "prod.pem", "secrets.yaml"])
    expect(WorkingTreePatch.lacks(patch)[0]).toBe(".env is not in the recorded patch: its name says that it holds secrets")
    expect(patch.text).toContain("b/src/secrets.ts")
    expect(patch.text).toContain("b/.env.example")
    expect(patch.text).not.toContain("PASSWORD=x")
  })

  it("a tracked one, and one in a folder where a file stood, too", async () => {
    write(".env", "A=1\n")
    git("add", "-f", ".env")
    git("commit", "-q", "-m", "oops")
    write(".env", "A=verysecret\n")
    rmSync(join(folder, "kept"))
    write("kept/.env", "B=verysecret\n")
    const patch = (await captured())!
    expect(patch.text).not.toContain("verysecret")
    expect(patch.leftOut.map(({ path }) => path)).toEqual([".env", "kept", "kept/.env"])
  })

  it("in added lines they are replaced, so that the patch still applies, and says where", async () => {
    process.env["UNIFLOW_TEST_SECRET"] = "gänzlich geheim"
    try {
      write("changed", `${readFileSync(join(folder, "changed"), "utf8")}const token = "${token}"\nconst mine = "gänzlich geheim"\n`)
      write("client.ts", `fetch(url, { headers: { authorization: \`Bearer \${key}\` } })\nconst options = { password: "hunter2hunter2", tokenizer: "bpe-32k-long" }\n`)
      const { patch, target } = await restored()
      expect(patch.redacted).toEqual(["changed", "client.ts"])
      expect(patch.text).not.toMatch(/ghp_|geheim|hunter2/)
      expect(read("changed", target).toString()).toContain("const token = \"[redacted]\"\nconst mine = \"[redacted]\"\n")
      // Code that only speaks of secrets stays as it is.
      expect(read("client.ts", target).toString()).toBe("fetch(url, { headers: { authorization: `Bearer ${key}` } })\nconst options = { password: \"[redacted]\", tokenizer: \"bpe-32k-long\" }\n")
    } finally {
      delete process.env["UNIFLOW_TEST_SECRET"]
    }
  })

  it("files that cannot do without them are left out: keys of several lines, committed ones, binary ones", async () => {
    write("committed.ts", `// ${token}\nexport const a = 1\n`)
    git("add", ".")
    git("commit", "-q", "-m", "oops")
    write("committed.ts", `// ${token}\nexport const a = 2\n`)
    write("key.txt", `-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n`)
    write("blob", Buffer.concat([Buffer.from([0, 1, 2, 0]), Buffer.from(token), Buffer.from([0])]))
    const patch = (await captured())!
    expect(patch.leftOut).toEqual(["blob", "committed.ts", "key.txt"].map((path) => ({ path, why: "it seems to hold a secret" })))
    expect(patch.diff).toHaveLength(0)
  })

  it("ordinary names are no secrets", () => {
    for (const name of ["src/env.ts", "package.json", "session.ts", "tokenizer.json", "auth/login.tsx", "keys.ts", "README.md", "passwords.test.ts", ".envrc.md"]) expect([name, isSecretFile(name)]).toEqual([name, false])
    for (const name of [".env.production", "a/.ssh/config", "b/.aws/credentials", "x.tfstate", "db-passwords.txt", ".npmrc"]) expect([name, isSecretFile(name)]).toEqual([name, true])
  })

  it("a file that was moved is in it under both names", async () => {
    renameSync(join(folder, "kept"), join(folder, "moved"))
    const { target } = await restored()
    expect([existsSync(join(target, "kept")), read("moved", target).toString()]).toEqual([false, "as it is\n"])
  })
})
