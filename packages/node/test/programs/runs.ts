// A process that works on runs of the store in its first argument, as it is told line by line, and answers each line.
import { createInterface } from "node:readline"
import { type Change, ProcessIdentity, RunStore, type StepRecord } from "@uniflow/core"
import { Effect, Exit, Layer, Scope } from "effect"
import * as NodeProcessIdentity from "../../src/NodeProcessIdentity.ts"
import * as SqliteRunStore from "../../src/SqliteRunStore.ts"

/** What a line asks for; the answer is what it says, or the tag or reason of the error. */
export type Order =
  /** Claims a run, made where it is not there: `{ token, attempt }`. */
  | { readonly do: "claim"; readonly runId: string; readonly leaseMs: number }
  /** Records steps `from` to `to` of the run that was claimed last, one commit each, `together` of them at a time. */
  | { readonly do: "commit"; readonly from: number; readonly to: number; readonly together: number }
  /** Does nothing else for a time, the event loop included. */
  | { readonly do: "spin"; readonly ms: number }
  /** Gives back all runs that were claimed. */
  | { readonly do: "release" }

const [filename] = process.argv.slice(2)
if (filename === undefined) throw new Error("which database?")

const scope = Effect.runSync(Scope.make())
const services = await Effect.runPromise(
  Layer.buildWithScope(Layer.mergeAll(SqliteRunStore.layer({ filename }), NodeProcessIdentity.layer), scope)
)

let claims = Effect.runSync(Scope.make())
let held: { readonly runId: string; readonly token: number } | undefined

const record = (runId: string, seq: number): ReadonlyArray<Change> => {
  const digest = `${runId}:${seq}`.padEnd(64, "0")
  const step: StepRecord = {
    runId, seq, address: `step${seq}`, step: `step${seq}`, attempt: 1, decision: "executed", reasons: [{ component: "first" }],
    status: "completed", generation: 1, fingerprint: digest, components: null, seed: null,
    output: { digest, sizeBytes: 200, codec: "json", mediaType: "application/json" }, trusted: false, cacheable: false, source: null,
    retries: 0, startedAtMs: Date.now(), durationMs: 0.5, error: null
  }
  return [{ _tag: "BlobKept", digest, bytes: new Uint8Array(200).fill(seq) }, { _tag: "StepRecorded", record: step }]
}

const perform = (order: Order) =>
  Effect.gen(function*() {
    const store = yield* RunStore
    switch (order.do) {
      case "claim": {
        const { leaseMs, runId } = order
        const { self } = yield* ProcessIdentity
        const claim = yield* Scope.provide(
          store.claim({
            runId,
            create: { id: runId, pipeline: "p", experiment: "p", params: {}, seed: 1, parent: null, tags: {}, goals: {}, createdAtMs: Date.now() },
            onlyNew: false,
            holder: { ...self, sinceMs: Date.now() },
            environment: { runtime: "node", platform: "test", host: "test", pid: process.pid, argv: [], packages: {} },
            leaseMs,
            startedAtMs: Date.now()
          }),
          claims
        )
        held = { runId, token: claim.token }
        return { token: claim.token, attempt: claim.attempt }
      }
      case "commit": {
        if (held === undefined) return yield* Effect.die("nothing is held")
        const { runId, token } = held
        const seqs = Array.from({ length: order.to - order.from + 1 }, (_, n) => order.from + n)
        yield* Effect.forEach(seqs, (seq) => store.commit({ runId, token }, record(runId, seq)), { concurrency: order.together, discard: true })
        return "done"
      }
      case "spin": {
        const until = performance.now() + order.ms
        while (performance.now() < until);
        return "done"
      }
      case "release": {
        yield* Scope.close(claims, Exit.void)
        claims = yield* Scope.make()
        return "done"
      }
    }
  }).pipe(
    Effect.catch((error) => Effect.succeed({ error: error._tag === "StoreError" ? error.reason : error._tag, message: error.message })),
    Effect.provideContext(services)
  )

console.log("ready")
for await (const line of createInterface({ input: process.stdin })) {
  const order: Order = JSON.parse(line)
  console.log(JSON.stringify(await Effect.runPromise(perform(order))))
}
await Effect.runPromise(Scope.close(claims, Exit.void))
await Effect.runPromise(Scope.close(scope, Exit.void))
