/** A group comparison as CSV: a line for each metric and group, values in full. */
import { renderCsv } from "../Csv.ts"
import type { GroupComparisonData } from "../GroupComparison.ts"

/** Renders a group comparison as CSV. */
export const renderGroupsCsv = ({ groups, metrics }: GroupComparisonData): string =>
  renderCsv([
    [
      "metric", "figure", "goal", "group", "n", "missing", "not_finite", "mean", "sd", "low", "high", "min", "max",
      "difference", "percent", "difference_low", "difference_high", "p", "adjusted_p", "verdict", "because", "repeats_needed"
    ],
    ...metrics.flatMap(({ figure, goal, groups: own, name }) =>
      own.map(({ against, interval, max, mean, min, missing, n, notFinite, sd }, at) => [
        name, figure, goal, groups[at]?.name, n, missing, notFinite, ...n === 0 ? [undefined] : [mean], sd, interval?.low, interval?.high, ...n === 0 ? [undefined, undefined] : [min, max],
        against?.difference, against?.percent, against?.interval?.low, against?.interval?.high,
        against?.judgement?.p, against?.judgement?.adjustedP, against?.judgement?.verdict, against?.judgement?.because, against?.judgement?.repeatsNeeded
      ])
    )
  ])
