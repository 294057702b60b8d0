import { escapeControls, formatCount } from "@uniflow/compare"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { loadConfigFor } from "../ProjectConfig.ts"
import { parseDuration } from "./gc.ts"

export interface PruneInput {
  readonly keepLast: number | undefined
  readonly olderThan: string | undefined
  readonly failed: string | undefined
  readonly experiment: string | undefined
  readonly dryRun: boolean
}

/** `uniflow prune` */
export const prune: Handler<PruneInput> = async ({ dryRun, experiment, failed, keepLast, olderThan }, context) => {
  const { output } = context
  const given = keepLast !== undefined || olderThan !== undefined || failed !== undefined
  const rules = given
    ? {
      keepLast,
      olderThan: olderThan === undefined ? undefined : parseDuration(olderThan, "--older-than"),
      failed: failed === undefined ? undefined : parseDuration(failed, "--failed")
    }
    : (await loadConfigFor("retention", context.cwd, context.config))?.retention
  if (rules === undefined) throw new UsageError("Say what to remove: --keep-last <number>, --older-than <duration> or --failed <duration>; or give `retention` in uniflow.config.ts.")
  return withStore<ExitCode>(context, async (uniflow) => {
    const { kept, removed } = await uniflow.prune(rules, { experiment, dryRun })
    if (output.json) output.document({ dryRun, removed, kept })
    else if (output.quiet) for (const { id } of removed) output.line(id)
    else {
      for (const { experiment: of, id, why } of removed) output.line(`${escapeControls(id)}  ${escapeControls(of)}  ${why}`)
      output.line(removed.length === 0
        ? `Nothing to remove; ${formatCount(kept, "run")} stay.`
        : `${dryRun ? "Would remove" : "Removed"} ${formatCount(removed.length, "run")}; ${kept} stay.${dryRun ? "" : " uniflow gc frees their bytes."}`)
    }
    return ExitCode.success
  }, async () => {
    if (output.json) output.document({ dryRun, removed: [], kept: 0 })
    else if (!output.quiet) output.line("Nothing to remove.")
    return ExitCode.success
  })
}
