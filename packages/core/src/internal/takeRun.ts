import { Effect, type Scope } from "effect"
import type { AttemptEnvironment } from "../Environment.ts"
import type * as Pipeline from "../Pipeline.ts"
import { CRASH_LIMIT, LEASE_MS, type RunOptions } from "../Runner.ts"
import type { RunStatus } from "../RunRecord.ts"
import type { Claim } from "../RunStore.ts"
import { CrashLoop, RunParamsChanged, type RunError, type StoreError } from "../UniflowError.ts"
import * as params from "./params.ts"
import type { PreparedRun } from "./PreparedRun.ts"
import type { RunnerServices } from "./RunnerServices.ts"
import { storedError } from "./storedError.ts"

/** Which run a fork is made from, and the step from which on nothing is taken over. */
export interface Fork {
  readonly parent: string
  readonly from: string | undefined
}

/** The tag under which a fork's `from` is kept. */
const FROM = "fork.from"

/** What taking a run is asked with. */
export interface Taking {
  readonly prepared: PreparedRun
  readonly options: RunOptions
  readonly experiment: string
  readonly fork: Fork | undefined
  readonly surroundings: AttemptEnvironment
  readonly redact: (text: string) => string
  readonly now: () => number
}

/** Takes the run, or makes it, until the scope closes; gives it back where it is not one that may be gone on with. */
export const takeRun = Effect.fnUntraced(function*(
  { hasher, identity, store }: RunnerServices,
  pipeline: Pipeline.Any,
  { experiment, fork, now, options, prepared, redact, surroundings }: Taking
): Effect.fn.Return<Claim, RunError, Scope.Scope> {
  const { runId } = prepared
  const begun = now()
  const claim = yield* store.claim({
    runId,
    create: {
      id: runId,
      pipeline: pipeline.name,
      experiment,
      params: prepared.params.recorded,
      seed: prepared.seed,
      parent: fork?.parent ?? null,
      tags: fork?.from === undefined ? options.tags ?? {} : { ...options.tags, [FROM]: fork.from },
      goals: pipeline.goals,
      createdAtMs: begun
    },
    onlyNew: prepared.before === undefined && options.runId === undefined,
    holder: { ...identity.self, sinceMs: begun },
    environment: surroundings,
    leaseMs: LEASE_MS,
    startedAtMs: begun
  })
  const { before } = claim
  if (before === undefined) return claim
  const giveBack = (status: ReturnType<typeof endedStatus>, error: typeof before.error, failedStep: string | null): Effect.Effect<void, StoreError> =>
    store.commit({ runId, token: claim.token }, [{ _tag: "AttemptEnded", attempt: claim.attempt, status, endedAtMs: now(), error, failedStep }])
  if (prepared.before === undefined) {
    // Made by another process since we looked.
    const changed = yield* params.changes(pipeline, runId, before.params, prepared.params.recorded, hasher, prepared.secretKey)
    if (changed !== undefined || before.pipeline !== pipeline.name || before.seed !== prepared.seed) {
      yield* giveBack(endedStatus(before.status), before.error, before.failedStep)
      return yield* changed ?? new RunParamsChanged({ runId, pipeline: pipeline.name, changes: [], otherPipeline: before.pipeline })
    }
  }
  const crashes = before.crashes + (before.status === "running" && before.holder !== null ? 1 : 0)
  if (options.automatic === true && crashes >= CRASH_LIMIT) {
    const error = new CrashLoop({ runId, attempts: crashes })
    yield* giveBack("crashed", storedError(error, redact), null)
    return yield* error
  }
  return claim
})

const endedStatus = (status: RunStatus): Exclude<RunStatus, "pending" | "running"> =>
  status === "pending" || status === "running" ? "interrupted" : status

/** The fork that a run is: a fork that is resumed goes on as one. */
export const forkedFrom = ({ before }: Claim, fork: Fork | undefined): Fork | undefined =>
  before === undefined ? fork : before.parent === null ? undefined : { parent: before.parent, from: before.tags[FROM] }
