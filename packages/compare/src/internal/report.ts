/**
 * A comparison as sections of rows, before it becomes a table or Markdown: what is shown, in which words and order.
 *
 * Texts here are as they are stored; each format escapes them in its own way.
 */
import { formatReason, Retention } from "@uniflow/core"
import type { Verdict } from "../Change.ts"
import type {
  ArtifactValue,
  CodeValue,
  Compared,
  ComparedArtifact,
  ComparedMetric,
  ComparedRun,
  ComparedStep,
  ComparisonData,
  GitValue,
  ItemCounts,
  MetricValue,
  StepValue
} from "../Comparison.ts"
import { changeBetween } from "../Change.ts"
import {
  formatBytes,
  formatCount,
  formatDelta,
  formatDuration,
  formatDurationDelta,
  formatNumbers,
  formatPercent,
  formatTime,
  MISSING,
  shortenHashes
} from "../Format.ts"
import type { Tone } from "../Tone.ts"
import { paramRows } from "./paramRows.ts"

/** `figure`: a number, never cut. `word`: ours. `stored`: what somebody stored, in need of escaping. */
export interface ReportCell {
  readonly kind: "figure" | "word" | "stored"
  readonly text: string
  readonly tone?: Tone | undefined
}

export interface ReportChange {
  readonly delta?: string | undefined
  readonly percent?: string | undefined
  readonly verdict?: Verdict | "differs" | "missing" | undefined
}

export interface ReportRow {
  readonly label: ReportCell
  /** Said after the label, such as `last`. */
  readonly note?: string | undefined
  /** Belongs to the row above it. */
  readonly detail?: boolean | undefined
  /** One for each run. */
  readonly cells: ReadonlyArray<ReportCell>
  /** One for each run; undefined for the baseline. */
  readonly changes?: ReadonlyArray<ReportChange | undefined> | undefined
}

export interface ReportSection {
  /** Undefined for the runs themselves. */
  readonly title: string | undefined
  readonly rows: ReadonlyArray<ReportRow>
  /** What is equal and left out, such as `3 params`. */
  readonly hidden: string | undefined
}

const word = (text: string, tone?: Tone): ReportCell => ({ kind: "word", text, tone })
const stored = (text: string, tone?: Tone): ReportCell => ({ kind: "stored", text, tone })
const figure = (text: string, tone?: Tone): ReportCell => ({ kind: "figure", text, tone })
const missing = word(MISSING, "faint")

const cellsOf = <A>({ values }: Pick<Compared<A>, "values">, show: (value: A) => ReportCell): ReadonlyArray<ReportCell> =>
  values.map((value) => (value === undefined ? missing : show(value)))

const section = (title: string, noun: readonly [one: string, many: string], all: number, shown: number, rows: ReadonlyArray<ReportRow>): ReportSection => ({
  title,
  rows,
  hidden: all > shown ? formatCount(all - shown, ...noun) : undefined
})

const statusTone = (status: string): Tone | undefined =>
  status === "failed" || status === "crashed" ? "bad" : status === "completed" || status === "skipped" ? undefined : "warning"

const runRows = (runs: ReadonlyArray<ComparedRun>, all: boolean): ReadonlyArray<ReportRow> => {
  const row = <A>(label: string, of: (run: ComparedRun) => A | undefined, show: (value: A) => ReportCell, always = false): ReadonlyArray<ReportRow> => {
    const values = runs.map(of)
    const differs = values.some((value) => value !== values[0])
    const has = values.some((value) => value !== undefined)
    return has && (all || always || differs) ? [{ label: word(label), cells: cellsOf({ values }, show) }] : []
  }
  const tags = [...new Set(runs.flatMap(({ tags: own }) => Object.keys(own)))].filter((tag) => tag !== Retention.BASELINE_TAG)
  return [
    ...row("pipeline", ({ pipeline }) => pipeline, stored),
    ...row("experiment", ({ experiment }) => experiment, stored),
    ...row("status", ({ status }) => status, (status) => word(status, statusTone(status)), true),
    ...row(
      "error",
      ({ error }) => (error === undefined ? undefined : `${error.step === undefined ? "" : `in ${error.step}: `}${error.message === "" ? error.name : error.message}`),
      (text) => stored(text, "bad"),
      true
    ),
    ...row("started (UTC)", ({ startedAtMs }) => startedAtMs, (atMs) => word(formatTime(atMs)), true),
    ...row(
      "duration",
      ({ durationIsLowerBound, durationMs }) => (durationMs === undefined ? undefined : `${durationIsLowerBound ? "over " : ""}${formatDuration(durationMs)}`),
      (text) => figure(text),
      true
    ),
    ...row("attempts", ({ attempts }) => attempts, (attempts) => figure(String(attempts))),
    ...row("parent", ({ parent }) => parent, stored),
    ...tags.flatMap((tag) => row(`tag ${tag}`, ({ tags: own }) => (Object.hasOwn(own, tag) ? own[tag] : undefined), stored).map((one) => ({ ...one, label: stored(`tag ${tag}`) }))),
    ...row("note", ({ note }) => note, stored)
  ]
}

