/** Runs side by side, the first as the baseline: what differs or everything, in one table whose columns are the runs. */
import { formatBytes, formatCount, formatDelta, formatDuration, formatDurationDelta, formatNumber, formatNumbers, formatPercent, formatTime, shortenHashes } from "@uniflow/compare"
import { Link } from "@tanstack/react-router"
import { Fragment, type ReactNode, useState } from "react"
import type { ComparisonJson } from "../api.ts"
import { ArtifactAgainst } from "./ArtifactAgainst.tsx"
import { previewKind } from "./artifactData.ts"
import { Button } from "./Button.tsx"
import { figureOf, valueText } from "./figures.ts"
import { useSome } from "./ShowMore.tsx"
import { Status } from "./Status.tsx"
import { phaseOf, reasonTexts, StepLook } from "./StepLook.tsx"

/** Of a part, before more are asked for. */
const MOST_ROWS = 100

interface Row {
  readonly key: string
  readonly label: ReactNode
  readonly differs: boolean
  /** Belongs to the row above it. */
  readonly detail?: boolean
  readonly cells: ReadonlyArray<ReactNode>
  /** Shown under the row where it is opened. */
  readonly more?: ReadonlyArray<ReactNode>
}

interface Part {
  readonly title: string
  readonly rows: ReadonlyArray<Row>
}

const none = <span className="text-soft">–<span className="sr-only">none</span></span>

const rowOf = <A,>(key: string, values: ReadonlyArray<A | null | undefined>, show: (value: A, at: number) => ReactNode, rest: Partial<Omit<Row, "key" | "cells">> = {}): Row => ({
  key,
  label: key,
  differs: new Set(values.map((value) => JSON.stringify(value ?? null))).size > 1,
  cells: values.map((value, at) => (value === null || value === undefined ? none : show(value, at))),
  ...rest
})

const changeTones: Record<string, string> = { better: "text-good", worse: "text-bad" }
const changeMarks: Record<string, string> = { better: "▲ ", worse: "▼ " }

const ChangeText = ({ text, verdict }: { readonly text: string; readonly verdict?: string | null | undefined }) => (
  <span className={`block text-small ${changeTones[verdict ?? ""] ?? "text-soft"}`}>
    <span aria-hidden="true">{changeMarks[verdict ?? ""] ?? ""}</span>{text}{verdict === "better" || verdict === "worse" ? <span className="sr-only"> {verdict}</span> : null}
  </span>
)

const changeOf = (delta: number | undefined, percent: number | undefined, show: (delta: number) => string): string =>
  delta === undefined || delta === 0 ? "" : `${show(delta)}${percent === undefined ? "" : ` (${formatPercent(percent)})`}`

const runPart = ({ runs }: ComparisonJson): Part => {
  const tags = [...new Set(runs.flatMap((run) => Object.keys(run.tags)))].filter((tag) => tag !== "uniflow.baseline")
  const has = (row: Row): boolean => row.cells.some((cell) => cell !== none)
  return {
    title: "Runs",
    rows: [
      { ...rowOf("status", runs.map(({ status }) => status), (status) => <Status status={status} />), differs: true },
      rowOf("error", runs.map(({ error }) => error), ({ message, name, step }) => <span className="text-bad">{step === undefined || step === null ? "" : `in ${step}: `}{(message === "" ? name : message).split("\n")[0]!.slice(0, 300)}</span>),
      rowOf("pipeline", runs.map(({ pipeline }) => pipeline), (text) => text),
      rowOf("experiment", runs.map(({ experiment }) => experiment), (text) => text),
      rowOf("started (UTC)", runs.map(({ startedAtMs }) => startedAtMs), (atMs) => formatTime(Number(atMs))),
      rowOf("duration", runs.map(({ durationMs }) => durationMs), (ms, at) => {
        const base = figureOf(runs[0]!.durationMs)
        return <>{runs[at]!.durationIsLowerBound ? "over " : ""}{formatDuration(Number(ms))}{at === 0 || base === undefined ? null : <ChangeText text={changeOf(Number(ms) - base, undefined, formatDurationDelta)} />}</>
      }),
      rowOf("attempts", runs.map(({ attempts }) => attempts), (count) => formatNumber(Number(count))),
      rowOf("forked from", runs.map(({ parent }) => parent), (id) => <Link to="/runs/$runId" params={{ runId: id }}>{id}</Link>),
      ...tags.map((tag) => rowOf(`tag ${tag}`, runs.map((run) => (Object.hasOwn(run.tags, tag) ? run.tags[tag] : undefined)), (text) => text)),
      rowOf("note", runs.map(({ note }) => note), (text) => <span className="line-clamp-4 whitespace-pre-wrap" title={text}>{text}</span>)
    ].filter(has)
  }
}

