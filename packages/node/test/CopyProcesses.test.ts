import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { it } from "@effect/vitest"
import { GarbageCollector, ArtifactStore, INLINE_BYTES, RunStore } from "@uniflow/core"
import { Effect } from "effect"
import * as fc from "fast-check"
import { afterEach, describe, expect } from "vitest"
import { CopyPlace, CopyRuns, RunArchive } from "../src/index.ts"
import { linesOf } from "../src/internal/bundleLines.ts"
import { bundle, digestOf, fill, folder, store, storeIn } from "./copying.ts"

const programs = {
  copies: fileURLToPath(new URL("programs/copies.ts", import.meta.url)),
  writes: fileURLToPath(new URL("programs/writes.ts", import.meta.url))
}

const started: Array<ChildProcess> = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL")
})

const start = (name: keyof typeof programs, ...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, ["--conditions=uniflow-source", programs[name], ...args], { stdio: ["ignore", "pipe", "inherit"] })
  started.push(child)
  const ended = once(child, "close")
  const begun = new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve())
    void ended.then(() => reject(new Error("it ended before it began")))
  })
  begun.catch(() => {})
  return { child, ended, begun }
}

/** Some runs with large objects. */
const filled = (count: number) =>
  Effect.gen(function*() {
    const directory = yield* folder
    const from = yield* storeIn(directory)
    for (let n = 0; n < count; n++) {
      const one = fc.sample(bundle(`run-${n}`), { numRuns: 1, seed: n + 1 })[0]!
      const bytes = new Uint8Array(INLINE_BYTES * 20).fill(n)
      const artifact = { runId: `run-${n}`, address: "large", generation: 1, attempt: 1, name: "n", digest: digestOf(bytes), sizeBytes: bytes.length, mediaType: "m", codec: null, createdAtMs: 0 }
      yield* fill(from, { bundle: { ...one.bundle, artifacts: [artifact] }, objects: [bytes, ...one.objects] })
    }
    return { directory, from }
  })