/** A row of figures with their changes. The verdict belongs to the metric's own figure alone. */
const figureRow = (
  label: ReportCell,
  numbers: ReadonlyArray<number | undefined>,
  extra: { readonly note?: string | undefined; readonly detail?: boolean; readonly metric?: ComparedMetric }
): ReportRow => {
  const texts = formatNumbers(numbers)
  const base = numbers[0]
  return {
    label,
    note: extra.note,
    detail: extra.detail,
    cells: numbers.map((value, at) =>
      value === undefined ? missing : figure(texts[at] ?? MISSING, extra.metric?.best.includes(at) === true ? "strong" : undefined)
    ),
    changes: numbers.map((value, at) => {
      if (at === 0 || value === undefined || base === undefined) return undefined
      const { better, delta, percent } = extra.metric?.values[at]?.change ?? changeBetween(base, value)
      return {
        delta: delta === undefined || delta === 0 ? undefined : formatDelta(delta),
        percent: percent === undefined || percent === 0 ? undefined : formatPercent(percent),
        verdict: better
      }
    })
  }
}

const metricRows = (metric: ComparedMetric, all: boolean): ReadonlyArray<ReportRow> => {
  const of = (get: (value: MetricValue) => number | undefined): ReadonlyArray<number | undefined> =>
    metric.values.map((value) => (value === undefined ? undefined : get(value)))
  const main = of((value) => value[metric.figure])
  const present = metric.values.filter((value) => value !== undefined)
  const isSeries = present.some(({ count }) => count > 1)
  /** A minimum that is the last value everywhere says nothing new. */
  const tells = (numbers: ReadonlyArray<number | undefined>): boolean => isSeries && (all || numbers.some((value, at) => !Object.is(value, main[at])))
  const counts = (numbers: ReadonlyArray<number | undefined>): boolean => {
    const known = numbers.filter((value) => value !== undefined)
    return isSeries && (all || new Set(known).size > 1)
  }
  const detail = (name: string, numbers: ReadonlyArray<number | undefined>, shown: boolean): ReadonlyArray<ReportRow> =>
    shown ? [figureRow(word(name), numbers, { detail: true })] : []
  const count = (name: string, numbers: ReadonlyArray<number | undefined>, shown: boolean): ReadonlyArray<ReportRow> =>
    shown ? [{ label: word(name), detail: true, cells: formatNumbers(numbers).map((text, at) => (numbers[at] === undefined ? missing : figure(text))) }] : []
  const nans = of((value) => value.nans)
  const items = of((value) => value.items)
  return [
    figureRow(stored(metric.name), main, { note: isSeries || metric.figure === "mean" ? metric.figure : undefined, metric }),
    ...detail("min", of(({ min }) => min), tells(of(({ min }) => min))),
    ...detail("max", of(({ max }) => max), tells(of(({ max }) => max))),
    ...detail("mean", of(({ mean }) => mean), metric.figure !== "mean" && all && isSeries),
    ...count("points", of((value) => value.count), counts(of((value) => value.count))),
    ...count("NaN points", nans, nans.some((value) => value !== undefined && value > 0) && isSeries),
    ...count("items", items, items.some((value) => value !== undefined) && counts(items))
  ]
}