const paramPart = ({ params }: ComparisonJson): Part => ({
  title: "Params",
  rows: params.map(({ differs, name, values }) => rowOf(name, values, valueText, { differs }))
})

const metricPart = ({ metrics }: ComparisonJson): Part => ({
  title: "Metrics",
  rows: metrics.flatMap(({ best, differs, figure, goal, name, values }): ReadonlyArray<Row> => {
    const numbers = values.map((value) => figureOf(value?.[figure]))
    const texts = formatNumbers(numbers)
    const cells = numbers.map((value, at) => {
      if (value === undefined) return none
      const change = values[at]?.change
      return (
        <>
          <span className={best.some((position) => Number(position) === at) ? "font-semibold" : ""}>{texts[at]}</span>
          {change === undefined || change === null ? null : <ChangeText text={changeOf(figureOf(change.delta), figureOf(change.percent), formatDelta)} verdict={change.better} />}
        </>
      )
    })
    const label = <>{name}{goal === undefined ? null : <span className="text-soft"> <span aria-hidden="true">{goal === "maximize" ? "↑" : "↓"}</span><span className="sr-only">{goal}</span></span>}{figure === "mean" ? <span className="text-soft"> mean</span> : null}</>
    const series = values.some((value) => Number(value?.count ?? 0) > 1)
    const detail = (of: "min" | "max" | "count" | "nans", word: string): ReadonlyArray<Row> => {
      const own = values.map((value) => figureOf(value?.[of]))
      if (!series || (of === "nans" && own.every((value) => !value))) return []
      const shown = formatNumbers(own)
      return [{ key: `${name} ${of}`, label: word, detail: true, differs: of !== "count" && differs && own.some((value, at) => !Object.is(value, numbers[at])) || new Set(own).size > 1 && of === "count", cells: own.map((value, at) => (value === undefined ? none : shown[at])) }]
    }
    return [{ key: name, label, differs, cells }, ...detail("min", "min"), ...detail("max", "max"), ...detail("count", "points"), ...detail("nans", "NaN points")]
  })
})

const stepPart = ({ steps }: ComparisonJson): Part => ({
  title: "Steps",
  rows: steps.flatMap(({ differs, step, values }): ReadonlyArray<Row> => {
    const why = values.map((value) => value?.reasons.filter(({ component }) => component !== "first" && component !== "match") ?? [])
    return [
      rowOf(step, values, (value) => {
        const phase = phaseOf({ decision: value.decision, status: value.status })
        return (
          <>
            <StepLook phase={phase} word={phase !== "executed"} /> {value.durationMs === undefined ? "" : formatDuration(Number(value.durationMs))}
            {value.change === undefined || value.change === null ? null : <ChangeText text={changeOf(figureOf(value.change.delta), figureOf(value.change.percent), formatDurationDelta)} />}
          </>
        )
      }, { differs }),
      ...values.some((value) => value?.items !== undefined && value.items !== null)
        ? [rowOf(`${step} items`, values.map((value) => value?.items), ({ durationMs: _, total: __, ...counts }) => Object.entries(counts).filter(([, count]) => Number(count) > 0).map(([kind, count]) => `${formatNumber(Number(count))} ${kind}`).join(", "), { label: "items", detail: true })]
        : [],
      ...values.some((value) => value?.error !== undefined && value.error !== null)
        ? [rowOf(`${step} error`, values.map((value) => value?.error), ({ message, name }) => <span className="text-bad">{(message === "" ? name : message).slice(0, 300)}</span>, { label: "error", detail: true })]
        : [],
      ...why.some((reasons) => reasons.length > 0)
        ? [rowOf(`${step} why`, why.map((reasons) => (reasons.length === 0 ? null : reasons)), (reasons) => <span className="text-soft">{reasonTexts(reasons).join("; ")}</span>, { label: "why", detail: true })]
        : []
    ]
  })
})

