/**
 * Numbers, durations, sizes and times as people read them, in English and in ASCII, the same on every machine.
 *
 * Rounded for reading: whoever needs the exact value takes it from the typed one. What comes out holds no control
 * character and nothing that Markdown or HTML would interpret.
 */

/** Shown where there is no value. */
export const MISSING = "-"

const grouped = (digits: string): string => {
  const [whole = "", fraction] = digits.split(".")
  const separated = whole.replace(/\B(?=(\d{3})+$)/g, ",")
  return fraction === undefined ? separated : `${separated}.${fraction}`
}

const withoutTrailingZeros = (digits: string): string => (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits)

const positive = (value: number, digits: number): string => {
  if (value === 0) return "0"
  if (Number.isInteger(value) && value < 1e15) return grouped(String(value))
  const exponent = Number(value.toExponential(digits - 1).split("e")[1])
  if (exponent < -4 || exponent >= 15) {
    const [mantissa = "", power] = value.toExponential(digits - 1).split("e")
    return `${withoutTrailingZeros(mantissa)}e${power}`
  }
  return grouped(withoutTrailingZeros(value.toFixed(Math.min(100, Math.max(0, digits - 1 - exponent)))))
}

/**
 * A number with `digits` significant digits (5 by default) and thousands separated: `0.97123`, `1,234,568`,
 * `1.5e-7`. Integers below 1e15 are exact; digits before the decimal point are never rounded away.
 */
export const formatNumber = (value: number, digits = 5): string => {
  if (!Number.isFinite(value)) return String(value)
  return value < 0 ? `-${positive(-value, digits)}` : positive(value, digits)
}

/** Numbers that stand beside each other: as `formatNumber`, with as many digits as it takes that different ones look different. */
export const formatNumbers = (values: ReadonlyArray<number | undefined>): ReadonlyArray<string> => {
  const distinct = new Set(values).size
  for (let digits = 5;; digits++) {
    const texts = values.map((value) => (value === undefined ? MISSING : formatNumber(value, digits)))
    if (digits >= 17 || new Set(texts).size >= distinct) return texts
  }
}

/** A difference with its sign: `+0.017`, `-1,200`, `0`. */
export const formatDelta = (delta: number, digits = 4): string =>
  Number.isNaN(delta) || delta === 0 ? formatNumber(delta) : `${delta > 0 ? "+" : ""}${formatNumber(delta, digits)}`

/** A change in percent (12.5 is 12.5 percent) with its sign and about three significant digits: `+1.76%`, `-12.5%`, `+250%`. */
export const formatPercent = (percent: number): string => {
  if (Number.isNaN(percent) || percent === 0) return `${formatNumber(percent)}%`
  const size = Math.abs(percent)
  const text = size >= 100 ? formatNumber(Math.round(size)) : formatNumber(size, size < 0.01 ? 1 : 3)
  return `${percent > 0 ? "+" : "-"}${text}%`
}

/**
 * A duration given in milliseconds: `0.35 ms`, `350 ms`, `1.2 s`, `2 min 5 s`, `1 h 2 min`, `3 d 4 h`.
 * A negative one begins with a minus sign.
 */
export const formatDuration = (durationMs: number): string => {
  if (!Number.isFinite(durationMs)) return String(durationMs)
  if (durationMs < 0) return `-${formatDuration(-durationMs)}`
  if (durationMs < 999.5) return `${durationMs < 1 ? formatNumber(durationMs, 2) : formatNumber(Number(durationMs.toPrecision(3)))} ms`
  if (durationMs < 59_950) return `${(durationMs / 1000).toFixed(1)} s`
  const seconds = Math.round(durationMs / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  const hours = Math.round(minutes / 60)
  return `${grouped(String(Math.floor(hours / 24)))} d ${hours % 24} h`
}

/** A difference of durations, given in milliseconds, with its sign: `+1.2 s`. */
export const formatDurationDelta = (deltaMs: number): string => (deltaMs > 0 ? `+${formatDuration(deltaMs)}` : formatDuration(deltaMs))

const byteUnits = ["kB", "MB", "GB", "TB", "PB"]

/** A size given in bytes, in decimal units: `512 B`, `3.4 MB`. */
export const formatBytes = (sizeBytes: number): string => {
  if (!Number.isFinite(sizeBytes)) return String(sizeBytes)
  if (sizeBytes < 0) return `-${formatBytes(-sizeBytes)}`
  if (sizeBytes < 1000) return `${formatNumber(sizeBytes)} B`
  let scaled = sizeBytes / 1000
  let unit = 0
  while (scaled >= 999.5 && unit < byteUnits.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${scaled < 99.95 ? withoutTrailingZeros(scaled.toFixed(1)) : grouped(scaled.toFixed(0))} ${byteUnits[unit]}`
}

/** A Unix time in milliseconds as `2023-10-27 14:03:11` in UTC; one that no calendar has as its number. */
export const formatTime = (atMs: number): string => {
  const date = new Date(atMs)
  return Number.isNaN(date.getTime()) ? formatNumber(atMs) : date.toISOString().slice(0, -5).replace("T", " ")
}

/** A count with its noun: `1 step`, `3 steps`, `2 entries`. */
export const formatCount = (count: number, noun: string, plural = `${noun}s`): string => `${formatNumber(count)} ${count === 1 ? noun : plural}`

/** Shortens each hash inside a text (16 hexadecimal digits or more) to its first 8 digits. */
export const shortenHashes = (text: string): string => text.replace(/[0-9a-f]{16,}/gi, (hash) => hash.slice(0, 8))
