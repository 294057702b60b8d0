/**
 * Which runs are removed by themselves, and when: rules that an application gives when it opens UniFlow, or that
 * `uniflow prune` is given.
 *
 * A run stays when any rule keeps it. Never removed: a run that a process works on, one that a fork which is not
 * completed was made from, the baseline of its experiment, and whatever is tagged `keep`. Results that other runs took over
 * (`cache`) are whole there. Removing a run frees no bytes: `GarbageCollector` does.
 */
import { Clock, Duration, Effect } from "effect"
import * as Lease from "./Lease.ts"
import type { RunRecord } from "./RunRecord.ts"
import { type RunQuery, RunStore } from "./RunStore.ts"
import { InvalidInput, type StoreError } from "./UniflowError.ts"

/** What is kept; at least one of them. */
export interface Rules {
  /** The newest so many runs of each experiment are kept. */
  readonly keepLast?: number | undefined
  /** Only runs that ended longer ago are removed. */
  readonly olderThan?: Duration.Input | undefined
  /**
   * Runs that failed, crashed or were interrupted are removed when they ended longer ago than this, whatever the other
   * rules keep; they do not count for `keepLast` then. Without it they are runs like any other.
   */
  readonly failed?: Duration.Input | undefined
}

/** Any tag of this name keeps its run. */
export const KEEP_TAG = "keep"

/** The tag of an experiment's baseline. */
export const BASELINE_TAG = "uniflow.baseline"

/** A run that is removed, and why. */
export interface Removal {
  readonly id: string
  readonly experiment: string
  readonly status: RunRecord["status"]
  readonly endedAtMs: number
  readonly why: string
}

export interface PruneOptions {
  /** Only runs of this experiment. */
  readonly experiment?: string | undefined
  /** Tell which, and remove nothing. */
  readonly dryRun?: boolean | undefined
}

/** What was removed, or would be. Runs that somebody took or changed meanwhile are left for the next time. */
export interface Pruned {
  readonly removed: ReadonlyArray<Removal>
  readonly kept: number
}

const PAGE = 1000

const dayMs = 24 * 60 * 60 * 1000

/** Rules with times in milliseconds. */
interface CheckedRules {
  readonly keepLast: number | undefined
  readonly olderThanMs: number | undefined
  readonly failedMs: number | undefined
}

/** Reads rules. Fails with `InvalidInput` for what are none. */
export const check = Effect.fnUntraced(function*({ failed, keepLast, olderThan }: Rules): Effect.fn.Return<CheckedRules, InvalidInput> {
  const wrong = (issue: string) => new InvalidInput({ what: "The retention rules", issue })
  if (keepLast !== undefined && !(Number.isSafeInteger(keepLast) && keepLast >= 0)) return yield* wrong("keepLast must be a whole number from 0")
  const millis = Effect.fnUntraced(function*(name: string, value: Duration.Input | undefined) {
    if (value === undefined) return undefined
    const ms = yield* Effect.try({ try: () => Duration.toMillis(Duration.fromInputUnsafe(value)), catch: () => wrong(`${name} is no duration`) })
    return ms >= 0 ? ms : yield* wrong(`${name} is no duration`)
  })
  const rules = { keepLast, olderThanMs: yield* millis("olderThan", olderThan), failedMs: yield* millis("failed", failed) }
  if (keepLast === undefined && rules.olderThanMs === undefined && rules.failedMs === undefined) return yield* wrong("give at least one of keepLast, olderThan and failed")
  return rules
})

const isFailed = ({ status }: RunRecord): boolean => status === "failed" || status === "crashed" || status === "interrupted" || status === "running"

/** When a run was last worked on, as far as it is known. */
const endOf = ({ createdAtMs, endedAtMs, startedAtMs }: RunRecord): number => endedAtMs ?? Math.max(createdAtMs, startedAtMs)

const days = (ms: number): string => ms >= dayMs ? `${Math.floor(ms / dayMs)} d` : ms >= 3600_000 ? `${Math.floor(ms / 3600_000)} h` : `${Math.floor(ms / 60_000)} min`

interface Candidate extends Removal {
  readonly revision: number
}

/** The runs that the rules let go, newest first. */
const candidates = Effect.fnUntraced(function*(rules: CheckedRules, experiment: string | undefined): Effect.fn.Return<
  { readonly found: ReadonlyArray<Candidate>; readonly total: number }, StoreError, RunStore
> {
  const store = yield* RunStore
  const now = yield* Clock.currentTimeMillis
  const { failedMs, keepLast, olderThanMs } = rules
  const found: Array<Candidate> = []
  const parents = new Set<string>()
  const counts = new Map<string, number>()
  let total = 0
  let after: RunQuery["after"]
  while (true) {
    // All of them: the fork of a run may be in another experiment.
    const page = yield* store.runs({ limit: PAGE, after })
    for (const run of page) {
      if (run.parent !== null && run.status !== "completed") parents.add(run.parent)
      if (experiment !== undefined && run.experiment !== experiment) continue
      total++
      const endedAtMs = endOf(run)
      const ageMs = now - endedAtMs
      const { id, revision, status } = run
      const candidate = (why: string): Candidate => ({ id, experiment: run.experiment, status, endedAtMs, revision, why })
      const protectedRun = Object.hasOwn(run.tags, KEEP_TAG) || Object.hasOwn(run.tags, BASELINE_TAG)
        || (run.holder !== null && (yield* Lease.judge(run, run.holder)) !== "free")
      if (failedMs !== undefined && isFailed(run)) {
        if (!protectedRun && ageMs >= failedMs) found.push(candidate(`${status === "running" ? "its process died" : status} ${days(ageMs)} ago`))
        continue
      }
      if (keepLast === undefined && olderThanMs === undefined) continue
      const newer = counts.get(run.experiment) ?? 0
      counts.set(run.experiment, newer + 1)
      if (protectedRun || (keepLast !== undefined && newer < keepLast) || (olderThanMs !== undefined && ageMs < olderThanMs)) continue
      found.push(candidate([
        ...(keepLast === undefined ? [] : [`not among the newest ${keepLast} of its experiment`]),
        ...(olderThanMs === undefined ? [] : [`ended ${days(ageMs)} ago`])
      ].join(", ")))
    }
    after = page.at(-1)
    if (page.length < PAGE) break
  }
  return { found: found.filter(({ id }) => !parents.has(id)), total }
})

/** Removes the runs that the rules let go. Fails with `InvalidInput` for rules that are none. */
export const prune = Effect.fnUntraced(function*(rules: Rules, options: PruneOptions = {}): Effect.fn.Return<Pruned, InvalidInput | StoreError, RunStore> {
  const store = yield* RunStore
  const { found, total } = yield* candidates(yield* check(rules), options.experiment)
  const removed: Array<Removal> = []
  for (const { revision, ...removal } of found) {
    if (options.dryRun !== true) {
      // Tagged, resumed or taken since: it is not the run that was judged.
      if ((yield* store.run(removal.id))?.revision !== revision) continue
      const isRemoved = yield* Effect.catchIf(store.remove(removal.id), ({ reason }) => reason === "NotPermitted", () => Effect.succeed(false))
      if (!isRemoved) continue
    }
    removed.push(removal)
  }
  return { removed, kept: total - removed.length }
})