const againstWords: Record<string, readonly [text: string, className: string]> = { same: ["same", "text-soft"], differs: ["differs", "text-warning"], missing: ["only one has it", "text-warning"] }

const artifactPart = ({ artifacts, runs }: ComparisonJson): Part => ({
  title: "Artifacts",
  rows: artifacts.map(({ against, differs, kind, name, step, values }) => {
    const stored = kind === "named" && name.startsWith(`${step}/`) ? name.slice(step.length + 1) : name
    const sides = values.map((value, at) => (value === null || value?.digest === undefined ? undefined : { runId: runs[at]!.id, artifact: { name: stored, mediaType: value.mediaType, digest: value.digest, sizeBytes: Number(value.sizeBytes) } }))
    const canShow = values.some((value) => value?.digest !== undefined && previewKind({ mediaType: value.mediaType, sizeBytes: Number(value.sizeBytes) }) !== undefined)
    return rowOf(name, values, (value, at) => {
      const word = at === 0 ? undefined : againstWords[against[at] ?? ""]
      return (
        <>
          <span title={value.digest}>{formatBytes(Number(value.sizeBytes))}{value.items === undefined || value.items === null ? "" : ` in ${formatCount(Number(value.items), "item")}`}</span>
          {word === undefined ? null : <span className={`block text-small ${word[1]}`}>{word[0]}</span>}
        </>
      )
    }, {
      differs,
      ...canShow ? { more: sides.map((side, at) => (side === undefined ? none : <ArtifactAgainst key={at} own={side} base={at === 0 ? undefined : sides[0]} />)) } : {}
    })
  })
})

const codePart = ({ code }: ComparisonJson): Part => ({
  title: "Code",
  rows: [
    ...code.git.values.some((value) => value !== null)
      ? [rowOf("git", code.git.values, ({ branch, commit, commits, dirty }) => <><code className="font-mono" title={commit}>{shortenHashes(commit)}</code>{branch === undefined ? "" : ` on ${branch}`}{dirty ? <span className="text-warning">, uncommitted changes</span> : ""}{commits.length > 1 ? `, ${commits.length} commits` : ""}</>, { differs: code.git.differs })]
      : [],
    ...code.steps.map(({ differs, step, values }) => rowOf(`code of ${step}`, values, ({ kind, version }) => <code className="font-mono" title={`${kind} ${version}`}>{shortenHashes(version)}</code>, { differs }))
  ]
})

const environmentPart = ({ environment }: ComparisonJson): Part => ({
  title: "Environment",
  rows: [
    ...(["runtime", "platform", "host"] as const).map((name) => rowOf(name, environment[name].values, (text) => text, { differs: environment[name].differs })),
    rowOf("seed", environment.seed.values, (seed) => String(seed), { differs: environment.seed.differs }),
    ...environment.packages.map(({ differs, name, values }) => rowOf(name, values, (text) => text, { differs }))
  ]
})

const label = "sticky left-0 z-10 w-28 min-w-28 wrap-anywhere bg-paper py-1.5 pr-4 text-left align-top font-normal sm:w-44 sm:min-w-36"
const cell = "min-w-28 max-w-80 wrap-anywhere border-t border-line py-1.5 pl-5 text-right align-top sm:min-w-36"

