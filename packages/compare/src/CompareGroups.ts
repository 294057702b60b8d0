/**
 * Comparing groups of runs that a store keeps: given as lists, or found and parted by what they have.
 */
import { Filter, FindRuns, InvalidInput, type Pipeline, Retention, type RunNotFound, type RunSnapshot, type RunStore, snapshot, type StoreError } from "@uniflow/core"
import { Effect } from "effect"
import { type BaselineFile, baselineGroup } from "./BaselineFile.ts"
import { compareMeasured, type GroupComparison, type GroupComparisonOptions, type LeftOut } from "./GroupComparison.ts"
import { isEqual, newestAttempt } from "./internal/comparing.ts"
import { measureGroups, type SnapshotGroup } from "./RunGroup.ts"

/** What runs can be parted or paired by: a param, a tag, or a field of the run such as `run.seed` or `run.git.commit`. */
export type GroupField<P extends Pipeline.Any = Pipeline.Any> = Exclude<FindRuns.FieldText<P>, `metrics.${string}`>

interface CommonOptions<P extends Pipeline.Any> extends Pick<GroupComparisonOptions, "metrics" | "also" | "confidence"> {
  /** Name of the group that the others are compared with. Default: the one with the pinned baseline run, else the first. */
  readonly baseline?: string | undefined
  /** Compares runs in pairs that have the same value of this field, such as `run.seed`. Default: unpaired. */
  readonly pairBy?: GroupField<P> | undefined
}

/** Runs to be found, and what parts them into groups. */
export interface GroupedRuns<P extends Pipeline.Any = Pipeline.Any> extends Pick<FindRuns.FindOptions<P>, "pipeline" | "experiment" | "where">, CommonOptions<P> {
  /** Runs with the same value of this field (or of each of several) are repeats of one another. */
  readonly groupBy: GroupField<P> | ReadonlyArray<GroupField<P>>
  /** Only runs with these ids, instead of those that `pipeline`, `experiment` and `where` find. */
  readonly runs?: ReadonlyArray<string> | undefined
  readonly groups?: undefined
}

/** Groups that are lists of run ids. */
export interface ListedRuns<P extends Pipeline.Any = Pipeline.Any> extends CommonOptions<P> {
  readonly groups: ReadonlyArray<{ readonly name: string; readonly runs: ReadonlyArray<string> }>
  readonly groupBy?: undefined
}

export type GroupOptions<P extends Pipeline.Any = Pipeline.Any> = GroupedRuns<P> | ListedRuns<P>

/** Runs that are compared with a baseline file. */
export interface AgainstOptions extends Pick<GroupComparisonOptions, "metrics" | "also" | "confidence"> {
  readonly baseline: BaselineFile
  /** Ids of the runs; those that are not completed are left out. */
  readonly runs: ReadonlyArray<string>
  /** Compares runs in pairs of the same seed. Default: unpaired. */
  readonly pairBy?: "run.seed" | undefined
}

/** More runs, or groups, are not read into one comparison. */
const MOST_RUNS = 10_000
const MOST_GROUPS = 100

const wrong = (issue: string): InvalidInput => new InvalidInput({ what: "compareGroups", issue })

/** The value of a field in a run, as its record has it; undefined where it has none. */
const valueOf = (one: RunSnapshot, field: Filter.Field): unknown =>
  FindRuns.valueOf({ run: one.run, git: newestAttempt(one)?.environment.git, metrics: [], sortKey: { values: [], id: one.run.id } }, field) ?? undefined

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

const rankOf = (value: unknown): number => (typeof value === "number" ? 0 : typeof value === "string" ? 1 : 2)

/** Numbers by size, before texts, before everything else. */
const byValue = (a: unknown, b: unknown): number => {
  if (typeof a === "number" && typeof b === "number") return a - b
  const ranks = rankOf(a) - rankOf(b)
  return ranks !== 0 ? ranks : textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0
}

const fieldsOf = (text: string | ReadonlyArray<string>): ReadonlyArray<Filter.Field> => {
  const fields = typeof text === "string" ? Filter.parseFields(text) : text.map(Filter.parseField)
  if (fields.length === 0) throw wrong("groupBy names no field; give one, such as params.learningRate.")
  for (const field of fields) if (field._tag === "Metric") throw wrong(`runs cannot be parted by ${Filter.fieldText(field)}: it is what is compared. Give a param, a tag or a field of the run.`)
  return fields
}

