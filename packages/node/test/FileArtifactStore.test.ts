import { spawnSync } from "node:child_process"
import {
  appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type ArtifactStoreService, FaultPoints, ProcessIdentity, StoreError } from "@uniflow/core"
import { Effect, Fiber, Result, Stream } from "effect"
import { artifactStoreSuite } from "@uniflow/testkit"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FileArtifactStore, NodeHasher, NodeProcessIdentity } from "../src/index.ts"
import { temporaryName } from "../src/internal/temporaryFiles.ts"
import { bytesOf, sourceOf } from "./programs/values.ts"

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "uniflow-artifacts-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const program = fileURLToPath(new URL("programs/artifacts.ts", import.meta.url))
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(effect, NodeProcessIdentity.layer))
const open = (): Promise<ArtifactStoreService> => run(FileArtifactStore.make({ directory }))
const pathOf = (digest: string) => join(directory, "objects", digest.slice(0, 2), digest.slice(2))
const leftovers = () => readdirSync(join(directory, "objects/tmp"))
const digestOf = (number: number) => NodeHasher.hasher.bytes(bytesOf(number))
const reasonOf = async (effect: Effect.Effect<unknown, unknown>): Promise<string> => {
  const result = await run(Effect.result(effect))
  if (Result.isSuccess(result)) return "success"
  return result.failure instanceof StoreError ? result.failure.reason : String((result.failure as { reason?: unknown }).reason)
}

artifactStoreSuite({
  name: "files",
  store: Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "uniflow-suite-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const path = (digest: string) => join(folder, "objects", digest.slice(0, 2), digest.slice(2))
    return {
      open: FileArtifactStore.make({ directory: folder }),
      corrupt: (digest, mutate) => Effect.sync(() => writeFileSync(path(digest), mutate(readFileSync(path(digest)))))
    }
  })
})

