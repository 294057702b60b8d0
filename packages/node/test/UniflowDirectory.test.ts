import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { UniflowDirectory } from "../src/index.ts"
import { networkMount, parseMacMounts, parseMountInfo } from "../src/internal/networkFileSystem.ts"

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-directory-")))
  // Ends the search here, whatever stands above.
  mkdirSync(join(root, ".git"))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const folder = (...names: ReadonlyArray<string>): string => {
  const path = join(root, ...names)
  mkdirSync(path, { recursive: true })
  return path
}
const file = (...names: ReadonlyArray<string>) => {
  folder(...names.slice(0, -1))
  writeFileSync(join(root, ...names), "")
}
const make = (cwd: string, options: UniflowDirectory.UniflowDirectoryOptions = {}) =>
  Effect.runPromise(UniflowDirectory.make({ cwd, env: {}, ...options }))
const refusal = async (cwd: string, options: UniflowDirectory.UniflowDirectoryOptions = {}) => {
  const result = await Effect.runPromise(Effect.result(UniflowDirectory.make({ cwd, env: {}, ...options })))
  return Result.isFailure(result) ? `${result.failure.reason}: ${result.failure.message}` : "accepted"
}

describe("the folder is", () => {
  it("the option's, before UNIFLOW_DIR's, before .uniflow in the workspace's root, and says why", async () => {
    const cwd = folder("packages", "a")
    file("pnpm-workspace.yaml")
    const env = { UNIFLOW_DIR: "from-env" }
    expect(await make(cwd, { directory: "given", env })).toMatchObject({ path: join(cwd, "given"), why: expect.stringContaining("option") })
    expect(await make(cwd, { env })).toMatchObject({ path: join(cwd, "from-env"), why: expect.stringContaining("UNIFLOW_DIR") })
    expect(await make(cwd, { env: { UNIFLOW_DIR: "" } })).toMatchObject({ path: join(root, ".uniflow"), why: expect.stringContaining("pnpm-workspace.yaml") })
  })

  it("by the nearest pnpm-workspace.yaml, else the nearest lockfile, else .git, else the working directory", async () => {
    const cwd = folder("work", "packages", "a", "src")
    expect((await make(cwd)).path).toBe(join(root, ".uniflow"))
    file("work", "package-lock.json")
    expect((await make(cwd)).path).toBe(join(root, "work", ".uniflow"))
    file("work", "packages", "a", "yarn.lock")
    expect((await make(cwd)).path).toBe(join(root, "work", "packages", "a", ".uniflow"))
    file("work", "pnpm-workspace.yaml")
    expect((await make(cwd)).path).toBe(join(root, "work", ".uniflow"))
    const alone = mkdtempSync(join(tmpdir(), "uniflow-alone-"))
    expect(await make(alone)).toMatchObject({ path: join(alone, ".uniflow"), why: expect.stringContaining("working directory") })
    rmSync(alone, { recursive: true })
  })

  it("not led astray by a lockfile above the repository", async () => {
    const cwd = folder("home", "project")
    file("home", "package-lock.json")
    folder("home", "project", ".git")
    expect((await make(cwd)).path).toBe(join(cwd, ".uniflow"))
  })
})

describe("a folder that a tool would delete is refused with the way out", () => {
  it("in node_modules, .next and dist always, in build beside a package.json", async () => {
    file("app", "package.json")
    for (const name of ["node_modules", ".next", "dist", "build"]) {
      const answer = await refusal(root, { directory: join("app", name, "x", ".uniflow") })
      expect(answer).toMatch(/^NotSupported: .*UNIFLOW_DIR/)
      expect(answer).toContain(`inside ${name},`)
      expect(await refusal(root, { env: { UNIFLOW_DIR: join(root, "app", name) } })).toContain(`inside ${name},`)
    }
    expect(await refusal(root, { directory: join("build", "me", ".uniflow") })).toBe("accepted")
    expect(existsSync(join(root, "app", "dist"))).toBe(false)
  })

  it("when the workspace's root lies in one", async () => {
    const cwd = folder("node_modules", "dependency")
    file("node_modules", "dependency", "package-lock.json")
    expect(await refusal(cwd)).toContain("inside node_modules")
  })

  it("for a standalone Next server, which changes into .next/standalone", async () => {
    file("app", "package.json")
    file("app", "package-lock.json")
    const answer = await refusal(folder("app", ".next", "standalone"))
    expect(answer).toContain(".next/standalone")
    expect(answer).toContain("UNIFLOW_DIR")
  })

  it("through a link as well", async () => {
    folder("app", "dist")
    symlinkSync(join(root, "app", "dist"), join(root, "innocent"))
    expect(await refusal(root, { directory: "innocent/.uniflow" })).toContain("inside dist")
  })
})