interface Parted {
  readonly groups: ReadonlyArray<SnapshotGroup>
  readonly leftOut: ReadonlyArray<LeftOut>
}

const part = (snapshots: ReadonlyArray<RunSnapshot>, fields: ReadonlyArray<Filter.Field>): Parted => {
  const groups: Array<{ readonly values: ReadonlyArray<unknown>; readonly snapshots: Array<RunSnapshot> }> = []
  const leftOut: Array<LeftOut> = []
  for (const one of snapshots) {
    const values = fields.map((field) => valueOf(one, field))
    const without = fields.find((_, at) => values[at] === undefined)
    if (without !== undefined) {
      leftOut.push({ id: one.run.id, because: `no ${Filter.fieldText(without)}` })
      continue
    }
    const group = groups.find((other) => isEqual(other.values, values))
    if (group !== undefined) group.snapshots.push(one)
    else if (groups.length === MOST_GROUPS) throw wrong(`the runs fall into more than ${MOST_GROUPS} groups by ${fields.map(Filter.fieldText).join(", ")}; narrow them with where, or group by something that repeats.`)
    else groups.push({ values, snapshots: [one] })
  }
  const order = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>): number => a.map((value, at) => byValue(value, b[at])).find((difference) => difference !== 0) ?? 0
  return { groups: groups.toSorted((a, b) => order(a.values, b.values)).map(({ snapshots: own, values }) => ({ name: values.map(textOf).join(", "), snapshots: own })), leftOut }
}

/** The groups with the baseline first. */
const baselineFirst = (groups: ReadonlyArray<SnapshotGroup>, baseline: string | undefined): ReadonlyArray<SnapshotGroup> => {
  const pinned = groups.filter(({ snapshots }) => snapshots.some(({ run }) => Object.hasOwn(run.tags, Retention.BASELINE_TAG)))
  const first = baseline === undefined ? (pinned.length === 1 ? pinned[0] : groups[0]) : groups.find(({ name }) => name === baseline)
  if (first === undefined) {
    if (baseline === undefined) return groups
    throw wrong(`there is no group "${baseline}" to be the baseline. The groups are: ${groups.map(({ name }) => name).join(", ")}.`)
  }
  return [first, ...groups.filter((group) => group !== first)]
}

const attempt = <A>(make: () => A): Effect.Effect<A, InvalidInput | Filter.InvalidFilter> =>
  Effect.try({ try: make, catch: (error) => error as InvalidInput | Filter.InvalidFilter })

const found = Effect.fnUntraced(function*({ experiment, pipeline, runs, where }: GroupedRuns) {
  if (runs !== undefined) return yield* Effect.forEach([...new Set(runs)], snapshot, { concurrency: 4 })
  const next = yield* FindRuns.pages({ experiment, pipeline, where, orderBy: "run.created", limit: MOST_RUNS + 1 })
  const ids: Array<string> = []
  while (true) {
    const page = yield* next
    if (page.length === 0) break
    ids.push(...page.map(({ run }) => run.id))
  }
  if (ids.length > MOST_RUNS) return yield* wrong(`more than ${MOST_RUNS} runs match; narrow them with where, pipeline or experiment.`)
  return yield* Effect.forEach(ids, snapshot, { concurrency: 4 })
})

const isCompleted = ({ run }: RunSnapshot): boolean => run.status === "completed"
const notCompleted = ({ run }: RunSnapshot): LeftOut => ({ id: run.id, because: run.status })

const listed = Effect.fnUntraced(function*(groups: ListedRuns["groups"]) {
  const names = new Set<string>()
  const seen = new Set<string>()
  for (const { name, runs } of groups) {
    if (names.has(name)) return yield* wrong(`two groups are called "${name}".`)
    names.add(name)
    for (const id of runs) {
      if (seen.has(id)) return yield* wrong(`run "${id}" stands in the groups twice; a run is one repeat of one group.`)
      seen.add(id)
    }
  }
  return yield* Effect.forEach(groups, ({ name, runs }) => Effect.map(Effect.forEach(runs, snapshot, { concurrency: 4 }), (snapshots): SnapshotGroup => ({ name, snapshots })))
})