describe("what was put is there", () => {
  it("under its SHA-256, whatever it came as, and once", async () => {
    const store = await open()
    writeFileSync(join(directory, "two"), bytesOf(2))
    const pieces = Stream.fromIterable([bytesOf(2).slice(0, 7), new Uint8Array(0), bytesOf(2).slice(7, 1_500_000), bytesOf(2).slice(1_500_000)])
    const infos = [
      await run(store.put(sourceOf(2))),
      await run(store.put({ _tag: "Stream", stream: pieces })),
      await run(store.put({ _tag: "File", path: join(directory, "two") })),
      await run(store.put({ ...sourceOf(2), digest: digestOf(2) } as never))
    ]
    for (const info of infos) expect(info).toEqual({ digest: digestOf(2), sizeBytes: bytesOf(2).length })
    expect(readFileSync(pathOf(digestOf(2))).equals(bytesOf(2))).toBe(true)
    expect(await run(Stream.runCollect(store.list))).toHaveLength(1)
    expect(leftovers()).toEqual([])
    expect(Buffer.concat(await run(Stream.runCollect(store.stream(digestOf(2))))).equals(bytesOf(2))).toBe(true)
    expect(Buffer.from(await run(store.get(digestOf(2)))).equals(bytesOf(2))).toBe(true)
    expect(await run(store.size(digestOf(2)))).toBe(bytesOf(2).length)
  })

  it("and made durable once: what is put again is refreshed, and looked at anew when somebody has touched it", async () => {
    const seen: Array<string> = []
    const watched = <A, E>(effect: Effect.Effect<A, E>) => run(Effect.provideService(effect, FaultPoints, { at: (point) => void seen.push(point) }))
    const store = await open()
    const syncs = async (): Promise<number> => {
      seen.length = 0
      await watched(store.put(sourceOf(1)))
      return seen.filter((point) => point === "artifact.fsync-folder:before").length
    }
    const long = new Date("2020-01-01")
    expect(await syncs()).toBe(1)
    // Read once after it was written, and not again.
    expect(await syncs()).toBe(1)
    expect(await syncs()).toBe(0)
    expect(seen).toContain("artifact.refresh:after")
    utimesSync(pathOf(digestOf(1)), long, long)
    expect(await syncs()).toBe(1)
    expect(statSync(pathOf(digestOf(1))).mtimeMs).toBeGreaterThan(long.getTime())
    rmSync(pathOf(digestOf(1)))
    expect(await syncs()).toBe(1)
    expect(readFileSync(pathOf(digestOf(1))).equals(bytesOf(1))).toBe(true)
  })

  it("in many small pieces and as nothing at all", async () => {
    const store = await open()
    const segments = Array.from({ length: 5000 }, (_, i) => new Uint8Array((i * 37) % 900).fill(i))
    const whole = Buffer.concat(segments)
    const { digest } = await run(store.put({ _tag: "Bytes", bytes: { segments, sizeBytes: whole.length } }))
    expect(Buffer.from(await run(store.get(digest))).equals(whole)).toBe(true)
    const empty = await run(store.put({ _tag: "Stream", stream: Stream.empty }))
    expect((await run(store.get(empty.digest))).length).toBe(0)
    expect(await run(Stream.runCollect(store.stream(empty.digest)))).toEqual([])
  })

  it("and a source that fails leaves nothing behind", async () => {
    const store = await open()
    const broken = new StoreError({ reason: "Unavailable", what: "the source broke" })
    const stream = Stream.concat(Stream.fromIterable([bytesOf(2)]), Stream.fail(broken))
    expect(await reasonOf(store.put({ _tag: "Stream", stream }))).toBe("Unavailable")
    expect(await reasonOf(store.put({ _tag: "File", path: join(directory, "missing") }))).toBe("Unavailable")
    expect(await reasonOf(store.put({ _tag: "File", path: directory }))).toBe("NotSupported")
    expect(leftovers()).toEqual([])
    expect(await run(Stream.runCollect(store.list))).toEqual([])
  })

  it("a put that is interrupted leaves nothing behind", async () => {
    const store = await open()
    const endless = Stream.fromIterable([bytesOf(2)]).pipe(Stream.concat(Stream.never))
    const fiber = Effect.runFork(store.put({ _tag: "Stream", stream: endless }))
    await expect.poll(() => existsSync(join(directory, "objects/tmp")) && leftovers().length).toBe(1)
    await Effect.runPromise(Fiber.interrupt(fiber))
    expect(leftovers()).toEqual([])
  })
})

describe("what is damaged", () => {
  const damages: Record<string, (path: string) => void> = {
    "a flipped byte": (path) => {
      const bytes = readFileSync(path)
      bytes[100]! ^= 1
      writeFileSync(path, bytes)
    },
    "a missing end": (path) => truncateSync(path, 1000),
    "bytes at its end": (path) => appendFileSync(path, "x"),
    "no bytes at all": (path) => truncateSync(path, 0)
  }
  for (const [what, damage] of Object.entries(damages)) {
    it(`(${what}) is never handed out, is told, and is whole again after the next put`, async () => {
      const store = await open()
      for (const number of [1, 2]) {
        const { digest } = await run(store.put(sourceOf(number)))
        damage(pathOf(digest))
        expect(await reasonOf(store.get(digest))).toMatch(/do not hash|bytes are lost/)
        expect(await reasonOf(Stream.runDrain(store.stream(digest)))).toMatch(/do not hash|bytes are lost/)
        await run(store.put(sourceOf(number)))
        expect(Buffer.from(await run(store.get(digest))).equals(bytesOf(number))).toBe(true)
        damage(pathOf(digest))
        await run(store.put({ ...sourceOf(number), digest } as never))
        expect(Buffer.from(await run(store.get(digest))).equals(bytesOf(number))).toBe(true)
      }
    })
  }

  it("or missing is told as such, and a name that is no digest reaches no file", async () => {
    const store = await open()
    writeFileSync(join(directory, "secret"), "secret")
    for (const name of [digestOf(1), "../secret", "", "ab/../../../secret"]) {
      expect(await reasonOf(store.get(name))).toBe("it is not in the store")
      expect(await reasonOf(Stream.runDrain(store.stream(name)))).toBe("it is not in the store")
      expect(await run(store.size(name))).toBeUndefined()
      expect(await run(store.remove(name, { refreshedBeforeMs: Date.now() + 1000 }))).toBe(false)
    }
    expect(await reasonOf(store.put({ ...sourceOf(1), digest: "../../secret" } as never))).toBe("NotSupported")
    expect(readFileSync(join(directory, "secret"), "utf8")).toBe("secret")
  })
})

