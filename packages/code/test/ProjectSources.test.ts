import { mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { afterEach, beforeEach, expect, it } from "vitest"
import { FileStamps, ProjectSources } from "../src/index.ts"

let project: string
let cache: string
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-sources-")))
  cache = join(project, ".uniflow", "stamps")
  mkdirSync(join(project, ".uniflow"))
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

const write = (path: string, content: string) => {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), content)
}
const look = (stamps = FileStamps.make()) => Effect.runPromise(ProjectSources.ofFolder(project, { stamps, begunAtMs: Date.now() + 60_000 }))
const digest = async (stamps?: FileStamps.FileStamps): Promise<string> => {
  const sources = await look(stamps)
  if (sources._tag === "Unknown") throw new Error(sources.why)
  return sources.digest
}

it("the digest changes with sources, the lockfile, manifests and whatever sources import, and with nothing else", async () => {
  write("main.ts", `import prompt from "./prompt.json" with { type: "json" }
import "./.generated/x.ts"
const data = require("./data")
import "@/aliased.yaml"
export const helper = () => [prompt, data, new URL("./assets/a.txt?raw", import.meta.url), import(/* a comment */ "./assets/lazy.wasm")]
`)
  for (const path of ["prompt.json", ".generated/x.ts", "data.json", "src/aliased.yaml", "assets/a.txt", "assets/lazy.wasm", "package-lock.json", "package.json"]) write(path, "1")
  let before = await digest()
  expect(await digest()).toBe(before)
  for (const path of ["unused.json", "assets/b.txt", "coverage/lcov.js", "node_modules/x/index.js", ".uniflow/x.js", ".hidden/x.ts", "README.md"]) {
    write(path, "2")
    expect([path, await digest()]).toEqual([path, before])
  }
  const counted = ["main.ts", "prompt.json", ".generated/x.ts", "data.json", "src/aliased.yaml", "assets/a.txt", "assets/lazy.wasm", "package-lock.json", "package.json"]
  for (const path of [...counted, "lib/new.tsx", "packages/x/package.json", "dist/built.cjs"]) {
    write(path, counted.includes(path) && path.endsWith(".ts") ? `${readFileSync(join(project, path), "utf8")}// changed\n` : "changed")
    const after = await digest()
    expect([path, after === before]).toEqual([path, false])
    before = after
  }
  renameSync(join(project, "lib/new.tsx"), join(project, "lib/newer.tsx"))
  expect(await digest()).not.toBe(before)
})

it("the digest is that of the project wherever it stands, and follows links that lead out of it", async () => {
  write("a.ts", "1")
  const before = await digest()
  const elsewhere = `${project}-moved`
  renameSync(project, elsewhere)
  project = elsewhere
  expect(await digest()).toBe(before)
  const shared = mkdtempSync(join(tmpdir(), "uniflow-shared-"))
  writeFileSync(join(shared, "b.ts"), "1")
  symlinkSync(shared, join(project, "shared"))
  symlinkSync(project, join(project, "itself"))
  const linked = await digest()
  expect(linked).not.toBe(before)
  writeFileSync(join(shared, "b.ts"), "2")
  expect(await digest()).not.toBe(linked)
  rmSync(shared, { recursive: true })
})

it("an unchanged file that rested is not read again, in another process neither", async () => {
  write("a.ts", "1")
  const old = new Date(Date.now() - 60_000)
  const counting = (stamps: FileStamps.FileStamps) => {
    let read = 0
    return { stamps: { ...stamps, set: (...all: Parameters<FileStamps.FileStamps["set"]>) => (read++, stamps.set(...all)) }, read: () => read }
  }
  // The inode's own time is the kernel's: the clock is told to be a minute further instead.
  const realNow = Date.now
  Date.now = () => realNow() + 60_000
  try {
    utimesSync(join(project, "a.ts"), old, old)
    const first = counting(FileStamps.make({ file: cache }))
    const before = await digest(first.stamps)
    expect(first.read()).toBe(1)
    expect(await digest(first.stamps)).toBe(before)
    expect(first.read()).toBe(1)
    const second = counting(FileStamps.make({ file: cache }))
    expect(await digest(second.stamps)).toBe(before)
    expect(second.read()).toBe(0)
    // Size and modification time as they were: the inode tells.
    write("a.ts", "2")
    utimesSync(join(project, "a.ts"), old, old)
    expect(await digest(second.stamps)).not.toBe(before)
    expect(second.read()).toBe(1)
  } finally {
    Date.now = realNow
  }
})

it("a file that was changed within the clock's resolution is read each time", async () => {
  write("a.ts", "1")
  const stamps = FileStamps.make({ file: cache })
  await digest(stamps)
  expect(stamps.get(join(project, "a.ts"), statSync(join(project, "a.ts"), { bigint: true }))).toBeUndefined()
})

it("kept stamps that are damaged, of another format, or nowhere to be kept count as none", async () => {
  write("a.ts", "1")
  const before = await digest()
  for (const content of ["", "uniflow-stamps 1 abc\n[]", "x".repeat(1000)]) {
    writeFileSync(cache, content)
    expect(await digest(FileStamps.make({ file: cache }))).toBe(before)
  }
  expect(await digest(FileStamps.make({ file: join(project, "missing", "deep", "stamps") }))).toBe(before)
})

it("a file that was changed after the process began is named", async () => {
  write("a.ts", "1")
  const sources = await Effect.runPromise(ProjectSources.ofFolder(project, { stamps: FileStamps.make(), begunAtMs: Date.now() - 60_000 }))
  expect(sources).toMatchObject({ changed: join(project, "a.ts") })
})