/**
 * Compares groups of runs with the first one, or with the one that is called `baseline`: for each metric n, mean, standard deviation and an
 * interval, and for those with a goal whether the difference is more than chance. Runs that are not completed are left
 * out, and named in `leftOut`.
 *
 * Fails with `InvalidInput` for what cannot be compared, with `InvalidFilter` for a filter or field that cannot be understood, and with `RunNotFound`
 * for an id that the store does not have.
 */
export const compareGroups = Effect.fn("@uniflow/compare/compareGroups")(function*<P extends Pipeline.Any = Pipeline.Any>(
  given: GroupOptions<P>
): Effect.fn.Return<GroupComparison, InvalidInput | Filter.InvalidFilter | RunNotFound | StoreError, RunStore> {
  // The pipeline gives names and values their types, and nothing else.
  const options = given as GroupOptions
  const { also, baseline, confidence, metrics, pairBy } = options
  const fields = options.groupBy === undefined ? undefined : yield* attempt(() => fieldsOf(options.groupBy))
  const pairField = pairBy === undefined ? undefined : (yield* attempt(() => fieldsOf([pairBy])))[0]
  const all = options.groups === undefined ? [{ name: "", snapshots: yield* found(options) }] : yield* listed(options.groups)
  const parted = yield* attempt((): Parted => {
    const completed = all.map(({ name, snapshots }) => ({ name, snapshots: snapshots.filter(isCompleted) }))
    const leftOut = all.flatMap(({ snapshots }) => snapshots.filter((one) => !isCompleted(one)).map(notCompleted))
    if (fields === undefined) return { groups: completed, leftOut }
    const { groups, leftOut: without } = part(completed[0]!.snapshots, fields)
    if (groups.length < 2) {
      const count = completed[0]!.snapshots.length
      const by = fields.map(Filter.fieldText).join(", ")
      if (count === 0) throw wrong(`no completed run is like that${leftOut.length === 0 ? "" : ` (${leftOut.length} of another status)`}.`)
      if (groups[0] === undefined) throw wrong(`none of the completed runs that were found (${count}) has ${by}.`)
      throw wrong(`the completed runs that were found (${groups[0].snapshots.length}) are of one group by ${by} (${groups[0].name}); there is nothing to compare.`)
    }
    return { groups, leftOut: [...leftOut, ...without] }
  })
  return yield* attempt(() => {
    const groups = baselineFirst(parted.groups, baseline)
    const pipelines = new Set(groups.flatMap(({ snapshots }) => snapshots.map(({ run }) => run.pipeline)))
    const measured = measureGroups(groups, (one) => {
      const value = pairField === undefined ? undefined : valueOf(one, pairField)
      return value === undefined ? undefined : textOf(value)
    })
    return compareMeasured(measured, {
      subject: pipelines.size === 1 ? [...pipelines][0] : undefined,
      groupBy: fields?.map(Filter.fieldText).join(", "),
      pairBy: pairField === undefined ? undefined : Filter.fieldText(pairField),
      leftOut: parted.leftOut,
      metrics,
      also,
      confidence
    })
  })
})

/**
 * Compares runs with those of a baseline file, as one group against another: `baseline` against `current`. Fails with `InvalidInput` where no
 * run is completed, and with `RunNotFound`.
 */
export const compareAgainst = Effect.fn("@uniflow/compare/compareAgainst")(function*(
  { also, baseline, confidence, metrics, pairBy, runs }: AgainstOptions
): Effect.fn.Return<GroupComparison, InvalidInput | Filter.InvalidFilter | RunNotFound | StoreError, RunStore> {
  const all = yield* Effect.forEach([...new Set(runs)], snapshot, { concurrency: 4 })
  const snapshots = all.filter(isCompleted)
  const leftOut = all.filter((one) => !isCompleted(one)).map(notCompleted)
  return yield* attempt(() => {
    if (snapshots.length === 0) throw wrong(`no completed run to compare with the baseline${leftOut[0] === undefined ? "" : `: ${leftOut[0].id} is ${leftOut[0].because}`}.`)
    const current = measureGroups([{ name: "current", snapshots }], ({ run }) => String(run.seed))
    return compareMeasured([baselineGroup(baseline), ...current], { subject: baseline.pipeline ?? undefined, pairBy, leftOut, metrics, also, confidence })
  })
})
