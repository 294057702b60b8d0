import { readdirSync } from "node:fs"
import { join } from "node:path"
import { it } from "@effect/vitest"
import { type RunBundle, type RunRecord } from "@uniflow/core"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect } from "vitest"
import { CopyRuns, RunArchive } from "../src/index.ts"
import { bundle, digestOf, fill, folder, store, storeIn } from "./copying.ts"
import { linesOf } from "../src/internal/bundleLines.ts"

const textOf = (bundle: RunBundle | undefined): string => [...linesOf(bundle!)].join("")

/** One run of no special kind. */
const plain = (id: string, fields: Partial<RunRecord> = {}) => {
  const [made] = fc.sample(bundle(id), { numRuns: 1, seed: 7 })
  return { ...made!, bundle: { ...made!.bundle, run: { ...made!.bundle.run, ...fields } } }
}

/** Copies everything into a new archive. */
const archive = (from: Parameters<typeof CopyRuns.copy>[0], path: string, options?: CopyRuns.CopyOptions) =>
  Effect.scoped(Effect.flatMap(RunArchive.target(path), (to) => CopyRuns.copy(from, to, options)))

describe("runs that are copied", () => {
  it.live("are the same through an archive and back, whatever was recorded, and so are their bytes", () =>
    Effect.gen(function*() {
      const cases = fc.sample(fc.integer({ min: 0, max: 1e9 }), { numRuns: 25 })
      const from = yield* store
      const made = cases.map((seed, n) => fc.sample(bundle(`run-${n}`), { numRuns: 1, seed })[0]!)
      for (const one of made) yield* fill(from, one)
      const path = join(yield* folder, "all.uniflow.tar")
      const packed = yield* archive(from.place, path)
      expect(packed.runs.map(({ outcome }) => outcome)).toEqual(made.map(() => "copied"))
      const to = yield* store
      const opened = yield* RunArchive.source(path)
      const copied = yield* CopyRuns.copy(opened, to.place)
      expect(new Set(copied.runs.map(({ id }) => id))).toEqual(new Set(made.map((one) => one.bundle.run.id)))
      for (const one of made) {
        const { id } = one.bundle.run
        expect(textOf(yield* to.place.read(id)), id).toBe(textOf(yield* from.place.read(id)))
        expect(textOf(yield* to.place.read(id)), id).toBe(textOf(one.bundle))
        const refers = new Set([...one.bundle.steps.map(({ output }) => output?.digest), ...one.bundle.artifacts.map(({ digest }) => digest), ...one.bundle.checkpoints.map(({ output }) => output.digest)])
        for (const bytes of one.objects) {
          const digest = digestOf(bytes)
          if (!refers.has(digest)) continue
          const kept = (yield* to.runs.blob(digest)) ?? (yield* to.artifacts.get(digest))
          expect(digestOf(kept)).toBe(digest)
        }
      }
      // Again: nothing is left to do.
      const again = yield* CopyRuns.copy(opened, to.place)
      expect(again.runs.every(({ outcome }) => outcome === "same")).toBe(true)
      expect(again.sizeBytes).toBe(0)
    }).pipe(Effect.scoped), 60_000)

  it.live("are refused, left out or renamed where another run has their id; nothing is overwritten", () =>
    Effect.gen(function*() {
      const from = yield* store
      const to = yield* store
      yield* fill(from, plain("run-1", { note: "from", createdAtMs: 1 }))
      yield* fill(from, plain("child", { parent: "run-1", createdAtMs: 2 }))
      yield* fill(to, plain("run-1", { note: "to", createdAtMs: 1 }))
      const before = textOf(yield* to.place.read("run-1"))
      const refused = yield* Effect.flip(CopyRuns.copy(from.place, to.place))
      expect(refused._tag).toBe("CopyRefused")
      expect(refused.message).toContain("run-1")
      expect(yield* to.runs.run("child")).toBeUndefined()

      const dry = yield* CopyRuns.copy(from.place, to.place, { existing: "rename", dryRun: true })
      expect(dry.runs).toEqual([{ id: "run-1", as: "run-1-2", outcome: "copied" }, { id: "child", as: "child", outcome: "copied" }])
      expect(yield* to.runs.run("child")).toBeUndefined()

      yield* CopyRuns.copy(from.place, to.place, { existing: "rename" })
      expect(textOf(yield* to.place.read("run-1"))).toBe(before)
      expect((yield* to.runs.run("run-1-2"))?.note).toBe("from")
      expect((yield* to.runs.steps("run-1-2")).every(({ runId }) => runId === "run-1-2")).toBe(true)
      // What it says of the other run holds in the copy, too.
      expect((yield* to.runs.run("child"))?.parent).toBe("run-1-2")

      const again = yield* CopyRuns.copy(from.place, to.place, { existing: "rename" })
      expect(again.runs.map(({ as, outcome }) => `${as} ${outcome}`)).toEqual(["run-1-2 same", "child same"])
      const skipped = yield* CopyRuns.copy(from.place, to.place, { existing: "skip", ids: ["run-1"] })
      expect(skipped.runs).toEqual([{ id: "run-1", as: "run-1", outcome: "skipped" }])
    }).pipe(Effect.scoped))

  it.live("are selected by id, experiment, pipeline, status and filter, in stores and in archives alike", () =>
    Effect.gen(function*() {
      const from = yield* store
      yield* fill(from, plain("a", { experiment: "one", pipeline: "p", status: "completed", params: { rate: 1 }, createdAtMs: 1 }))
      yield* fill(from, plain("b", { experiment: "two", pipeline: "p", status: "failed", params: { rate: 2 }, createdAtMs: 2 }))
      yield* fill(from, plain("c", { experiment: "two", pipeline: "q", status: "completed", params: { rate: 3 }, createdAtMs: 3 }))
      const path = join(yield* folder, "three.uniflow.tar")
      yield* archive(from.place, path)
      for (const place of [from.place, yield* RunArchive.source(path)]) {
        expect(yield* place.select({})).toEqual(["a", "b", "c"])
        expect(yield* place.select({ ids: ["c", "a"] })).toEqual(["a", "c"])
        expect(yield* place.select({ experiment: "two" })).toEqual(["b", "c"])
        expect(yield* place.select({ experiment: "two", pipeline: "p" })).toEqual(["b"])
        expect(yield* place.select({ status: ["completed"] })).toEqual(["a", "c"])
        expect(yield* place.select({ where: "params.rate >= 2 and run.status = 'completed'" })).toEqual(["c"])
        expect((yield* Effect.flip(place.select({ where: "params." })))._tag).toBe("InvalidFilter")
      }
    }).pipe(Effect.scoped))

  it.live("are copied without bytes that the source has lost, which is told; what is damaged never passes for whole", () =>
    Effect.gen(function*() {
      const from = yield* store
      const made = plain("run-1")
      const bytes = new Uint8Array(100_000).fill(3)
      const output = { digest: digestOf(bytes), sizeBytes: bytes.length, codec: "c", mediaType: "m" }
      const lost = { ...made.bundle, steps: made.bundle.steps.slice(0, 1).map((step) => ({ ...step, output })), checkpoints: [], artifacts: [] }
      yield* fill(from, { bundle: lost, objects: [] })
      const path = join(yield* folder, "lost.uniflow.tar")
      const damaged = lost.steps.map(() => ({ runId: "run-1", digest: output.digest }))
      expect(damaged).toHaveLength(1)
      expect((yield* archive(from.place, path)).damaged).toEqual(damaged)
      const to = yield* store
      expect((yield* CopyRuns.copy(yield* RunArchive.source(path), to.place)).damaged).toEqual(damaged)
      expect(textOf(yield* to.place.read("run-1"))).toBe(textOf(lost))
    }).pipe(Effect.scoped))

  it.live("with secret params are told of, wherever in the params they stand", () =>
    Effect.gen(function*() {
      const from = yield* store
      yield* fill(from, plain("open", { params: { a: { b: [1, null, "$redacted"] } }, createdAtMs: 1 }))
      yield* fill(from, plain("secret", { params: { a: { b: [{ $redacted: "hash" }] } }, createdAtMs: 2 }))
      expect((yield* CopyRuns.copy(from.place, (yield* store).place)).redacted).toEqual(["secret"])
    }).pipe(Effect.scoped))

  it.live("an archive whose name is taken is refused, and one that is not finished leaves nothing", () =>
    Effect.gen(function*() {
      const from = yield* store
      yield* fill(from, plain("run-1"))
      const directory = yield* folder
      const path = join(directory, "a.uniflow.tar")
      yield* archive(from.place, path)
      expect(yield* Effect.flip(archive(from.place, path))).toMatchObject({ reason: "NotPermitted" })
      yield* archive(from.place, join(directory, "dry.uniflow.tar"), { dryRun: true })
      yield* Effect.exit(archive({ ...from.place, read: () => Effect.die("halfway") }, join(directory, "b.uniflow.tar")))
      expect(readdirSync(directory)).toEqual(["a.uniflow.tar"])
    }).pipe(Effect.scoped))

  it.live("a folder becomes a store by being copied to", () =>
    Effect.gen(function*() {
      const from = yield* store
      yield* fill(from, plain("run-1"))
      const to = yield* storeIn(yield* folder)
      yield* CopyRuns.copy(from.place, to.place)
      expect(textOf(yield* to.place.read("run-1"))).toBe(textOf(yield* from.place.read("run-1")))
    }).pipe(Effect.scoped))
})