describe("the folder is made", () => {
  it("when something is first written, with a .gitignore that hides it", async () => {
    const { path, ensure } = await make(root)
    expect(existsSync(path)).toBe(false)
    await Effect.runPromise(ensure)
    expect(readFileSync(join(path, ".gitignore"), "utf8")).toBe("*\n")
  })

  it("and a .gitignore that somebody took away from what is kept stays away", async () => {
    await Effect.runPromise((await make(root)).ensure)
    rmSync(join(root, ".uniflow", ".gitignore"))
    writeFileSync(join(root, ".uniflow", "uniflow.db"), "")
    await Effect.runPromise((await make(root)).ensure)
    expect(readdirSync(join(root, ".uniflow"))).toEqual(["uniflow.db"])
  })

  it("and a .gitignore that a killed process left empty is written, one with other lines is left alone", async () => {
    const path = folder(".uniflow")
    writeFileSync(join(path, ".gitignore"), "")
    await Effect.runPromise((await make(root)).ensure)
    expect(readFileSync(join(path, ".gitignore"), "utf8")).toBe("*\n")
    writeFileSync(join(path, ".gitignore"), "uniflow.db\n")
    await Effect.runPromise((await make(root)).ensure)
    expect(readFileSync(join(path, ".gitignore"), "utf8")).toBe("uniflow.db\n")
  })

  it("by many processes at once", async () => {
    const source = `import { UniflowDirectory } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)}
      import { Effect } from ${JSON.stringify(import.meta.resolve("effect"))}
      await Effect.runPromise(Effect.flatMap(UniflowDirectory.make({ directory: process.argv[1] }), (directory) => directory.ensure))`
    const path = join(root, "deep", "er", ".uniflow")
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ["--conditions=uniflow-source", "--input-type=module", "-e", source, path], { stdio: "inherit" }))
    const codes = await Promise.all(children.map((child) => once(child, "exit")))
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0, 0])
    expect(readFileSync(join(path, ".gitignore"), "utf8")).toBe("*\n")
  })

  it("but not below a file, which is told", async () => {
    file("taken")
    const { ensure } = await make(root, { directory: "taken/.uniflow" })
    const result = await Effect.runPromise(Effect.result(ensure))
    expect(Result.isFailure(result) && result.failure.message).toContain("not a folder")
  })
})

describe("a network file system is known", () => {
  it("by the mount table: the nearest mount decides, a later one at the same place hides the earlier", () => {
    const mounts = parseMountInfo(`23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
36 23 0:40 / /home/me/remote\\040disk rw shared:5 - fuse.sshfs me@host:/ rw
37 36 0:41 / /home/me/remote\\040disk/local rw - ext4 /dev/vdb rw
38 23 0:42 / /data rw - ext4 /dev/vdc rw
39 38 0:43 / /data rw - nfs4 server:/data rw
40 23 0:44 / /media/stick rw - fuseblk /dev/sdb1 rw
`)
    expect(networkMount("/home/me/project", mounts)).toBeUndefined()
    expect(networkMount("/home/me/remote disk/project", mounts)).toBe("sshfs")
    expect(networkMount("/home/me/remote disk/local/x", mounts)).toBeUndefined()
    expect(networkMount("/home/me/remote disks", mounts)).toBeUndefined()
    expect(networkMount("/data", mounts)).toBe("NFS")
    expect(networkMount("/media/stick/x", mounts)).toBeUndefined()
    const mac = parseMacMounts("/dev/disk3s1s1 on / (apfs, sealed, local)\n//me@server/share on /Volumes/my share (smbfs, nodev, nosuid)\n")
    expect(networkMount("/Volumes/my share/x", mac)).toBe("SMB")
    expect(networkMount("/Users/me", mac)).toBeUndefined()
  })
})
