import { Effect } from "effect"
import type { CheckpointRecord } from "../RunRecord.ts"
import type { Change, RunStoreService } from "../RunStore.ts"
import type { StoreError } from "../UniflowError.ts"
import { copyCheckpoints, copyTracked, isOf } from "./copyFrom.ts"
import { History } from "./History.ts"
import type { RunSession } from "./RunSession.ts"

/** The run that a run was forked from: what its steps came to, and the checkpoints they saved. */
export class Parent {
  readonly runId: string
  /** Steps that do not take anything over, because the fork was asked to begin at one of those before them. */
  readonly without: ReadonlySet<string>
  private readonly store: RunStoreService
  private known: History | undefined

  constructor(store: RunStoreService, runId: string, without: ReadonlySet<string>) {
    this.store = store
    this.runId = runId
    this.without = without
  }

  /** Its outcomes; none where it was deleted. Read when the first step asks. */
  get history(): Effect.Effect<History, StoreError> {
    return this.known !== undefined
      ? Effect.succeed(this.known)
      : Effect.map(this.store.steps(this.runId), (records) => this.known = new History(records))
  }

  /**
   * Takes over what an execution of the same step saved in the parent under this fingerprint, as if it had been saved
   * here by an execution that was interrupted: manual checkpoints, with the points and artifacts that belong to them.
   * True when there was something; what this run has of its own comes first.
   */
  adoptCheckpoints(session: RunSession, address: string, fingerprint: string): Effect.Effect<boolean, StoreError> {
    return Effect.gen({ self: this }, function*() {
      const { store } = this
      const answers = (record: CheckpointRecord): boolean => record.fingerprint === fingerprint
      const all = (yield* store.checkpoints(this.runId, address)).filter(answers)
      if (all.length === 0 || (yield* store.checkpoints(session.runId, address)).some(answers)) return false
      const run = yield* store.run(this.runId)
      // Random numbers of another seed do not go on in this one.
      const saved = all.filter(({ position }) => position.random === null || run?.seed === session.seed)
      const newest = saved.at(-1)
      if (newest === undefined) return false
      const generation = session.history.next(address)
      const changes: Array<Change> = [{ _tag: "GenerationCleared", address, generation }]
      const isOfIt = isOf(newest)
      const series = (yield* store.series(this.runId)).filter(isOfIt)
      const artifacts = (yield* store.artifacts(this.runId)).filter((one) => isOfIt(one) && one.createdAtMs <= newest.savedAtMs)
      yield* copyTracked(session, series, artifacts, address, generation, changes)
      // Those of an earlier generation are such from which the newest went on: its points begin with theirs.
      const lineage = saved.filter((one) => one.generation === newest.generation || newest.position.versions[one.name]! >= one.version)
      const checkpoints = yield* copyCheckpoints(session, lineage, address, generation)
      // Removed while it was read, it may have been read in part.
      if ((yield* store.run(this.runId)) === undefined) return false
      yield* session.submit([...changes, ...checkpoints])
      return true
    })
  }
}