describe("removing", () => {
  const old = new Date(1_600_000_000_000)

  it("spares what a put refreshed between the look and the removal", async () => {
    const store = await open()
    const { digest } = await run(store.put(sourceOf(1)))
    utimesSync(pathOf(digest), old, old)
    // Another process's put holds the file open at this moment and gives it a new time.
    const refreshed = { at: (point: string) => point === "artifact.trash:after" && utimesSync(join(directory, "objects/trash", digest), new Date(), new Date()) }
    const removed = await run(Effect.provideService(store.remove(digest, { refreshedBeforeMs: Date.now() - 60_000 }), FaultPoints, refreshed))
    expect(removed).toBe(false)
    expect(Buffer.from(await run(store.get(digest))).equals(bytesOf(1))).toBe(true)
    expect(readdirSync(join(directory, "objects/trash"))).toEqual([])
    expect(await run(store.remove(digest, { refreshedBeforeMs: Date.now() + 60_000 }))).toBe(true)
    expect(existsSync(pathOf(digest))).toBe(false)
  })

  it("hides an object from no reader while it is undecided, and what a killed remover took away is put back", async () => {
    const child = spawnSync(process.execPath, ["--conditions=uniflow-source", program, directory, "remove", "artifact.trash:after", "1"], { encoding: "utf8" })
    const digest = child.stdout.trim()
    expect(existsSync(pathOf(digest))).toBe(false)
    const store = await open()
    expect(Buffer.from(await run(store.get(digest))).equals(bytesOf(1))).toBe(true)
    expect(await run(store.size(digest))).toBe(bytesOf(1).length)
    expect(await run(Stream.runCollect(store.list))).toHaveLength(1)
    expect(existsSync(pathOf(digest))).toBe(true)
  })

  it("that comes between a put's look and its new time does not fool the put: it writes anew", async () => {
    const store = await open()
    const { digest } = await run(store.put(sourceOf(1)))
    const away = join(directory, "objects/trash", digest)
    for (const leave of [false, true]) {
      const remover = {
        at: (point: string) => {
          if (point !== "artifact.refresh:before") return
          renameSync(pathOf(digest), away)
          if (!leave) rmSync(away)
        }
      }
      await run(Effect.provideService(store.put(sourceOf(1)), FaultPoints, remover))
      expect(readFileSync(pathOf(digest)).equals(bytesOf(1))).toBe(true)
    }
  })
})

describe("after a kill at any point", () => {
  const reach = (work: string, point: string, nth: number) =>
    spawnSync(process.execPath, ["--conditions=uniflow-source", program, directory, work, point, String(nth)], { encoding: "utf8" })

  for (const point of FileArtifactStore.faultPoints) {
    it(`(${point}) what was reported is whole, nothing else is half there, and leftovers go`, async () => {
      const work = /trash|unlink/.test(point) ? "remove" : "put"
      if (point.startsWith("artifact.restore")) return
      const child = reach(work, point, 1)
      expect(child.stderr).toBe("")
      expect(child.signal).toBe("SIGKILL")
      const store = await open()
      if (work === "put") {
        for (const digest of child.stdout.trim().split("\n").filter((line) => line !== "")) await run(store.get(digest))
      }
      for (const { digest } of await run(Stream.runCollect(store.list))) await run(store.get(digest))
      for (const number of [1, 2, 3]) {
        const { digest } = await run(store.put(sourceOf(number)))
        expect(Buffer.from(await run(store.get(digest))).equals(bytesOf(number))).toBe(true)
      }
      expect(leftovers()).toEqual([])
    })
  }

  for (const point of ["artifact.restore:before", "artifact.restore:after"]) {
    it(`(${point}) an object on its way back is still there`, async () => {
      const first = reach("remove", "artifact.trash:after", 1)
      const second = reach("put", point, 1)
      expect(second.signal).toBe("SIGKILL")
      const store = await open()
      await run(store.get(first.stdout.trim()))
      expect(await run(Stream.runCollect(store.list))).toHaveLength(1)
      expect(readdirSync(join(directory, "objects/trash"))).toEqual([])
    })
  }
})

