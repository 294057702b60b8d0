/**
 * Float64 columns that keep every value.
 *
 * SQLite keeps NaN as NULL and -0 as 0, and a filter must never match NaN. So columns hold NULL for NaN and 0 for -0,
 * and one integer beside them tells which they were: two bits for each column, 1 for NaN, 2 for -0.
 */
import type { SqlValue } from "../SqlDriver.ts"

/** What to bind for the columns, followed by the marker. */
export const floats = (values: ReadonlyArray<number>): Array<SqlValue> => {
  let marker = 0
  const bound: Array<SqlValue> = values.map((value, i) => {
    if (value !== value) {
      marker += 1 * 4 ** i
      return null
    }
    if (value === 0 && 1 / value < 0) {
      marker += 2 * 4 ** i
      return 0
    }
    return value
  })
  bound.push(BigInt(marker))
  return bound
}

/** The values that columns and marker stand for; anything else is left for a schema to refuse. */
export const fromFloats = (columns: ReadonlyArray<unknown>, marker: unknown): ReadonlyArray<unknown> => {
  const bits = Number(marker)
  return columns.map((column, i) => {
    const mark = Math.floor(bits / 4 ** i) % 4
    return mark === 1 && column === null ? NaN : mark === 2 && column === 0 ? -0 : mark === 0 ? column : undefined
  })
}
