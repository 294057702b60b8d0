/**
 * What a person decides about a `once` step whose outcome is unknown: that it took effect and what it gave, that it
 * did not, or that it shall run again.
 */
import { Clock, Effect } from "effect"
import { Codec } from "./Codec.ts"
import { ArtifactStore } from "./ArtifactStore.ts"
import { Environment } from "./Environment.ts"
import { Hasher } from "./Hasher.ts"
import { History } from "./internal/History.ts"
import { Objects } from "./internal/Objects.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import type { RunRecord, StepRecord } from "./RunRecord.ts"
import { RunStore } from "./RunStore.ts"
import { InvalidInput, type RunIsActive, RunNotFound, type StoreError, type UnsavableValue } from "./UniflowError.ts"

/** `output`: it took effect and gave this. `failed`: it did not take effect; resuming runs it with the same idempotency key. `rerun`: run it again, with a new key. */
export type Resolution = { readonly output: unknown } | { readonly failed: true } | { readonly rerun: true }

/** The outcome of a step that needs no decision; undefined where a person stated it, or the run may have stopped because it would change. */
const outcomeOf = (run: RunRecord, { reasons, status }: StepRecord): StepRecord["status"] | undefined =>
  reasons.some(({ component }) => component === "resolved") || (status === "completed" && run.status !== "completed") ? undefined : status

/** Records a decision about a step (by its address); the run resumes from there. */
export const resolve = Effect.fnUntraced(function*(
  runId: string,
  address: string,
  resolution: Resolution
): Effect.fn.Return<void, RunNotFound | RunIsActive | InvalidInput | UnsavableValue | StoreError, RunStore | ArtifactStore | Codec> {
  const store = yield* RunStore
  const identity = yield* ProcessIdentity
  const environment = yield* Environment
  const objects = new Objects(store, yield* ArtifactStore, yield* Codec, yield* Hasher)
  const run = yield* store.run(runId)
  if (run === undefined) return yield* new RunNotFound({ runId })
  const history = new History(yield* store.steps(runId))
  const left = (yield* store.active(runId)).find((active) => active.address === address && active.once)
  const newest = history.of(address).at(-1)
  if (left === undefined && newest === undefined) {
    return yield* new InvalidInput({ what: `Step "${address}" of run "${runId}"`, issue: "there is nothing to decide: no once step of this name was begun" })
  }
  const now = yield* Clock.currentTimeMillis
  const kind = "output" in resolution ? "output" : "failed" in resolution ? "failed" : "rerun"
  const known = left !== undefined || newest === undefined || kind === "rerun" || run.holder !== null ? undefined : outcomeOf(run, newest)
  if (known !== undefined) {
    return yield* new InvalidInput({
      what: `Step "${address}" of run "${runId}"`,
      issue: known === "completed"
        ? "there is nothing to decide: it is completed. To run it again: --rerun where it is a once step, else run or resume with --rerun <step>"
        : "there is nothing to decide: it failed and is executed again when you resume the run"
    })
  }
  const saved = "output" in resolution
    ? yield* Effect.flatMap(objects.encode(`Output of step "${address}"`, resolution.output, undefined), (encoded) => objects.keep(encoded))
    : undefined
  yield* Effect.scoped(Effect.gen(function*() {
    const claim = yield* store.claim({
      runId,
      create: undefined,
      onlyNew: false,
      holder: { ...identity.self, sinceMs: now },
      environment: yield* environment.capture,
      leaseMs: 15_000,
      startedAtMs: now
    })
    yield* store.commit({ runId, token: claim.token }, [
      ...(saved?.changes ?? []),
      {
        _tag: "StepRecorded",
        record: {
          runId,
          seq: history.lastSeq + 1,
          address,
          step: left?.step ?? newest!.step,
          attempt: claim.attempt,
          decision: "executed",
          reasons: [{ component: "resolved", new: kind, note: "decided by a person" }],
          status: saved === undefined ? "failed" : "completed",
          generation: history.next(address),
          fingerprint: "",
          components: null,
          seed: null,
          output: saved?.ref ?? null,
          trusted: false,
          cacheable: false,
          source: null,
          retries: 0,
          startedAtMs: now,
          durationMs: 0,
          error: saved === undefined ? { name: "Resolved", message: kind === "rerun" ? "to be run again" : "it did not take effect" } : null
        }
      },
      { _tag: "AttemptEnded", attempt: claim.attempt, status: "interrupted", endedAtMs: now, error: null, failedStep: null }
    ])
  }))
})
