/** Curves of several runs as one plot takes them: smoothed, on one axis. */
import uPlot from "uplot"
import type { Curve } from "../api.ts"

export interface CurveLook {
  /** Weight of what came before, from 0 to 0.99. */
  readonly smooth: number
  readonly log: boolean
}

/** Which series of the plot belong to a run. */
export interface CurveSeries {
  readonly run: string
  readonly part: "line" | "raw" | "min" | "max"
}

type Column = Array<number | null | undefined>

/** An exponential mean that is not pulled towards zero at the beginning; gaps stay gaps. */
export const smoothed = (values: ReadonlyArray<number | null>, weight: number): Array<number | null> => {
  let sum = 0
  let weights = 0
  return values.map((value) => {
    if (value === null) return null
    sum = sum * weight + value * (1 - weight)
    weights = weights * weight + (1 - weight)
    return sum / weights
  })
}

/** Columns for the plot, x first, and what each of the others is. */
export const plotData = (curves: ReadonlyArray<Curve>, { log, smooth }: CurveLook): { readonly data: uPlot.AlignedData; readonly series: ReadonlyArray<CurveSeries> } => {
  const series: Array<CurveSeries> = []
  // A logarithm has no place for what is not above zero.
  const shown = (values: ReadonlyArray<number | null>): Column => (log ? values.map((value) => (value !== null && value > 0 ? value : null)) : [...values])
  const tables = curves.filter(({ x }) => x.length > 0).map(({ max, min, run, x, y }): uPlot.AlignedData => {
    const parts: Array<readonly [CurveSeries["part"], Column]> = [["line", shown(smooth > 0 ? smoothed(y, smooth) : y)]]
    if (smooth > 0) parts.push(["raw", shown(y)])
    if (min !== null && max !== null) parts.push(["min", shown(min)], ["max", shown(max)])
    series.push(...parts.map(([part]) => ({ run, part })))
    return [[...x], ...parts.map(([, values]) => values)] as uPlot.AlignedData
  })
  return { data: tables.length === 0 ? [[]] : uPlot.join(tables), series }
}

/** The value of a column at a place, or where it was last known before it. */
export const valueAt = (column: ArrayLike<number | null | undefined>, at: number): number | undefined => {
  for (let i = at; i >= 0; i--) {
    const value = column[i]
    if (value !== undefined) return value ?? undefined
  }
  return undefined
}
