/**
 * The declarations in which the code of runs differs, as texts, and their differences line by line.
 *
 * Known where both codes are deep (read as a whole, not a `version`) and their texts were kept with the runs.
 */
import { type ArtifactStore, changedParts, codeParts, type RunStore, type StoreError } from "@uniflow/core"
import { structuredPatch } from "diff"
import { Effect } from "effect"
import type { ComparisonData } from "./Comparison.ts"

/** A declaration that a run's code has otherwise than the baseline's. */
export interface CodeChange {
  /** Path from the workspace's root; for a package its name. */
  readonly file: string
  /** The declaration's name (`run of load` for a step's own function); for a package its version. */
  readonly name: string
  /** Steps whose code reaches it. */
  readonly steps: ReadonlyArray<string>
  /** Positions of the runs that have it so. */
  readonly runs: ReadonlyArray<number>
  /** The baseline's text: null where it was not kept, undefined where the baseline does not reach it. */
  readonly before: string | null | undefined
  /** The runs' text, likewise. */
  readonly after: string | null | undefined
}

/** A line of a difference. */
export interface DiffLine {
  readonly kind: "context" | "added" | "removed" | "gap"
  readonly text: string
}

/** Texts that have more lines to add and remove are not compared line by line: that would take seconds. */
const MOST_EDITS = 4_000

/**
 * The difference of two texts line by line, with three lines around each change; `gap` stands for lines that are left out. Undefined is no text at all. Of
 * texts that have thousands of other lines, all are removed and all added.
 */
export const diffLines = (before: string | undefined, after: string | undefined): ReadonlyArray<DiffLine> => {
  const whole = (text: string | undefined): string => (text === undefined ? "" : `${text}\n`)
  const patch = structuredPatch("", "", whole(before), whole(after), undefined, undefined, { context: 3, maxEditLength: MOST_EDITS })
  if (patch === undefined) {
    const all = (kind: DiffLine["kind"], text = ""): ReadonlyArray<DiffLine> => text.split("\n").map((line) => ({ kind, text: line }))
    return [...all("removed", before), ...all("added", after)]
  }
  return patch.hunks.flatMap(({ lines }, at) => [
    ...at === 0 ? [] : [{ kind: "gap" as const, text: "" }],
    ...lines.filter((line) => !line.startsWith("\\")).map((line): DiffLine => ({
      kind: line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "context",
      text: line.slice(1)
    }))
  ])
}

/** How the code of runs differs from the baseline's: for every step whose deep code does, the declarations that are not the same. */
export const codeChanges = Effect.fnUntraced(function*(
  { code, runs }: Pick<ComparisonData, "code" | "runs">
): Effect.fn.Return<ReadonlyArray<CodeChange>, StoreError, RunStore | ArtifactStore> {
  const found = new Map<string, CodeChange & { readonly steps: Array<string>; readonly runs: Array<number> }>()
  for (const { step, values } of code.steps) {
    const [base, ...others] = values
    if (base?.kind !== "deep") continue
    for (const [at, other] of others.entries()) {
      if (other?.kind !== "deep" || other.version === base.version) continue
      const before = yield* codeParts(runs[0]!.id, base.version)
      const after = yield* codeParts(runs[at + 1]!.id, other.version)
      if (before === undefined || after === undefined) continue
      for (const change of changedParts(before, after)) {
        const id = JSON.stringify([change.file, change.name, change.before?.hash, change.after?.hash])
        const known = found.get(id)
        if (known === undefined) found.set(id, { file: change.file, name: change.name, steps: [step], runs: [at + 1], before: change.before?.text, after: change.after?.text })
        else {
          if (!known.steps.includes(step)) known.steps.push(step)
          if (!known.runs.includes(at + 1)) known.runs.push(at + 1)
        }
      }
    }
  }
  return [...found.values()]
})