const stepCell = ({ decision, durationMs, status }: StepValue): ReportCell => {
  const how = status !== "completed" && status !== "skipped" ? status : decision === "executed" ? undefined : decision ?? status
  const time = durationMs === undefined ? undefined : formatDuration(durationMs)
  return { kind: "figure", text: [how, time].filter((part) => part !== undefined).join(" ") || status, tone: statusTone(status) }
}

const itemsCell = (counts: ItemCounts): ReportCell => {
  const kinds = (["executed", "restored", "cached", "skipped", "failed", "active"] as const).filter((kind) => counts[kind] > 0)
  return word(kinds.map((kind) => `${counts[kind]} ${kind}`).join(", "), counts.failed > 0 ? "bad" : undefined)
}

const stepRows = (one: ComparedStep, all: boolean): ReadonlyArray<ReportRow> => {
  const { step, values } = one
  const items = values.map((value) => value?.items)
  const decisions = new Set(values.flatMap((value) => (value?.decision === undefined ? [] : [value.decision])))
  // That a step ran because nothing was saved yet, or was restored because all matched, goes without saying.
  const obvious = new Set(all ? [] : ["first", "match"])
  const why = values.map((value) => value?.reasons.filter(({ component }) => !obvious.has(component)).map(formatReason).join("; "))
  const errors = values.map((value) => value?.error)
  return [
    {
      label: stored(step),
      cells: cellsOf({ values }, stepCell),
      changes: values.map((value) => {
        const delta = value?.change?.delta
        const percent = value?.change?.percent
        return delta === undefined || delta === 0
          ? undefined
          : { delta: formatDurationDelta(delta), percent: percent === undefined ? undefined : formatPercent(percent) }
      })
    },
    ...items.some((counts) => counts !== undefined)
      ? [{ label: word("items"), detail: true, cells: cellsOf({ values: items }, itemsCell) }]
      : [],
    ...errors.some((error) => error !== undefined)
      ? [{ label: word("error"), detail: true, cells: cellsOf({ values: errors }, ({ message, name }) => stored(message === "" ? name : message, "bad")) }]
      : [],
    ...(all || decisions.size > 1) && why.some((text) => text !== undefined && text !== "")
      ? [{ label: word("why"), detail: true, cells: cellsOf({ values: why }, (text) => (text === "" ? missing : stored(shortenHashes(text), "faint"))) }]
      : []
  ]
}

const artifactCell = ({ digest, items, sizeBytes }: ArtifactValue): ReportCell =>
  figure(`${formatBytes(sizeBytes)} ${digest === undefined ? formatCount(items ?? 0, "item") : shortenHashes(digest)}`)

const artifactRow = ({ against, name, values }: ComparedArtifact): ReportRow => ({
  label: stored(name),
  cells: cellsOf({ values }, artifactCell),
  changes: against.map((verdict, at) => (at === 0 || verdict === undefined ? undefined : { verdict }))
})

const gitCell = ({ branch, commit, commits, dirty }: GitValue): ReportCell =>
  stored([
    shortenHashes(commit),
    branch === undefined ? "" : ` (${branch})`,
    dirty ? ", changed files" : "",
    commits.length > 1 ? `, ${formatCount(commits.length, "commit")} over its attempts` : ""
  ].join(""), dirty ? "warning" : undefined)

const codeCell = ({ kind, version }: CodeValue): ReportCell =>
  stored(kind === "explicit" ? `version ${version}` : kind === "unknown" ? "unknown" : `${kind} ${shortenHashes(version)}`)

/** The declarations that differ, a row each: what became of them in each run. */
const changedRows = ({ code, runs }: ComparisonData): ReadonlyArray<ReportRow> => {
  const groups = Map.groupBy(code.changes, ({ file, name }) => JSON.stringify([file, name]))
  return [...groups.values()].map((changes): ReportRow => {
    const { file, name } = changes[0]!
    return {
      label: stored(`${name} (${file})`),
      detail: true,
      cells: runs.map((_, at) => {
        const change = changes.find((one) => one.runs.includes(at))
        if (change === undefined) return changes[0]!.before === undefined ? missing : word(at === 0 ? "as it was" : "same", "faint")
        return word(change.before === undefined ? "new" : change.after === undefined ? "not reached" : "changed")
      })
    }
  })
}

