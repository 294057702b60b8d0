import type { Change } from "@uniflow/core"
import { Effect } from "effect"
import { expect } from "vitest"
import type { Promised } from "../Capability.ts"
import type { RunStorePlace } from "../RunStoreSuite.ts"
import {
  activeOf,
  artifactOf,
  checkpointOf,
  environment,
  everythingOf,
  logOf,
  pointsOf,
  processOf,
  recorded,
  runOf,
  stepOf,
  summaryOf,
  work
} from "./runStoreFixtures.ts"

const saved = (version: number, fields: Parameters<typeof checkpointOf>[2] = {}, keep = 2): Change => ({
  _tag: "CheckpointSaved",
  record: checkpointOf("run-1", version, fields),
  keep
})

export const changePromises = (promised: Promised<RunStorePlace>): void => {
  promised("StepRecorded appends: every record stays, in the order of seq, and readers may go on after one", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(recorded("run-1", 1, { status: "failed", error: { name: "E", message: "m" } }), recorded("run-1", 2, { generation: 2 }))
      yield* commit(recorded("run-1", 3, { address: "evaluate", step: "evaluate" }))
      const expected = [
        stepOf("run-1", 1, { status: "failed", error: { name: "E", message: "m" } }),
        stepOf("run-1", 2, { generation: 2 }),
        stepOf("run-1", 3, { address: "evaluate", step: "evaluate" })
      ]
      expect(yield* a.store.steps("run-1")).toStrictEqual(expected)
      expect(yield* a.store.steps("run-1", 1)).toStrictEqual(expected.slice(1))
      expect(yield* a.store.steps("run-1", 3)).toStrictEqual([])
    }))

  promised("steps that are recorded out of their order are read in it", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      for (const seq of [10, 2, 9, 1]) yield* commit(recorded("run-1", seq))
      expect((yield* a.store.steps("run-1")).map(({ seq }) => seq)).toStrictEqual([1, 2, 9, 10])
    }))

  promised("StepActive shows a step, the newest progress of each address, until it is recorded or taken back", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const halfway = activeOf("run-1", "train", { done: 5, total: 10, message: "epoch 5" })
      const load = activeOf("run-1", "load")
      const other = activeOf("run-1", "load[2]")
      yield* commit(
        { _tag: "StepActive", active: activeOf("run-1", "train") },
        { _tag: "StepActive", active: load },
        { _tag: "StepActive", active: other },
        { _tag: "StepActive", active: halfway }
      )
      expect((yield* everythingOf(a)).active).toStrictEqual([load, other, halfway])
      yield* commit(recorded("run-1", 1, { address: "train" }))
      expect((yield* everythingOf(a)).active).toStrictEqual([load, other])
      yield* commit({ _tag: "StepInactive", address: "load" }, { _tag: "StepInactive", address: "nothing" })
      expect((yield* everythingOf(a)).active).toStrictEqual([other])
    }))

  promised("CheckpointSaved keeps the newest versions of a name, as many as it says", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const elsewhere = [saved(1, { name: "optimizer", seq: 1 }), saved(1, { address: "train[2]" })]
      yield* commit(...elsewhere, saved(1), saved(2), saved(3))
      yield* commit(saved(4))
      const versions = (name: string, address: string) =>
        Effect.map(a.store.checkpoints("run-1", address), (all) => all.filter((one) => one.name === name).map(({ version }) => version))
      expect(yield* versions("model", "train")).toStrictEqual([3, 4])
      expect(yield* versions("optimizer", "train")).toStrictEqual([1])
      expect(yield* versions("model", "train[2]")).toStrictEqual([1])
      yield* commit(saved(5, {}, 3))
      expect(yield* versions("model", "train")).toStrictEqual([3, 4, 5])
      yield* commit(saved(6, {}, 1))
      expect(yield* versions("model", "train")).toStrictEqual([6])
    }))

  promised("CheckpointSaved after going back removes the versions that are newer, and replaces the same one", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(saved(1, {}, 5), saved(2, {}, 5), saved(3, {}, 5), saved(4, {}, 5))
      const again = checkpointOf("run-1", 2, { savedAtMs: 9_000, fingerprint: "f".repeat(64) })
      yield* commit({ _tag: "CheckpointSaved", record: again, keep: 5 })
      expect(yield* a.store.checkpoints("run-1", "train")).toStrictEqual([checkpointOf("run-1", 1), again])
    }))

  promised("checkpoints of an address are read in the order of saving", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(saved(1, { name: "b", seq: 1 }), saved(1, { name: "a", seq: 2 }), saved(2, { name: "b", seq: 10 }), saved(2, { name: "a", seq: 9 }))
      expect((yield* a.store.checkpoints("run-1", "train")).map(({ name, seq }) => [seq, name])).toStrictEqual([[1, "b"], [2, "a"], [9, "a"], [10, "b"]])
      expect(yield* a.store.checkpoints("run-1", "evaluate")).toStrictEqual([])
      expect(yield* a.store.checkpoints("run-1")).toHaveLength(4)
    }))

  promised("CheckpointRemoved removes a name's versions, or all of an address", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(saved(1), saved(2), saved(1, { name: "optimizer", seq: 3 }), saved(1, { address: "other" }))
      yield* commit({ _tag: "CheckpointRemoved", address: "train", name: "model" })
      expect((yield* everythingOf(a)).checkpoints.map(({ address, name }) => [address, name])).toStrictEqual([["other", "model"], ["train", "optimizer"]])
      yield* commit(saved(3), { _tag: "CheckpointRemoved", address: "train", name: undefined })
      expect((yield* everythingOf(a)).checkpoints.map(({ address }) => address)).toStrictEqual(["other"])
    }))

  promised("CheckpointsMoved points those up to a save count to another generation", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(
        saved(1, { seq: 1 }, 9),
        saved(2, { seq: 2 }, 9),
        saved(3, { seq: 3 }, 9),
        saved(1, { seq: 1, name: "other", generation: 5 }, 9),
        saved(1, { seq: 1, address: "other" }, 9)
      )
      yield* commit({ _tag: "CheckpointsMoved", address: "train", from: 1, to: 2, upToSeq: 2 })
      const moved = yield* a.store.checkpoints("run-1", "train")
      expect(moved.filter(({ name }) => name === "model").map(({ generation }) => generation)).toStrictEqual([2, 2, 1])
      expect(moved.filter(({ name }) => name === "other").map(({ generation }) => generation)).toStrictEqual([5])
      expect((yield* a.store.checkpoints("run-1", "other")).map(({ generation }) => generation)).toStrictEqual([1])
    }))

  promised("PointsWritten replaces chunks of the same position and the summary, and leaves the other chunks", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const loss = { runId: "run-1", address: "train", generation: 1, key: "loss" }
      yield* commit(pointsOf("loss", [0, 1, 2]), pointsOf("accuracy", [0]), pointsOf("loss", [0], { generation: 2 }))
      const written = (yield* runOf(a)).revision
      yield* commit(pointsOf("loss", [2, 3], { fill: 9 }))
      expect(yield* a.store.chunks(loss)).toEqual([
        { chunk: 0, count: 2, bytes: new Uint8Array([0, 1]) },
        { chunk: 1, count: 2, bytes: new Uint8Array([1, 1]) },
        { chunk: 2, count: 2, bytes: new Uint8Array([2, 9]) },
        { chunk: 3, count: 2, bytes: new Uint8Array([3, 9]) }
      ])
      expect((yield* a.store.chunks(loss, 2)).map(({ chunk }) => chunk)).toStrictEqual([2, 3])
      expect(yield* a.store.chunks({ ...loss, generation: 2 })).toHaveLength(1)
      expect(yield* a.store.chunks({ ...loss, key: "nothing" })).toStrictEqual([])
      const { revision } = yield* runOf(a)
      expect((yield* everythingOf(a)).series).toStrictEqual([
        { ...loss, key: "accuracy", summary: summaryOf(1), revision: written },
        { ...loss, summary: summaryOf(2), revision },
        { ...loss, generation: 2, summary: summaryOf(1), revision: written }
      ])
    }))

  promised("PointsWritten without chunks sets the summary alone", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(pointsOf("loss", [0, 1]))
      yield* commit({ _tag: "PointsWritten", series: { address: "train", generation: 1, key: "loss" }, chunks: [], summary: summaryOf(7) })
      const { chunks, series } = yield* everythingOf(a)
      expect(series.map(({ summary }) => summary)).toStrictEqual([summaryOf(7)])
      expect(chunks.map(({ length }) => length)).toStrictEqual([2])
    }))

  promised("chunks are the store's own: changing what was given, or what came back, changes nothing", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const points = pointsOf("loss", [0])
      yield* commit(points)
      if (points._tag === "PointsWritten") points.chunks[0]?.bytes.fill(9)
      const series = { runId: "run-1", address: "train", generation: 1, key: "loss" }
      const [chunk] = yield* a.store.chunks(series)
      chunk?.bytes.fill(9)
      expect(yield* a.store.chunks(series)).toEqual([{ chunk: 0, count: 2, bytes: new Uint8Array([0, 1]) }])
    }))

  promised("chunks are read in the order of their position, however many there are", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const positions = Array.from({ length: 30 }, (_, n) => n)
      yield* commit(pointsOf("loss", positions.toReversed()))
      const chunks = yield* a.store.chunks({ runId: "run-1", address: "train", generation: 1, key: "loss" })
      expect(chunks.map(({ chunk }) => chunk)).toStrictEqual(positions)
    }))

  promised("PointsCut removes chunks from a position on; from the beginning, the series", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const series = { address: "train", generation: 1, key: "loss" }
      yield* commit(pointsOf("loss", [0, 1, 2, 3]), pointsOf("accuracy", [0, 1, 2, 3]))
      const written = (yield* runOf(a)).revision
      yield* commit({ _tag: "PointsCut", series, fromChunk: 2 })
      expect((yield* everythingOf(a)).chunks.map(({ length }) => length)).toStrictEqual([4, 2])
      const left = (yield* everythingOf(a)).series
      expect(left.map(({ summary }) => summary)).toStrictEqual([summaryOf(4), summaryOf(4)])
      expect(left.map(({ key, revision }) => [key, revision])).toStrictEqual([["accuracy", written], ["loss", (yield* runOf(a)).revision]])
      yield* commit({ _tag: "PointsCut", series, fromChunk: 0 }, { _tag: "PointsCut", series: { ...series, key: "nothing" }, fromChunk: 1 })
      expect((yield* everythingOf(a)).series.map(({ key }) => key)).toStrictEqual(["accuracy"])
      expect(yield* a.store.chunks({ runId: "run-1", ...series })).toStrictEqual([])
      yield* commit(pointsOf("loss", [1]))
      expect((yield* a.store.chunks({ runId: "run-1", ...series })).map(({ chunk }) => chunk)).toStrictEqual([1])
    }))

  promised("cutting and rewriting in one commit happen in the order they are given", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit(pointsOf("loss", [0, 1, 2]))
      yield* commit({ _tag: "PointsCut", series: { address: "train", generation: 1, key: "loss" }, fromChunk: 1 }, pointsOf("loss", [1], { fill: 5 }))
      expect(yield* a.store.chunks({ runId: "run-1", address: "train", generation: 1, key: "loss" })).toEqual([
        { chunk: 0, count: 2, bytes: new Uint8Array([0, 1]) },
        { chunk: 1, count: 2, bytes: new Uint8Array([1, 5]) }
      ])
    }))

  promised("GenerationCleared removes the series and named artifacts of that generation alone", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const named = (name: string, fields: Parameters<typeof artifactOf>[2]): Change => ({ _tag: "ArtifactNamed", record: artifactOf("run-1", name, fields) })
      yield* commit(
        pointsOf("loss", [0, 1]),
        pointsOf("loss", [0], { generation: 2 }),
        pointsOf("accuracy", [0], { generation: 2 }),
        pointsOf("loss", [0], { generation: 2, address: "train[2]" }),
        named("a", { generation: 1 }),
        named("a", { generation: 2 }),
        named("b", { generation: 2 }),
        named("a", { generation: 2, address: "train[2]" }),
        saved(1, { generation: 2 }),
        recorded("run-1", 1, { generation: 2 })
      )
      yield* commit({ _tag: "GenerationCleared", address: "train", generation: 2 })
      const left = yield* everythingOf(a)
      expect(left.series.map(({ address, generation, key }) => [address, generation, key])).toStrictEqual([["train", 1, "loss"], ["train[2]", 2, "loss"]])
      expect(left.artifacts.map(({ address, generation, name }) => [address, generation, name])).toStrictEqual([["train", 1, "a"], ["train[2]", 2, "a"]])
      expect(yield* a.store.chunks({ runId: "run-1", address: "train", generation: 2, key: "loss" })).toStrictEqual([])
      expect(left.checkpoints).toHaveLength(1)
      expect(left.steps).toHaveLength(1)
    }))

  promised("ArtifactNamed replaces the same name of the same generation", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const second = artifactOf("run-1", "plot", { mediaType: "image/png", createdAtMs: 5_000 })
      const other = artifactOf("run-1", "plot", { generation: 2 })
      yield* commit({ _tag: "ArtifactNamed", record: artifactOf("run-1", "plot") }, { _tag: "ArtifactNamed", record: other })
      yield* commit({ _tag: "ArtifactNamed", record: second })
      expect((yield* everythingOf(a)).artifacts).toStrictEqual([second, other])
    }))

  promised("LogsAdded adds lines, read by pages, of one address or of all", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const lines = Array.from({ length: 25 }, (_, n) => logOf("run-1", n + 1, { address: n % 2 === 0 ? "train" : "load" }))
      yield* commit({ _tag: "LogsAdded", logs: lines.slice(0, 10) })
      yield* commit({ _tag: "LogsAdded", logs: lines.slice(10) }, { _tag: "LogsAdded", logs: [] })
      expect(yield* a.store.logs("run-1")).toStrictEqual(lines)
      expect(yield* a.store.logs("run-1", { limit: 4 })).toStrictEqual(lines.slice(0, 4))
      expect(yield* a.store.logs("run-1", { after: 4, limit: 4 })).toStrictEqual(lines.slice(4, 8))
      expect(yield* a.store.logs("run-1", { after: 25 })).toStrictEqual([])
      const loads = lines.filter(({ address }) => address === "load")
      expect(yield* a.store.logs("run-1", { address: "load", after: 4, limit: 3 })).toStrictEqual(loads.slice(2, 5))
    }))

  promised("at most 1,000 lines are read where no limit is given", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      yield* commit({ _tag: "LogsAdded", logs: Array.from({ length: 1_001 }, (_, n) => logOf("run-1", n + 1)) })
      expect(yield* a.store.logs("run-1")).toHaveLength(1_000)
      expect(yield* a.store.logs("run-1", { after: 1_000 })).toHaveLength(1)
      expect(yield* a.store.logs("run-1", { limit: 2_000 })).toHaveLength(1_001)
    }))

  for (const status of ["completed", "failed", "interrupted", "crashed"] as const) {
    promised(`AttemptEnded as ${status} ends the attempt and the run, releases it, and leaves what runs only once, and what was interrupted`, (place) =>
      Effect.gen(function*() {
        const a = yield* processOf(place)
        const { commit, end, claim } = yield* work(a)
        const pay = activeOf("run-1", "pay", { once: true })
        const train = activeOf("run-1", "train")
        yield* commit({ _tag: "StepActive", active: train }, { _tag: "StepActive", active: pay })
        const before = yield* runOf(a)
        const error = status === "failed" ? { name: "Error", message: "no", stack: "at", cause: { name: "E", message: "" } } : null
        const failedStep = status === "failed" ? "train" : null
        yield* end({ status, endedAtMs: 7_000, error, failedStep })
        const run = yield* runOf(a)
        expect(run).toStrictEqual({
          ...before,
          status,
          error,
          failedStep,
          endedAtMs: 7_000,
          holder: null,
          revision: run.revision,
          heartbeat: run.heartbeat,
          heartbeatMonotonicMs: run.heartbeatMonotonicMs
        })
        expect(run.revision).toBeGreaterThan(before.revision)
        expect(yield* a.store.attempts("run-1")).toStrictEqual([
          { runId: "run-1", attempt: claim.attempt, status, startedAtMs: 1_000, endedAtMs: 7_000, environment, error }
        ])
        expect(yield* a.store.active("run-1")).toStrictEqual(expect.arrayContaining(status === "interrupted" ? [pay, train] : [pay]))
        expect(yield* a.store.active("run-1")).toHaveLength(status === "interrupted" ? 2 : 1)
      }))
  }

  promised("AttemptEnded leaves earlier attempts as they ended", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const error = { name: "Error", message: "no" }
      yield* (yield* work(a)).end({ status: "failed", error, endedAtMs: 3_000 })
      yield* (yield* work(a)).end({ status: "completed", endedAtMs: 4_000 })
      expect((yield* a.store.attempts("run-1")).map(({ endedAtMs, error, status }) => [status, endedAtMs, error])).toStrictEqual([
        ["failed", 3_000, error],
        ["completed", 4_000, null]
      ])
    }))

  promised("the changes of one commit are made in their order", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const active = activeOf("run-1", "train")
      yield* commit(
        recorded("run-1", 1, { status: "failed" }),
        { _tag: "StepActive", active },
        saved(1),
        { _tag: "CheckpointRemoved", address: "train", name: undefined },
        saved(2)
      )
      expect(yield* a.store.active("run-1")).toStrictEqual([active])
      expect((yield* a.store.checkpoints("run-1")).map(({ version }) => version)).toStrictEqual([2])
    }))

  promised("a commit of thousands of changes is one commit", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const { commit } = yield* work(a)
      const { revision } = yield* runOf(a)
      yield* commit(...Array.from({ length: 3_000 }, (_, n) => recorded("run-1", n + 1, { address: `embed[${n}]` })))
      expect(yield* a.store.steps("run-1")).toHaveLength(3_000)
      expect((yield* runOf(a)).revision).toBeGreaterThan(revision)
    }))

  promised("records of one run are not seen in another", (place) =>
    Effect.gen(function*() {
      const a = yield* processOf(place)
      const one = yield* work(a, "run-1")
      yield* work(a, "run-2")
      const nothing = yield* everythingOf(a, "run-2")
      yield* one.commit(recorded("run-1", 1), pointsOf("loss", [0]), saved(1), { _tag: "LogsAdded", logs: [logOf("run-1", 1)] })
      yield* one.commit({ _tag: "ArtifactNamed", record: artifactOf("run-1", "a") }, { _tag: "StepActive", active: activeOf("run-1", "load") })
      expect(yield* everythingOf(a, "run-2")).toStrictEqual(nothing)
    }))
}