const PartRows = ({ all, columns, rows, shown, title }: Part & { readonly shown: ReadonlyArray<Row>; readonly all: boolean; readonly columns: number }) => {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const [some, more] = useSome(shown, MOST_ROWS)
  const toggle = (key: string): void => setOpen((before) => (before.has(key) ? new Set([...before].filter((one) => one !== key)) : new Set([...before, key])))
  if (shown.length === 0) return null
  const hidden = rows.filter(({ detail, differs }) => detail !== true && !differs).length
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colSpan={columns} className="pb-1 pt-5 text-left text-body font-semibold">
          <span className="sticky left-0">{title}{all || hidden === 0 ? null : <span className="ml-3 text-small font-normal text-soft">{hidden} the same</span>}</span>
        </th>
      </tr>
      {some.map(({ cells, detail, key, label: text, more: beneath }) => (
        <Fragment key={key}>
          <tr>
            <th scope="row" className={`${label} border-t border-line ${detail === true ? "pl-4 text-soft" : ""}`}>
              {text}
              {beneath === undefined ? null : <Button className="mt-1 block" aria-expanded={open.has(key)} aria-label={`${open.has(key) ? "Hide" : "Show"} ${key} side by side`} onClick={() => toggle(key)}>{open.has(key) ? "Hide" : "Show"}</Button>}
            </th>
            {cells.map((content, at) => <td key={at} className={cell}>{content}</td>)}
          </tr>
          {beneath === undefined || !open.has(key) ? null : <tr><td className={label} />{beneath.map((content, at) => <td key={at} className="max-w-[28rem] py-1.5 pl-5 align-top">{content}</td>)}</tr>}
        </Fragment>
      ))}
      {more === null ? null : <tr><td colSpan={columns} className="py-2"><span className="sticky left-0">{more}</span></td></tr>}
    </tbody>
  )
}

/** The parts of a comparison, and how many of their rows are the same everywhere. */
export const RunComparison = ({ all, comparison, onBaseline, onRemove }: {
  readonly comparison: ComparisonJson
  readonly all: boolean
  readonly onBaseline: (id: string) => void
  readonly onRemove: (id: string) => void
}) => {
  const { runs } = comparison
  const parts = [metricPart, paramPart, runPart, stepPart, artifactPart, codePart, environmentPart].map((part) => part(comparison)).filter(({ rows }) => rows.length > 0)
  /** A detail is shown only under its row. */
  const shownOf = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => {
    let over = true
    return rows.filter(({ detail, differs }) => {
      if (detail !== true) over = all || differs
      return all || (differs && over)
    })
  }
  const same = parts.filter(({ rows }) => shownOf(rows).length === 0).map(({ title }) => title.toLowerCase())
  return (
    <>
      <div className="relative overflow-x-auto">
        <table className="border-separate border-spacing-0 text-small">
          <thead>
            <tr>
              <td className={label} />
              {runs.map(({ id }, at) => (
                <th key={id} scope="col" className="min-w-28 max-w-80 pb-2 pl-5 text-right align-bottom font-normal">
                  <Link to="/runs/$runId" params={{ runId: id }} className="break-all font-semibold no-underline hover:underline">{id}</Link>
                  <span className="mt-1 flex items-center justify-end gap-1">
                    {at === 0 ? <span className="inline-flex min-h-7 items-center text-soft">baseline</span> : <Button onClick={() => onBaseline(id)} aria-label={`Make baseline: ${id}`}>Make baseline</Button>}
                    {runs.length > 2 ? <Button onClick={() => onRemove(id)} aria-label={`Leave out ${id}`} className="border-transparent px-1.5 text-soft">×</Button> : null}
                  </span>
                </th>
              ))}
            </tr>
          </thead>
          {parts.map(({ rows, title }) => <PartRows key={title} title={title} rows={rows} shown={shownOf(rows)} all={all} columns={runs.length + 1} />)}
        </table>
      </div>
      {same.length === 0 ? null : <p className="mt-5 text-small text-soft">The same in all runs: {same.join(", ")}.</p>}
    </>
  )
}
