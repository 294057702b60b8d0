/** An axis of runs: where each of them stands by one of its fields, a number, a time or one of some texts. */
import { formatDuration, formatNumber, formatTime, MISSING } from "@uniflow/compare"
import type { RunRow } from "../api.ts"
import { fieldLabel, formatValue, numberOf, valueOf } from "./fields.ts"

const MOST_TICKS = 5
const MOST_CATEGORIES_TICKED = 24
const DAY = 86_400_000
const timeSteps = [1e3, 2e3, 5e3, 15e3, 30e3, 6e4, 12e4, 3e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY]

export interface Axis {
  readonly field: string
  readonly label: string
  /** Whether numbers stand by their logarithm; those that are not above zero then have no place. */
  readonly log: boolean
  /** How many texts there are; undefined where it is an axis of numbers. */
  readonly categories: number | undefined
  /** From 0 to 1; undefined where the run has no place. */
  readonly at: (row: RunRow) => number | undefined
  readonly ticks: ReadonlyArray<{ readonly at: number; readonly label: string }>
  /** The value of the run, for reading. */
  readonly text: (row: RunRow) => string
  /** What stands at a place, for reading. */
  readonly textAt: (at: number) => string
  /** The filter that runs between two places meet. */
  readonly condition: (from: number, to: number) => string
}

const isTime = (field: string): boolean => field === "run.started" || field === "run.created"

const stepOf = (span: number, timed: boolean): number => {
  const least = span / MOST_TICKS
  if (timed && least > 1_000) return timeSteps.find((step) => step >= least) ?? timeSteps.at(-1)!
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= least)!
}

/** A time of day or a day in UTC, as fine as the ticks are apart. */
export const clock = (atMs: number, stepMs: number): string => {
  const text = formatTime(atMs)
  return stepMs >= DAY ? text.slice(5, 10) : stepMs >= 60_000 ? text.slice(11, 16) : text.slice(11)
}

const textIn = (row: RunRow, field: string): string | undefined => {
  const value = valueOf(row, field)
  return value === undefined || value === null ? undefined : formatValue(field, value)
}

const ofTexts = (rows: ReadonlyArray<RunRow>, field: string): Axis => {
  const texts = [...new Set(rows.flatMap((row) => textIn(row, field) ?? []))].toSorted((a, b) => a.localeCompare(b, undefined, { numeric: true }))
  const places = new Map(texts.map((text, n) => [text, (n + 0.5) / texts.length]))
  const each = Math.ceil(texts.length / MOST_CATEGORIES_TICKED)
  const within = (from: number, to: number): ReadonlyArray<string> => texts.filter((text) => places.get(text)! >= from && places.get(text)! <= to)
  return {
    field,
    label: fieldLabel(field),
    log: false,
    categories: texts.length,
    at: (row) => places.get(textIn(row, field) ?? ""),
    ticks: texts.flatMap((label, n) => (n % each === 0 ? [{ at: places.get(label)!, label }] : [])),
    text: (row) => textIn(row, field) ?? MISSING,
    textAt: (at) => texts[Math.min(texts.length - 1, Math.max(0, Math.floor(at * texts.length)))] ?? MISSING,
    condition: (from, to) => {
      // As the run has it: true is no text.
      const values = new Set(rows.flatMap((row) => (within(from, to).includes(textIn(row, field) ?? "") ? [JSON.stringify(valueOf(row, field))] : [])))
      return `${field} in (${[...values].join(", ")})`
    }
  }
}

const ofNumbers = (rows: ReadonlyArray<RunRow>, field: string, log: boolean): Axis => {
  const numberIn = (row: RunRow): number | undefined => {
    const value = numberOf(valueOf(row, field))
    return value === undefined || !Number.isFinite(value) || log && value <= 0 ? undefined : log ? Math.log10(value) : value
  }
  let low = Infinity
  let high = -Infinity
  for (const row of rows) {
    const value = numberIn(row)
    if (value !== undefined && value < low) low = value
    if (value !== undefined && value > high) high = value
  }
  const valueAt = (at: number): number => (log ? 10 ** (low + at * (high - low)) : low + at * (high - low))
  const timed = isTime(field) || field === "run.duration"
  const step = high > low ? (log && high - low > 2 ? Math.ceil((high - low) / MOST_TICKS) : stepOf(log ? 10 ** high - 10 ** low : high - low, timed)) : 0
  // Within one day the axis says which, else the ticks do.
  const day = isTime(field) && low <= high && formatTime(low).slice(0, 10) === formatTime(high).slice(0, 10) ? formatTime(low).slice(0, 10) : undefined
  const textOf = (value: number): string => isTime(field) ? (day === undefined && step < DAY ? formatTime(value).slice(5, 16) : clock(value, step)) : field === "run.duration" ? formatDuration(value) : formatNumber(value, 4)
  const placeOf = (value: number): number => (high > low ? (value - low) / (high - low) : 0.5)
  const ticks = (): Axis["ticks"] => {
    if (low > high) return []
    if (high === low) return [{ at: 0.5, label: isTime(field) ? formatTime(low) : textOf(valueAt(0)) }]
    if (log && high - low <= 2) {
      // Within two tens: 1, 2 and 5 of each.
      const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, n) => Math.floor(low) + n)
      return powers.flatMap((power) => [1, 2, 5].map((times) => Math.log10(times) + power)).filter((value) => value >= low - 1e-9 && value <= high + 1e-9).map((value) => ({ at: placeOf(value), label: textOf(10 ** value) }))
    }
    const first = Math.ceil(low / step - 1e-9)
    const last = Math.floor(high / step + 1e-9)
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => (first + n) * step).map((value) => ({ at: placeOf(value), label: textOf(log ? 10 ** value : value) }))
  }
  const bound = (at: number, round: "floor" | "ceil"): string => {
    const value = valueAt(at)
    if (isTime(field)) return new Date(Math[round](value)).toISOString()
    // Four digits of the range: outwards, so that what was inside stays inside.
    const unit = 10 ** (Math.floor(Math.log10(Math.max(Number.MIN_VALUE, log ? Math.abs(value) : valueAt(1) - valueAt(0) || Math.abs(value) || 1))) - 3)
    return String(Number((Math[round](value / unit) * unit).toPrecision(12)))
  }
  return {
    field,
    label: `${fieldLabel(field)}${isTime(field) ? (day === undefined ? " (UTC)" : ` on ${day} (UTC)`) : ""}`,
    log,
    categories: undefined,
    at: (row) => {
      const value = numberIn(row)
      return value === undefined ? undefined : placeOf(value)
    },
    // Ticks within a second look alike.
    ticks: ticks().filter(({ label }, n, all) => label !== all[n - 1]?.label),
    text: (row) => {
      const value = valueOf(row, field)
      return isTime(field) && typeof value === "number" ? formatTime(value) : formatValue(field, value)
    },
    textAt: (at) => isTime(field) ? formatTime(valueAt(at)) : textOf(valueAt(at)),
    condition: (from, to) => `${field} >= ${bound(from, "floor")} and ${field} <= ${bound(to, "ceil")}`
  }
}

/** The axis of a field of these runs. Where one of them has a text there, all of its values are taken as texts. */
export const axisOf = (rows: ReadonlyArray<RunRow>, field: string, log = false): Axis =>
  rows.some((row) => {
    const value = valueOf(row, field)
    return value !== undefined && value !== null && (field.startsWith("tags.") || numberOf(value) === undefined)
  })
    ? ofTexts(rows, field)
    : ofNumbers(rows, field, log)
