import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { FileStamps } from "@uniflow/code"
import { SourceFiles } from "@uniflow/core"
import { Effect, Layer, Result, Stream } from "effect"
import { afterEach, beforeEach, expect, it } from "vitest"
import { NodeHasher, NodeSourceFiles, UniflowDirectory } from "../src/index.ts"

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-files-")))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const write = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}
const files = NodeSourceFiles.make(FileStamps.make())
const digest = (path: string) => Effect.runPromise(files.digest(join(root, path)))

it("a file counts by its bytes, whatever its name, mode and times", async () => {
  const bytes = new Uint8Array(3_000_000).fill(5)
  write("a", bytes)
  expect(await digest("a")).toBe(NodeHasher.hasher.bytes(bytes))
  chmodSync(join(root, "a"), 0o400)
  utimesSync(join(root, "a"), 1, 1)
  renameSync(join(root, "a"), join(root, "b"))
  expect(await digest("b")).toBe(NodeHasher.hasher.bytes(bytes))
  write("empty", "")
  expect(await digest("empty")).toBe(NodeHasher.hasher.text(""))
})

it("what is missing is undefined, also below a file", async () => {
  write("a", "1")
  expect(await digest("missing")).toBeUndefined()
  expect(await digest("a/b")).toBeUndefined()
  symlinkSync(join(root, "missing"), join(root, "dangling"))
  expect(await digest("dangling")).toBeUndefined()
})

it("a folder counts by the names and contents of all it holds", async () => {
  write("data/b/2", "two")
  write("data/a", "one")
  const seen = [await digest("data")]
  const changes: ReadonlyArray<() => void> = [
    () => write("data/a", "ONE"),
    () => write("data/.hidden", ""),
    () => mkdirSync(join(root, "data/empty")),
    () => renameSync(join(root, "data/b"), join(root, "data/c")),
    () => renameSync(join(root, "data/c/2"), join(root, "data/2")),
    () => rmSync(join(root, "data/c"), { recursive: true }),
    () => symlinkSync("nowhere", join(root, "data/link"))
  ]
  for (const change of changes) {
    change()
    const next = await digest("data")
    expect(seen).not.toContain(next)
    seen.push(next)
  }
  const before = await digest("data")
  utimesSync(join(root, "data/a"), 1, 1)
  renameSync(join(root, "data"), join(root, "moved"))
  expect(await digest("moved")).toBe(before)
})

it("a link counts as what it leads to, and one that leads back ends there", async () => {
  write("plain/a", "1")
  write("plain/sub/b", "2")
  write("target/b", "2")
  write("linked/a", "1")
  symlinkSync(join(root, "target"), join(root, "linked/sub"))
  expect(await digest("linked")).toBe(await digest("plain"))
  symlinkSync("..", join(root, "plain/sub/up"))
  symlinkSync("itself", join(root, "plain/itself"))
  const looped = await digest("plain")
  expect(looped).not.toBe(await digest("linked"))
  expect(await digest("plain")).toBe(looped)
  write("plain/a", "changed")
  expect(await digest("plain")).not.toBe(looped)
})

it("what is neither file nor folder is never opened", async () => {
  write("data/a", "1")
  const before = await digest("data")
  execFileSync("mkfifo", [join(root, "data/pipe")])
  expect(await digest("data")).not.toBe(before)
  const result = await Effect.runPromise(Effect.result(files.digest(join(root, "data/pipe"))))
  expect(Result.isFailure(result) && result.failure.reason).toBe("NotSupported")
})

it("an unchanged file is not read again, also in another process; an edit that keeps size and time is seen", async () => {
  write("a", "11")
  const old = new Date(Date.now() - 60_000)
  utimesSync(join(root, "a"), old, old)
  const directory = UniflowDirectory.layer({ directory: join(root, ".uniflow") })
  mkdirSync(join(root, ".uniflow"))
  // The inode's own time is the kernel's: the clock is told to be a minute further instead.
  const realNow = Date.now
  Date.now = () => realNow() + 60_000
  const ask = () => Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const { digest } = yield* SourceFiles
    return yield* digest(join(root, "a"))
  }).pipe(Effect.provide(NodeSourceFiles.layer.pipe(Layer.provide(directory))))))
  try {
    const first = await ask()
    const kept = readFileSync(join(root, ".uniflow/cache/files"), "utf8")
    expect(kept).toContain(first)
    expect(await ask()).toBe(first)
    expect(readFileSync(join(root, ".uniflow/cache/files"), "utf8")).toBe(kept)
    write("a", "22")
    utimesSync(join(root, "a"), old, old)
    expect(await ask()).toBe(NodeHasher.hasher.text("22"))
  } finally {
    Date.now = realNow
  }
})

it("an edit right after the digest, within the clock's resolution, is seen", async () => {
  for (let n = 0; n < 20; n++) {
    write("fast", String(n).padStart(4, "0"))
    expect(await digest("fast")).toBe(NodeHasher.hasher.text(String(n).padStart(4, "0")))
  }
})

it("a file is streamed in pieces, and a missing one is told", async () => {
  const bytes = new Uint8Array(2_500_000).map((_, i) => i % 251)
  write("large", bytes)
  const pieces = await Effect.runPromise(Stream.runCollect(files.stream(join(root, "large"))))
  expect(pieces.length).toBeGreaterThan(1)
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  const result = await Effect.runPromise(Effect.result(Stream.runDrain(files.stream(join(root, "missing")))))
  expect(Result.isFailure(result) && result.failure.message).toContain("missing cannot be read")
})
