import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { RunStore, type StoreError } from "@uniflow/core"
import { Effect, type Scope } from "effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as NodeProcessIdentity from "../src/NodeProcessIdentity.ts"
import * as SqliteRunStore from "../src/SqliteRunStore.ts"
import * as UniflowDirectory from "../src/UniflowDirectory.ts"

let folder: string
beforeEach(() => void (folder = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-places-")))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Why a folder is not made. */
const refusal = (directory: string): Promise<StoreError> =>
  Effect.runPromise(Effect.flip(Effect.flatMap(UniflowDirectory.make({ directory, cwd: folder }), ({ ensure }) => ensure)))

const open = <A, E>(filename: string, use: Effect.Effect<A, E, RunStore | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(use).pipe(Effect.provide(SqliteRunStore.layer({ filename })), Effect.provide(NodeProcessIdentity.layer)))

const list = Effect.flatMap(RunStore, (store) => store.runs({ limit: 1 }))

const claim = Effect.flatMap(RunStore, (store) =>
  store.claim({
    runId: "run",
    create: { id: "run", pipeline: "p", experiment: "p", params: {}, seed: 1, parent: null, tags: {}, goals: {}, createdAtMs: 1 },
    onlyNew: false,
    holder: { nonce: "n", host: "h", pid: 1, bootId: "b", pidNamespace: "p", processStart: "s", sinceMs: 1 },
    environment: { runtime: "node", platform: "test", host: "test", pid: 1, argv: [], packages: {} },
    leaseMs: 30_000,
    startedAtMs: 1
  }))

const inFolder = <A, E>(directory: string, env: Readonly<Record<string, string>>, use: Effect.Effect<A, E, RunStore | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(use).pipe(
    Effect.provide(SqliteRunStore.layerDirectory),
    Effect.provide(UniflowDirectory.layer({ directory, cwd: folder, env })),
    Effect.provide(NodeProcessIdentity.layer)
  ))

const theUsable = Effect.flatMap(RunStore, (store) => store.usable!)

/** Whether runs can be kept in a folder, or why not. */
const usable = (directory: string, env: Readonly<Record<string, string>> = {}): Promise<string> =>
  inFolder(directory, env, theUsable.pipe(Effect.match({ onSuccess: () => "usable", onFailure: ({ message, reason }) => `${reason}: ${message}` })))

it("a file, or a link to nothing, where the folder should be is told as such", async () => {
  writeFileSync(join(folder, "file"), "")
  symlinkSync(join(folder, "nowhere"), join(folder, "link"))
  for (const name of ["file", "link"]) {
    const error = await refusal(name)
    expect([name, error.reason]).toEqual([name, "Unavailable"])
    expect(error.message).toContain("something that is not a folder has its name")
  }
  expect(readdirSync(folder).sort()).toEqual(["file", "link"])
})

it("an empty text is no folder: the working directory is not meant", async () => {
  const error = await Effect.runPromise(Effect.flip(UniflowDirectory.make({ directory: "", cwd: folder })))
  expect(error.message).toContain("empty text")
})

it("a log that was taken away is noticed before a commit goes into it", async () => {
  const filename = join(folder, "uniflow.db")
  await open(filename, Effect.gen(function*() {
    const store = yield* RunStore
    const { token } = yield* claim
    rmSync(`${filename}-wal`)
    yield* Effect.sleep(1100)
    const error = yield* Effect.flip(store.commit({ runId: "run", token }, [{ _tag: "BlobKept", digest: "0".repeat(64), bytes: new Uint8Array(1) }]))
    expect(error).toMatchObject({ reason: "Unavailable" })
    expect(error.message).toMatch(/uniflow\.db-wal was moved, replaced or deleted while it was in use.*resume the run/)
  }))
})

it.skipIf(process.platform === "win32")("a working directory that was deleted is told as such; a folder that is named by its whole path does not need it", () => { // Windows does not delete it
  const cwd = join(folder, "gone")
  mkdirSync(cwd)
  const program = fileURLToPath(new URL("programs/chosen.ts", import.meta.url))
  const begin = ["-c", "rmdir \"$PWD\" && exec \"$@\"", "sh", process.execPath, "--conditions=uniflow-source", program, join(folder, "kept")]
  const { stdout } = spawnSync("/bin/sh", begin, { cwd, encoding: "utf8" })
  const [without, named] = stdout.trim().split("\n")
  expect(without).toContain("The working directory was deleted")
  expect(named).toBe(join(folder, "kept"))
  expect(readdirSync(folder)).toEqual([])
})

const mount = (...args: ReadonlyArray<string>): boolean => spawnSync("mount", args).status === 0

const canMount = process.platform === "linux" && process.getuid?.() === 0 && ((): boolean => {
  const place = mkdtempSync(join(tmpdir(), "uniflow-mount-"))
  const mounted = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", place)
  if (mounted) spawnSync("umount", [place])
  rmSync(place, { recursive: true })
  return mounted
})()

describe.skipIf(!canMount)("on a file system of its own (needs Linux, root and mount)", () => {
  let place: string
  beforeEach(() => {
    place = join(folder, "mounted")
    mkdirSync(place)
    expect(mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", place)).toBe(true)
  })
  afterEach(() => void spawnSync("umount", ["-l", place]))

  it("that is read-only neither a folder nor a store is used, and that is the reason told", async () => {
    const filename = join(place, "uniflow.db")
    await open(filename, claim)
    expect(mount("-o", "remount,ro", place)).toBe(true)
    const errors = [await refusal(join(place, "deep", "er")), await open(filename, Effect.flip(list)).catch((error: unknown) => error)]
    for (const error of errors) {
      expect(error).toMatchObject({ _tag: "StoreError", reason: "NotPermitted" })
      expect(String(error)).toContain("the file system is read-only")
    }
  })

  it("that is read-only is no place for runs, whether some are there or not, and looking makes nothing", async () => {
    expect(await usable(place)).toBe("usable")
    await open(join(place, "uniflow.db"), claim)
    expect(mount("-o", "remount,ro", place)).toBe(true)
    for (const directory of [place, join(place, "deep", "er")]) expect(await usable(directory)).toMatch(/^NotPermitted: .*the file system is read-only/)
    expect(readdirSync(place)).not.toContain("deep")
  })
})

describe("a place for runs", () => {
  it("is any that can be written, there or not yet; looking makes nothing", async () => {
    for (const directory of [folder, join(folder, "deep", "er")]) expect(await usable(directory)).toBe("usable")
    expect(readdirSync(folder)).toEqual([])
  })

  it.each(["AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT", "FUNCTIONS_WORKER_RUNTIME", "K_SERVICE"])("is not where %s tells that the disk vanishes; PostgreSQL is named", async (name) => {
    expect(await usable(folder, { [name]: "one" })).toMatch(/^NotSupported: .*vanishes with this instance.*PostgreSQL/)
  })

  it("is not one that was taken away while it was in use", async () => {
    const directory = join(folder, "taken")
    await inFolder(directory, {}, Effect.gen(function*() {
      yield* claim
      yield* theUsable
      rmSync(directory, { recursive: true })
      expect(yield* Effect.flip(theUsable)).toMatchObject({ reason: "Unavailable" })
    }))
  })
})