describe("copying between processes", { timeout: 120_000 }, () => {
  it.live("that is killed at any moment leaves whole runs and no others; the same copy then copies the rest", () =>
    Effect.gen(function*() {
      const { directory, from } = yield* filled(40)
      const to = yield* folder
      const expected = new Map<string, string>()
      for (const id of yield* from.place.select({})) expected.set(id, [...linesOf((yield* from.place.read(id))!)].join(""))
      const counts: Array<number> = []
      for (let kill = 0; kill < 6; kill++) {
        const copying = start("copies", directory, to)
        yield* Effect.promise(() => copying.begun)
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 15 + kill * 10)))
        copying.child.kill("SIGKILL")
        yield* Effect.promise(() => copying.ended)
        const target = yield* storeIn(to)
        const there = yield* target.place.select({})
        counts.push(there.length)
        for (const id of there) {
          const read = (yield* target.place.read(id))!
          expect([...linesOf(read)].join(""), id).toBe(expected.get(id))
          for (const { digest } of read.artifacts) expect(digestOf(yield* target.artifacts.get(digest))).toBe(digest)
        }
      }
      // At least once it was killed before the end.
      expect(counts[0]).toBeLessThan(40)
      const rest = yield* CopyRuns.copy(from.place, (yield* storeIn(to)).place)
      expect(rest.runs.filter(({ outcome }) => outcome === "same")).toHaveLength(counts.at(-1)!)
      expect(rest.runs.filter(({ outcome }) => outcome === "copied")).toHaveLength(40 - counts.at(-1)!)
    }).pipe(Effect.scoped))

  it.live("into an archive: one that was killed has no archive, or a whole one", () =>
    Effect.gen(function*() {
      const { directory, from } = yield* filled(20)
      for (let kill = 0; kill < 5; kill++) {
        const path = join(yield* folder, "a.uniflow.tar")
        const copying = start("copies", directory, path)
        yield* Effect.promise(() => copying.begun)
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, kill * 15)))
        copying.child.kill("SIGKILL")
        yield* Effect.promise(() => copying.ended)
        if (existsSync(path)) expect(yield* (yield* RunArchive.source(path)).select({})).toEqual(yield* from.place.select({}))
        // What the killed one left is in nobody's way, and gone after the next copy.
        else yield* Effect.scoped(Effect.flatMap(RunArchive.target(path), (to) => CopyRuns.copy(from.place, to)))
        expect(existsSync(path)).toBe(true)
      }
    }).pipe(Effect.scoped))

  it.live("into an archive removes what a killed one left, and neither what a living one writes nor anything else", () =>
    Effect.gen(function*() {
      const { directory, from } = yield* filled(20)
      const to = yield* folder
      const [killed, living] = [start("copies", directory, join(to, "killed.uniflow.tar"), "wait"), start("copies", directory, join(to, "living.uniflow.tar"), "wait")]
      yield* Effect.promise(() => Promise.all([killed.begun, living.begun]))
      const before = readdirSync(to)
      expect(before).toHaveLength(2)
      killed.child.kill("SIGKILL")
      yield* Effect.promise(() => killed.ended)
      // Not ours, whatever they are called and however old.
      const others = [".uniflow-archive-notes.tmp", "a,1,b,c,d,1.tmp", ".x.uniflow.tar.part"]
      for (const name of others) {
        writeFileSync(join(to, name), "")
        utimesSync(join(to, name), 0, 0)
      }
      yield* Effect.scoped(Effect.flatMap(RunArchive.target(join(to, "next.uniflow.tar")), (target) => CopyRuns.copy(from.place, target)))
      const left = readdirSync(to).filter((name) => before.includes(name))
      expect(left).toEqual([expect.stringContaining(`,${living.child.pid},`)])
      expect(readdirSync(to).toSorted()).toEqual([...left, ...others, "next.uniflow.tar"].toSorted())
      living.child.kill("SIGKILL")
      yield* Effect.promise(() => living.ended)
      yield* Effect.scoped(Effect.flatMap(RunArchive.target(join(to, "last.uniflow.tar")), (target) => CopyRuns.copy(from.place, target)))
      expect(readdirSync(to).toSorted()).toEqual([...others, "last.uniflow.tar", "next.uniflow.tar"].toSorted())
    }).pipe(Effect.scoped))

  it.live("of a folder that others write to gives each run as it stood at one moment", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      const writers = [start("writes", directory), start("writes", directory)]
      const outcomes = yield* Effect.gen(function*() {
        for (const { begun } of writers) yield* Effect.promise(() => begun)
        const from = yield* storeIn(directory)
        const states: Array<string> = []
        // Which states are met depends on the machine: on until both were.
        for (let round = 0; round < 8 || (round < 100 && new Set(states).size < 2); round++) {
          const to = yield* store
          yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 60)))
          const path = join(yield* folder, "a.uniflow.tar")
          yield* Effect.scoped(Effect.flatMap(RunArchive.target(path), (archive) => CopyRuns.copy(from.place, archive)))
          yield* CopyRuns.copy(yield* RunArchive.source(path), to.place)
          for (const id of yield* to.place.select({})) {
            const { logs, run, steps } = (yield* to.place.read(id))!
            expect(steps.map(({ seq }) => seq), id).toEqual(steps.map((_, at) => at + 1))
            expect(logs.length, id).toBe(steps.length)
            expect(run.status).toBe(steps.length === 30 && run.endedAtMs !== null ? "completed" : "interrupted")
            states.push(run.status)
          }
        }
        return states
      }).pipe(Effect.ensuring(Effect.promise(async () => {
        for (const { child, ended } of writers) {
          child.kill("SIGKILL")
          await ended
        }
      })))
      expect(new Set(outcomes)).toEqual(new Set(["completed", "interrupted"]))
    }).pipe(Effect.scoped), 120_000)

  it.live("by two at once into one place copies each run once", () =>
    Effect.gen(function*() {
      const { from } = yield* filled(15)
      const directory = yield* folder
      const targets = [yield* storeIn(directory), yield* storeIn(directory)]
      const results = yield* Effect.forEach(targets, ({ place }) => CopyRuns.copy(from.place, place), { concurrency: "unbounded" })
      const outcomes = results.flatMap(({ runs }) => runs.map(({ outcome }) => outcome))
      expect(outcomes.filter((outcome) => outcome === "copied")).toHaveLength(15)
      expect(outcomes.filter((outcome) => outcome === "same")).toHaveLength(15)
    }).pipe(Effect.scoped))

  it.live("is whole in the end although the target's garbage was collected between the bytes and their record", () =>
    Effect.gen(function*() {
      const { from } = yield* filled(3)
      const to = yield* store
      let freed = 0
      const collecting = GarbageCollector.collect({ grace: 0 }).pipe(
        Effect.provideService(RunStore, to.runs),
        Effect.provideService(ArtifactStore, to.artifacts),
        Effect.tap(({ count }) => Effect.sync(() => void (freed += count)))
      )
      const runs: typeof to.runs = { ...to.runs, restore: (one, blobs) => Effect.sleep("2 millis").pipe(Effect.andThen(collecting), Effect.andThen(to.runs.restore(one, blobs))) }
      yield* CopyRuns.copy(from.place, CopyPlace.store("target", runs, to.artifacts))
      expect(freed).toBeGreaterThanOrEqual(3)
      for (const id of yield* to.place.select({})) {
        for (const { digest } of (yield* to.place.read(id))!.artifacts) expect(digestOf(yield* to.artifacts.get(digest))).toBe(digest)
      }
    }).pipe(Effect.scoped))
})