const shown = <A extends { readonly differs: boolean }>(every: ReadonlyArray<A>, all: boolean): ReadonlyArray<A> =>
  all ? every : every.filter(({ differs }) => differs)

/** The sections of a comparison. With a single run everything is shown: nothing can differ. */
export const reportOf = (data: ComparisonData, showAll: boolean): ReadonlyArray<ReportSection> => {
  const all = showAll || data.runs.length === 1
  const { code, environment } = data
  const params = shown(data.params, all)
  const metrics = shown(data.metrics, all)
  const steps = shown(data.steps, all)
  const artifacts = shown(data.artifacts, all)
  const packages = shown(environment.packages, all)
  const simple = <A>(label: string, one: Compared<A>, show: (value: A) => ReportCell) =>
    one.values.some((value) => value !== undefined) ? [{ row: { label: word(label), cells: cellsOf(one, show) }, differs: one.differs }] : []
  const codes = [
    ...simple("git", code.git, gitCell),
    ...code.steps.map((one) => ({ row: { label: stored(one.step), cells: cellsOf(one, codeCell) }, differs: one.differs })),
    ...changedRows(data).map((row) => ({ row, differs: true }))
  ]
  const surroundings = [
    ...simple("runtime", environment.runtime, stored),
    ...simple("platform", environment.platform, stored),
    ...simple("host", environment.host, stored),
    ...simple("seed", environment.seed, (seed) => figure(String(seed)))
  ]
  const codesShown = shown(codes, all)
  const surroundingsShown = shown(surroundings, all)
  return [
    { title: undefined, rows: runRows(data.runs, all), hidden: undefined },
    section("Params", ["param", "params"], data.params.length, params.length, params.flatMap((param) => paramRows(param))),
    section("Metrics", ["metric", "metrics"], data.metrics.length, metrics.length, metrics.flatMap((metric) => metricRows(metric, all))),
    section("Steps", ["step", "steps"], data.steps.length, steps.length, steps.flatMap((step) => stepRows(step, all))),
    section("Artifacts", ["artifact", "artifacts"], data.artifacts.length, artifacts.length, artifacts.map(artifactRow)),
    section("Code", ["code version", "code versions"], codes.length, codesShown.length, codesShown.map(({ row }) => row)),
    section(
      "Environment",
      ["part of the environment", "parts of the environment"],
      surroundings.length,
      surroundingsShown.length,
      surroundingsShown.map(({ row }) => row)
    ),
    section("Packages", ["package", "packages"], environment.packages.length, packages.length, packages.map((one) => ({
      label: stored(one.name),
      cells: cellsOf(one, stored)
    })))
  ]
}

/** What is compared, in words: parts that are stored text are marked. */
export const titleOf = ({ runs }: ComparisonData): ReadonlyArray<ReportCell> => {
  const [first] = runs
  if (first === undefined) return []
  const pipeline = runs.every((run) => run.pipeline === first.pipeline) ? [stored(first.pipeline), word(": ")] : []
  const second = runs[1]
  return second === undefined
    ? [...pipeline, stored(first.id)]
    : runs.length === 2
    ? [...pipeline, stored(second.id), word(" against "), stored(first.id)]
    : [...pipeline, word(`${runs.length} runs against `), stored(first.id)]
}

/** The closing sentences: what is equal, or that everything is. */
export const closingOf = (sections: ReadonlyArray<ReportSection>, runs: number): string | undefined => {
  const hidden = sections.flatMap((one) => one.hidden ?? [])
  const differ = runs < 2 || sections.some(({ rows, title }) => title !== undefined && rows.length > 0)
  const equal = hidden.length === 0 ? "" : `Equal and not shown: ${hidden.join(", ")}.`
  return differ ? equal || undefined : `Nothing differs. ${equal}`.trimEnd()
}
