/**
 * Runs that repeat one thing, and what they measured: what a group comparison is made from.
 *
 * Groups come from snapshots of runs (`measureGroups`), or from a baseline file, which has the figures alone.
 */
import type { RunSnapshot } from "@uniflow/core"
import type { Goal } from "./Change.ts"
import { compareMetrics } from "./internal/compareMetrics.ts"
import { describeRun } from "./internal/compareRecords.ts"

/** A metric of one run; see `MetricValue`. */
export interface MeasuredFigures {
  /** Undefined for items of a map, which have no order. */
  readonly last: number | undefined
  readonly min: number
  readonly max: number
  readonly mean: number
}

export interface MeasuredMetric {
  /** The key where one step alone has it, else `step.key`. */
  readonly name: string
  readonly step: string
  readonly key: string
  readonly goal: Goal | undefined
  /** Whether a map's items logged it. */
  readonly items: boolean
  /** One for each run of the group; undefined where a run has none. */
  readonly values: ReadonlyArray<MeasuredFigures | undefined>
}

export interface MeasuredRun {
  readonly id: string
  /** Time its attempts worked, in milliseconds; undefined where it is not known. */
  readonly durationMs: number | undefined
  /** What makes pairs of runs in different groups, such as the seed; undefined where nothing does. */
  readonly pair: string | undefined
}

export interface RunGroup {
  readonly name: string
  readonly runs: ReadonlyArray<MeasuredRun>
  readonly metrics: ReadonlyArray<MeasuredMetric>
}

/** A named list of snapshots. */
export interface SnapshotGroup {
  readonly name: string
  readonly snapshots: ReadonlyArray<RunSnapshot>
}

/** What the runs of groups measured, the metrics lined up by name over all groups. */
export const measureGroups = (groups: ReadonlyArray<SnapshotGroup>, pairOf: (snapshot: RunSnapshot) => string | undefined = () => undefined): ReadonlyArray<RunGroup> => {
  const metrics = compareMetrics(groups.flatMap(({ snapshots }) => snapshots))
  let at = 0
  return groups.map(({ name, snapshots }) => {
    const from = at
    at += snapshots.length
    return {
      name,
      runs: snapshots.map((snapshot) => {
        const { durationIsLowerBound, durationMs, id } = describeRun(snapshot)
        return { id, durationMs: durationIsLowerBound ? undefined : durationMs, pair: pairOf(snapshot) }
      }),
      metrics: metrics.map(({ figure, goal, key, name: metric, values }) => ({
        name: metric,
        step: values.find((value) => value !== undefined)?.step ?? "",
        key,
        goal,
        items: figure === "mean",
        values: values.slice(from, at).map((value) => (value === undefined ? undefined : { last: value.last, min: value.min, max: value.max, mean: value.mean }))
      }))
    }
  })
}
