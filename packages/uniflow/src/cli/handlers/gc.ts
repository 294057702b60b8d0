import { formatBytes, formatCount } from "@uniflow/compare"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"

export interface GcInput {
  readonly grace: string | undefined
  readonly dryRun: boolean
}

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3600_000, d: 24 * 3600_000, w: 7 * 24 * 3600_000 }

/** Milliseconds of a duration as people type it: `90s`, `10m`, `1h`, `7d`. */
export const parseDuration = (text: string, flag = "--grace"): number => {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)$/.exec(text.trim()) ?? []
  if (number === undefined || unit === undefined) throw new UsageError(`${flag} ${JSON.stringify(text)}: it must be a duration such as 30s, 10m, 1h or 7d.`)
  return Number(number) * units[unit]!
}

/** `uniflow gc` */
export const gc: Handler<GcInput> = async ({ dryRun, grace }, context) => {
  const { output } = context
  const graceMs = grace === undefined ? undefined : parseDuration(grace)
  const tell = (count: number, sizeBytes: number): typeof ExitCode.success => {
    if (output.json) output.document({ count, sizeBytes, dryRun })
    else if (!output.quiet) output.line(count === 0 ? "Nothing to free." : `${dryRun ? "Would free" : "Freed"} ${formatBytes(sizeBytes)} in ${formatCount(count, "object")}.`)
    return ExitCode.success
  }
  return withStore<ExitCode>(context, async (uniflow) => {
    const { count, sizeBytes } = await uniflow.gc({ dryRun, ...(graceMs === undefined ? {} : { grace: graceMs }) })
    return tell(count, sizeBytes)
  }, async () => tell(0, 0))
}
