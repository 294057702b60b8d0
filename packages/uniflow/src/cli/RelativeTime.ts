/**
 * How long ago something was, in one unit.
 */

const units: ReadonlyArray<readonly [ms: number, name: string]> = [
  [365 * 24 * 3600_000, "year"],
  [30 * 24 * 3600_000, "month"],
  [24 * 3600_000, "day"],
  [3600_000, "hour"],
  [60_000, "min"],
  [1000, "s"]
]

/** `just now`, `5 s ago`, `3 min ago`, `2 hours ago`, `4 days ago`; `in the future` where clocks disagree. */
export const ago = (atMs: number, nowMs: number): string => {
  const past = nowMs - atMs
  if (!Number.isFinite(past)) return "-"
  if (past < -60_000) return "in the future"
  for (const [ms, name] of units) {
    if (past < ms) continue
    const count = Math.floor(past / ms)
    return `${count} ${name}${count === 1 || name === "s" || name === "min" ? "" : "s"} ago`
  }
  return "just now"
}