describe("what is left over", () => {
  it("goes when its owner is dead, or unknown for a day; what a living process writes stays", async () => {
    const folder = join(directory, "objects/tmp")
    mkdirSync(folder, { recursive: true })
    const { self } = await run(ProcessIdentity)
    const day = new Date(Date.now() - 25 * 60 * 60 * 1000)
    const make = (owner: typeof self, time?: Date) => {
      const name = temporaryName(owner)
      writeFileSync(join(folder, name), "half")
      if (time !== undefined) utimesSync(join(folder, name), time, time)
      return name
    }
    const dead = { ...self, nonce: "dead", pid: 4_194_305 }
    const elsewhere = { ...self, nonce: "elsewhere", bootId: "another boot" }
    make(dead)
    make(elsewhere, day)
    const kept = [make(self, day), make({ ...self, nonce: "sibling" }, day), make(elsewhere)]
    writeFileSync(join(folder, "stranger"), "")
    const store = await open()
    await run(store.put(sourceOf(1)))
    expect(leftovers().sort()).toEqual([...kept, "stranger"].sort())
    expect(await run(Stream.runCollect(store.list))).toHaveLength(1)
  })
})

describe("what the system refuses", () => {
  it("is told by its kind", async () => {
    writeFileSync(join(directory, "objects"), "a file stands where the folder should be")
    const store = await open()
    expect(await reasonOf(store.put(sourceOf(1)))).toMatch(/Unavailable|Unknown/)
  })

  const canMount = spawnSync("unshare", ["--mount", "sh", "-c", `mount -t tmpfs none "${tmpdir()}"`]).status === 0

  it.runIf(canMount)("a full disk is Full, a read-only one NotPermitted, and neither leaves anything half there", () => { // mounts file systems: Linux and root
    const source = `import { FileArtifactStore } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)}
      import { Effect } from ${JSON.stringify(import.meta.resolve("effect"))}
      import { readdirSync } from "node:fs"
      const directory = ${JSON.stringify(directory)}
      const put = (size) => FileArtifactStore.make({ directory }).pipe(
        Effect.flatMap((store) => store.put({ _tag: "Bytes", bytes: { segments: [new Uint8Array(size)], sizeBytes: size } })),
        Effect.match({ onFailure: (error) => error.reason, onSuccess: () => "stored" }), Effect.runPromise)
      const answers = [await put(1000), await put(process.argv[1] === "full" ? 4000000 : 2000)]
      console.log(JSON.stringify([...answers, readdirSync(directory + "/objects/tmp").length]))`
    const answer = (mount: string, argument: string) => {
      const command = `${mount} && "$NODE" --conditions=uniflow-source --input-type=module -e "$SOURCE" ${argument}`
      const child = spawnSync("unshare", ["--mount", "sh", "-c", command], { encoding: "utf8", env: { ...process.env, NODE: process.execPath, SOURCE: source } })
      return child.stdout === "" ? child.stderr : JSON.parse(child.stdout)
    }
    expect(answer(`mount -t tmpfs -o size=1m none "${directory}"`, "full")).toEqual(["stored", "Full", 0])
    mkdirSync(join(directory, "objects/tmp"), { recursive: true })
    mkdirSync(join(directory, "objects/trash"), { recursive: true })
    expect(answer(`mount --bind "${directory}" "${directory}" && mount -o remount,ro,bind "${directory}"`, "read-only"))
      .toEqual(["NotPermitted", "NotPermitted", 0])
  })
})
