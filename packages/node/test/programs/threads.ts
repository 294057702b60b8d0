// Holds a run of the store in its first argument on one thread, then opens and closes the store on another, records a
// step when it is told to, and says how each went.
import { createInterface } from "node:readline"
import { once } from "node:events"
import { isMainThread, Worker, workerData } from "node:worker_threads"
import { type Change, ProcessIdentity, RunStore, type StepRecord } from "@uniflow/core"
import { Effect, Exit, Layer, Scope } from "effect"
import * as NodeProcessIdentity from "../../src/NodeProcessIdentity.ts"
import * as SqliteRunStore from "../../src/SqliteRunStore.ts"

const filename: string = isMainThread ? process.argv[2]! : workerData
const scope = Effect.runSync(Scope.make())
const open = () => Effect.runPromise(Layer.buildWithScope(Layer.mergeAll(SqliteRunStore.layer({ filename }), NodeProcessIdentity.layer), scope))

const step = (runId: string, seq: number): Change => {
  const record: StepRecord = {
    runId, seq, address: `step${seq}`, step: `step${seq}`, attempt: 1, decision: "executed", reasons: [], status: "completed", generation: 1,
    fingerprint: "", components: null, seed: null, output: null, trusted: false, cacheable: false, source: null, retries: 0,
    startedAtMs: 1, durationMs: 1, error: null
  }
  return { _tag: "StepRecorded", record }
}

if (isMainThread) {
  const services = await open()
  const held = await Effect.runPromise(Effect.gen(function*() {
    const store = yield* RunStore
    const { self } = yield* ProcessIdentity
    const { token } = yield* Scope.provide(store.claim({
      runId: "run",
      create: { id: "run", pipeline: "p", experiment: "p", params: {}, seed: 1, parent: null, tags: {}, goals: {}, createdAtMs: 1 },
      onlyNew: true,
      holder: { ...self, sinceMs: 1 },
      environment: { runtime: "node", platform: "test", host: "test", pid: process.pid, argv: [], packages: {} },
      leaseMs: 30_000,
      startedAtMs: 1
    }), scope)
    yield* store.commit({ runId: "run", token }, [step("run", 1)])
    return { store, token }
  }).pipe(Effect.provideContext(services)))
  // Another thread of this process looks at the store, and goes.
  await once(new Worker(new URL(import.meta.url), { workerData: filename, execArgv: process.execArgv }), "exit")
  console.log("held")
  let seq = 1
  for await (const _ of createInterface({ input: process.stdin })) {
    await Effect.runPromise(held.store.commit({ runId: "run", token: held.token }, [step("run", ++seq)]))
    console.log("recorded")
  }
} else {
  const services = await open()
  await Effect.runPromise(Effect.flatMap(RunStore, (store) => store.runs({ limit: 1 })).pipe(Effect.provideContext(services)))
  await Effect.runPromise(Scope.close(scope, Exit.void))
}
