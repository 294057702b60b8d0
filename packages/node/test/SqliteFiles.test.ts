import { randomBytes } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type Change, FaultPoints, ProcessIdentity, RunStore, type RunStoreService, type StepRecord, StoreError } from "@uniflow/core"
import { Effect, Fiber, type Scope } from "effect"
import * as fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { isSafe } from "../src/internal/sqliteLibrary.ts"
import * as NodeProcessIdentity from "../src/NodeProcessIdentity.ts"
import * as SqliteDriver from "../src/SqliteDriver.ts"
import * as SqliteRunStore from "../src/SqliteRunStore.ts"

let folder: string
const filename = (): string => join(folder, "uniflow.db")
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "uniflow-sqlite-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = <A, E>(use: (store: RunStoreService) => Effect.Effect<A, E, Scope.Scope>, options: Partial<SqliteDriver.SqliteOptions> = {}): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(RunStore, use)).pipe(
    Effect.provide(SqliteRunStore.layer({ filename: filename(), ...options })),
    Effect.provide(NodeProcessIdentity.layer)
  ))

const refusal = (options: Partial<SqliteDriver.SqliteOptions> = {}): Promise<StoreError> =>
  open((store) => store.runs({ limit: 1 }), options).then(
    () => expect.fail("it was opened"),
    (error: unknown) => error instanceof StoreError ? error : expect.fail(`not a StoreError: ${String(error)}`)
  )

/** Every file with its bytes. */
const everything = (): Record<string, string> =>
  Object.fromEntries(readdirSync(folder, { withFileTypes: true }).map((entry) =>
    [entry.name, entry.isFile() ? readFileSync(join(folder, entry.name)).toString("base64") : "folder"]))

const claim = (store: RunStoreService, runId: string, leaseMs = 30_000) =>
  Effect.gen(function*() {
    const { self } = yield* ProcessIdentity
    return yield* store.claim({
      runId,
      create: { id: runId, pipeline: "p", experiment: "p", params: {}, seed: 1, parent: null, tags: {}, goals: {}, createdAtMs: 1 },
      onlyNew: false,
      holder: { ...self, sinceMs: 1 },
      environment: { runtime: "node", platform: "test", host: "test", pid: 1, argv: [], packages: {} },
      leaseMs,
      startedAtMs: 1
    })
  }).pipe(Effect.map(({ attempt, token }) => ({
    token,
    commit: (...changes: ReadonlyArray<Change>) => store.commit({ runId, token }, changes),
    end: store.commit({ runId, token }, [{ _tag: "AttemptEnded", attempt, status: "completed", endedAtMs: 2, error: null, failedStep: null }])
  })))

const digestOf = (n: number): string => n.toString(16).padStart(8, "0").repeat(8)
const bytesOf = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer)

/** A step with its output kept beside it. */
const step = (runId: string, seq: number, output = seq): ReadonlyArray<Change> => {
  const record: StepRecord = {
    runId, seq, address: `s${seq}`, step: `s${seq}`, attempt: 1, decision: "executed", reasons: [], status: "completed", generation: 1,
    fingerprint: "", components: null, seed: null,
    output: { digest: digestOf(output), sizeBytes: 4, codec: "json", mediaType: "application/json" },
    trusted: false, cacheable: false, source: null, retries: 0, startedAtMs: 1, durationMs: 1, error: null
  }
  return [{ _tag: "BlobKept", digest: digestOf(output), bytes: bytesOf(output) }, { _tag: "StepRecorded", record }]
}

/** A store with a run of twenty steps, closed, and everything of it in its one file. */
const fill = async (): Promise<void> => {
  await open((store) => Effect.gen(function*() {
    const { commit, end } = yield* claim(store, "run")
    for (let seq = 1; seq <= 20; seq++) yield* commit(...step("run", seq))
    yield* end
  }))
  expect(readdirSync(folder)).toEqual(["uniflow.db"])
}

