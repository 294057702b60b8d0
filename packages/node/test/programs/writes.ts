// A process that makes runs in a folder until it is killed. Each commit adds a step and a line of the log, so that a run read
// at one moment has as many of both.
import process from "node:process"
import { type Change, ProcessIdentity } from "@uniflow/core"
import { Effect } from "effect"
import { storeIn } from "../copying.ts"

const [directory] = process.argv.slice(2) as [string]

const program = Effect.gen(function*() {
  const { runs } = yield* storeIn(directory)
  const { self } = yield* ProcessIdentity
  process.stdout.write("begun\n")
  for (let n = 1;; n++) {
    const runId = `run-${process.pid}-${n}`
    yield* Effect.scoped(Effect.gen(function*() {
      const { token } = yield* runs.claim({
        runId,
        create: { id: runId, pipeline: "p", experiment: "p", params: {}, seed: 1, parent: null, tags: {}, goals: {}, createdAtMs: Date.now() },
        onlyNew: true,
        holder: { ...self, sinceMs: Date.now() },
        environment: { runtime: "node", platform: "test", host: "test", pid: process.pid, argv: [], packages: {} },
        leaseMs: 10_000,
        startedAtMs: Date.now()
      })
      for (let seq = 1; seq <= 30; seq++) {
        const changes: ReadonlyArray<Change> = [
          {
            _tag: "StepRecorded",
            record: {
              runId, seq, address: `s${seq}`, step: `s${seq}`, attempt: 1, decision: "executed", reasons: [], status: "completed", generation: 1, fingerprint: `${runId} ${seq}`,
              components: null, seed: null, output: null, trusted: false, cacheable: false, source: null, retries: 0, startedAtMs: 1, durationMs: 1, error: null
            }
          },
          { _tag: "LogsAdded", logs: [{ runId, seq, address: `s${seq}`, attempt: 1, atMs: 1, level: "info", message: "x" }] }
        ]
        yield* runs.commit({ runId, token }, changes)
        yield* Effect.sleep("1 millis")
      }
      yield* runs.commit({ runId, token }, [{ _tag: "AttemptEnded", attempt: 1, status: "completed", endedAtMs: 2, error: null, failedStep: null }])
    }))
  }
})

await Effect.runPromise(Effect.scoped(program) as Effect.Effect<void, unknown>)
