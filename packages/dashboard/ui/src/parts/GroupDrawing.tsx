/** A metric in one group, drawn: each run a faint dot, the mean with its interval, and a line where the baseline's mean is. */
import type { GroupComparisonJson } from "../api.ts"
import { figureOf } from "./figures.ts"

type Metric = GroupComparisonJson["metrics"][number]

const WIDTH = 200
const HEIGHT = 24
const MIDDLE = HEIGHT / 2

/** From the values of a metric to the width of its drawings, the same for all groups; undefined where nothing can be drawn. */
const scaleOf = ({ groups }: Metric): ((value: number) => number) | undefined => {
  const all = groups.flatMap(({ interval, values }) => [...values.map(figureOf), figureOf(interval?.low), figureOf(interval?.high)]).filter((value) => value !== undefined && Number.isFinite(value)) as ReadonlyArray<number>
  const low = all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const high = all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (!Number.isFinite(high - low)) return undefined
  return (value) => (high === low ? WIDTH / 2 : 6 + ((value - low) / (high - low)) * (WIDTH - 12))
}

export const GroupDrawing = ({ at, metric }: { readonly metric: Metric; readonly at: number }) => {
  const x = scaleOf(metric)
  const group = metric.groups[at]
  const base = metric.groups[0]
  if (x === undefined || group === undefined || Number(group.n) === 0) return null
  const { interval } = group
  return (
    <svg aria-hidden="true" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="block">
      {base === undefined || Number(base.n) === 0 ? null : <line x1={x(Number(base.mean))} x2={x(Number(base.mean))} y1={0} y2={HEIGHT} className="stroke-line" strokeDasharray={at === 0 ? undefined : "3 3"} strokeWidth={1.5} />}
      {group.values.map((value, index) => {
        const figure = figureOf(value)
        return figure === undefined || !Number.isFinite(figure) ? null : <circle key={index} cx={x(figure)} cy={MIDDLE} r={3} className="fill-soft" fillOpacity={0.5} />
      })}
      {interval === undefined || interval === null ? null : <line x1={x(Number(interval.low))} x2={x(Number(interval.high))} y1={MIDDLE} y2={MIDDLE} className="stroke-accent" strokeWidth={2} />}
      <circle cx={x(Number(group.mean))} cy={MIDDLE} r={4.5} className="fill-accent" />
    </svg>
  )
}