describe("a file that is no store", () => {
  const kinds: ReadonlyArray<readonly [string, () => Uint8Array | string, StoreError["reason"]]> = [
    ["a text", () => "hello\n".repeat(100), "Corrupt"],
    ["a short text", () => "hello", "Corrupt"],
    ["a picture", () => Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), randomBytes(5000)]), "Corrupt"],
    ["encrypted", () => randomBytes(16_384), "Corrupt"],
    ["empty", () => "", "Corrupt"]
  ]
  for (const [what, content, reason] of kinds) {
    it(`is refused and stays as it is: ${what}`, async () => {
      writeFileSync(filename(), content())
      const before = everything()
      expect(await refusal()).toMatchObject({ reason, message: expect.stringContaining(filename()) })
      expect(everything()).toEqual(before)
    })
  }

  it("is refused: a folder", async () => {
    mkdirSync(filename())
    expect((await refusal()).reason).toBe("NotSupported")
    expect(everything()).toEqual({ "uniflow.db": "folder" })
  })

  it.each(["delete", "wal"])("is refused and stays as it is: the database of another program (journal mode %s)", async (mode) => {
    const foreign = new DatabaseSync(filename())
    foreign.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE runs (id TEXT); INSERT INTO runs VALUES ('theirs')`)
    foreign.close()
    const before = everything()
    expect((await refusal()).reason).toBe("NotSupported")
    expect(everything()).toEqual(before)
  })

  it("is refused and stays as it is: a store cut off at any page or byte", async () => {
    await fill()
    const whole = readFileSync(filename())
    const cuts = new Set(fc.sample(fc.integer({ min: 1, max: whole.length - 1 }), 40))
    for (let at = 4096; at < whole.length; at += 4096) cuts.add(at)
    for (const at of cuts) {
      writeFileSync(filename(), whole.subarray(0, at))
      const before = everything()
      expect((await refusal()).reason, `cut at ${at} of ${whole.length}`).toBe("Corrupt")
      expect(everything()).toEqual(before)
    }
    writeFileSync(filename(), whole)
    expect(await open((store) => store.steps("run"))).toHaveLength(20)
  })
})

describe("a store of a newer release", () => {
  it("of another major format is refused, and nothing of it is touched", async () => {
    await fill()
    for (const sql of ["PRAGMA user_version = 2", "PRAGMA user_version = 1; UPDATE meta SET value = '2' WHERE name = 'format'"]) {
      const newer = new DatabaseSync(filename())
      newer.exec(sql)
      newer.close()
      const before = everything()
      expect((await refusal()).reason).toBe("NewerFormat")
      const after = everything()
      expect(after["uniflow.db"]).toBe(before["uniflow.db"])
    }
  })

  it("of the same major format is used as it is: migrations only add", async () => {
    await fill()
    const newer = new DatabaseSync(filename())
    newer.exec("ALTER TABLE steps ADD COLUMN later TEXT; CREATE TABLE later (id INTEGER); INSERT INTO migrations (migration_id, name) VALUES (99, 'later')")
    newer.close()
    expect(await open((store) => store.steps("run"))).toHaveLength(20)
    await open((store) => Effect.flatMap(claim(store, "next"), ({ commit }) => commit(...step("next", 1))))
  })
})

describe("a store that is damaged", () => {
  const tampered = async (sql: string): Promise<void> => {
    await fill()
    const database = new DatabaseSync(filename())
    database.exec(sql)
    database.close()
  }

  it.each([
    ["a word that is no decision", "UPDATE steps SET decision = 'guessed' WHERE id % 16 = 3"],
    ["JSON that is none", "UPDATE steps SET reasons = '[{' WHERE id % 16 = 3"],
    ["JSON of another shape", "UPDATE steps SET reasons = '[{}]' WHERE id % 16 = 3"],
    ["a boolean that is 2", "UPDATE steps SET trusted = 2 WHERE id % 16 = 3"]
  ])("tells of a row that is not what it should be, and leaves none out: %s", async (_, sql) => {
    await tampered(sql)
    expect(await open((store) => Effect.flip(store.steps("run")))).toMatchObject({ reason: "Corrupt" })
  })

  it("never returns a page that was overwritten as if it were whole", async () => {
    await fill()
    const bytes = readFileSync(filename())
    bytes.fill(0xa5, 4096 * 3)
    writeFileSync(filename(), bytes)
    expect((await refusal()).reason).toBe("Corrupt")
  })
})

describe("a store in use", () => {
  it("keeps integers as integers and floats as floats", async () => {
    await fill()
    const database = new DatabaseSync(filename())
    const types = database.prepare(`SELECT DISTINCT typeof(id), typeof(attempt), typeof(generation), typeof(retries), typeof(output_size_bytes),
      typeof(trusted), typeof(started_at_ms), typeof(duration_ms) FROM steps`).all()
    expect(types.map((row) => Object.values(row))).toEqual([["integer", "integer", "integer", "integer", "integer", "integer", "real", "real"]])
    expect(database.prepare("SELECT typeof(token) AS t, typeof(revision) AS r, revision FROM runs").get()).toEqual({ t: "integer", r: "integer", revision: 22 })
    database.close()
  })

  it("goes on reading while another process writes for long; a writer waits, and is then told that it is busy", async () => {
    await open((store) => Effect.gen(function*() {
      const { commit } = yield* claim(store, "run")
      yield* commit(...step("run", 1))
      const other = new DatabaseSync(filename())
      other.exec("BEGIN IMMEDIATE")
      const since = performance.now()
      let turns = 0
      const turning = setInterval(() => turns++, 10)
      expect(yield* Effect.flip(commit(...step("run", 2)))).toMatchObject({ reason: "Busy", retryable: true })
      clearInterval(turning)
      expect(performance.now() - since).toBeGreaterThan(300)
      expect(turns, "the event loop goes on").toBeGreaterThan(5)
      expect(yield* store.steps("run")).toHaveLength(1)
      const waiting = yield* Effect.forkChild(commit(...step("run", 2)))
      yield* Effect.sleep(50)
      other.exec("ROLLBACK")
      other.close()
      yield* Fiber.join(waiting)
      expect(yield* store.steps("run")).toHaveLength(2)
    }), { busyTimeoutMs: 400 })
  })

  it("says that the disk is full, loses nothing that was recorded, and goes on when there is room", async () => {
    await open((store) => Effect.gen(function*() {
      const { commit } = yield* claim(store, "run")
      yield* commit(...step("run", 1))
      // The connection that the store itself uses.
      const registry: Map<string, { handle: { database: DatabaseSync } }> = Reflect.get(globalThis, Symbol.for("@uniflow/node/sqlite/1"))
      const { database } = [...registry.values()][0]!.handle
      const pages = Number(Object.values(database.prepare("PRAGMA page_count").get()!)[0])
      database.exec(`PRAGMA max_page_count = ${pages + 1}`)
      const large: Change = { _tag: "BlobKept", digest: digestOf(99), bytes: randomBytes(16_384) }
      expect(yield* Effect.flip(commit(large, large, ...step("run", 2)))).toMatchObject({ reason: "Full" })
      expect(yield* store.steps("run")).toHaveLength(1)
      expect(yield* store.blob(digestOf(99))).toBeUndefined()
      database.exec("PRAGMA max_page_count = 1073741823")
      yield* commit(large, ...step("run", 2))
      expect(yield* store.steps("run")).toHaveLength(2)
    }))
  })

  it("notices that its file was taken away", async () => {
    await open((store) => Effect.gen(function*() {
      const { commit } = yield* claim(store, "run")
      renameSync(filename(), join(folder, "elsewhere.db"))
      yield* Effect.sleep(1100)
      expect(yield* Effect.flip(commit(...step("run", 1)))).toMatchObject({ reason: "Unavailable" })
      renameSync(join(folder, "elsewhere.db"), filename())
      yield* commit(...step("run", 1))
    }))
  })

  it("is one connection in a process, whoever opens it, closed by the last", async () => {
    const registry = (): number => (Reflect.get(globalThis, Symbol.for("@uniflow/node/sqlite/1")) as Map<string, unknown> | undefined)?.size ?? 0
    await open(() => Effect.gen(function*() {
      expect(registry()).toBe(1)
      yield* Effect.promise(() => open((again) => Effect.sync(() => expect(registry()).toBe(1)).pipe(Effect.andThen(again.identity))))
      expect(registry()).toBe(1)
    }))
    expect(registry()).toBe(0)
    expect(readdirSync(folder)).toEqual(["uniflow.db"])
  })

  it("passes every fault point that it names", async () => {
    const passed = new Set<string>()
    await Effect.runPromise(Effect.scoped(Effect.flatMap(RunStore, (store) => claim(store, "run"))).pipe(
      Effect.provide(SqliteRunStore.layer({ filename: filename() })),
      Effect.provideService(FaultPoints, { at: (point) => void passed.add(point) })
    ))
    expect([...passed]).toEqual(SqliteDriver.faultPoints)
  })
})

describe("outputs that stand in their steps' rows", () => {
  const unsettled = (): number => {
    const database = new DatabaseSync(filename(), { readOnly: true })
    const { rows } = database.prepare("SELECT count(*) AS rows FROM unsettled u JOIN steps s ON s.id > u.after AND s.id < (u.run + 1) * 268435456").get()!
    database.close()
    return Number(rows)
  }

  it("are found by their digest, however many there are and in whatever order they came, by any process", async () => {
    const expected = new Set<number>()
    const look = (store: RunStoreService) => Effect.gen(function*() {
      for (const n of expected) expect(yield* store.blob(digestOf(n)), `output ${n}`).toEqual(bytesOf(n))
      expect(yield* store.unreferenced([...expected].map(digestOf))).toEqual([])
      expect(yield* store.blob(digestOf(0xffffff))).toBeUndefined()
    })
    let next = 1
    const some = (runId: string, seqs: ReadonlyArray<number>): ReadonlyArray<Change> =>
      seqs.flatMap((seq) => {
        expected.add(next)
        return step(runId, seq, next++)
      })
    const range = (from: number, to: number): ReadonlyArray<number> => Array.from({ length: to - from + 1 }, (_, n) => from + n)
    await open((store) => Effect.gen(function*() {
      // Many short runs, more than may wait; a run of middling length; a long one that is still going on.
      for (let n = 0; n < 140; n++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { commit, end } = yield* claim(store, `short-${n}`)
          yield* commit(...some(`short-${n}`, [1, 2, 3]))
          yield* end
        }))
      }
      expect(unsettled()).toBeLessThanOrEqual(3 * 130)
      const before = unsettled()
      yield* Effect.scoped(Effect.gen(function*() {
        const { commit, end } = yield* claim(store, "middling")
        yield* commit(...some("middling", range(1, 40)))
        yield* end
      }))
      expect(unsettled()).toBeLessThanOrEqual(before)
      const long = yield* claim(store, "long")
      yield* long.commit(...some("long", range(10, 600)))
      yield* long.commit(...some("long", [5, 7, 6]))
      yield* long.commit(...some("long", range(601, 1200)))
      yield* long.commit(...some("long", [8, 1]))
      yield* long.commit(...some("long", range(1201, 1230)))
      expect(unsettled()).toBeLessThanOrEqual(3 * 130 + 30)
      yield* look(store)
    }))
    await open((store) => Effect.gen(function*() {
      yield* look(store)
      const again = yield* claim(store, "long")
      yield* again.commit(...some("long", [1300, 2, 1250]))
      yield* again.end
      yield* look(store)
      // A run that goes takes its rows along; what it kept stays until it is collected.
      expect(yield* store.remove("middling")).toBe(true)
      for (const n of expected) expect(yield* store.blob(digestOf(n)), `output ${n}`).toEqual(bytesOf(n))
      expect(yield* store.collectBlobs({ refreshedBeforeMs: Number.MAX_SAFE_INTEGER, dryRun: false })).toMatchObject({ count: 40 })
    }))
  }, 60_000)
})

it("refuses the versions of SQLite that may lose a commit", () => {
  for (const version of ["3.51.3", "3.51.4", "3.52.0", "3.53.4", "3.50.7", "3.44.6", "4.0.0"]) expect(isSafe(version), version).toBe(true)
  for (const version of ["3.51.2", "3.50.6", "3.50.4", "3.44.5", "3.45.9", "3.49.2", "3.7.17", "", "2.8.0"]) expect(isSafe(version), version).toBe(false)
})

it("makes a database as a whole: a process that dies on the way leaves no empty store", async () => {
  for (const point of ["create:before", "create:written"]) {
    const dying = Effect.runPromise(Effect.scoped(RunStore.pipe(
      Effect.provide(SqliteRunStore.layer({ filename: filename() })),
      Effect.provideService(FaultPoints, {
        at: (at) => {
          if (at === point) throw new Error("killed here")
        }
      })
    )))
    await expect(dying).rejects.toThrow()
    expect(statSync(filename(), { throwIfNoEntry: false })).toBeUndefined()
  }
  await fill()
  // A copy is a store of its own.
  cpSync(filename(), join(folder, "copy.db"))
  truncateSync(filename(), 0)
  expect((await refusal()).reason).toBe("Corrupt")
  expect(await open((store) => store.steps("run"), { filename: join(folder, "copy.db") })).toHaveLength(20)
})
