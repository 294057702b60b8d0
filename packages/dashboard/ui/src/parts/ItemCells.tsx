/** One compared item: what it was made of, and in each run its scores and its output; opened, the outputs in full and as differences. */
import { formatBytes, formatDelta, formatDuration, formatNumber } from "@uniflow/compare"
import { useState } from "react"
import type { ItemRow } from "../api.ts"
import { Button } from "./Button.tsx"
import { DiffLines, useDiff } from "./DiffLines.tsx"
import { figureOf } from "./figures.ts"

type Value = NonNullable<ItemRow["values"][number]>
type Score = Value["scores"][number]

const looks = {
  improved: ["▲", "improved", "text-good"],
  worse: ["▼", "worse", "text-bad"],
  changed: ["≠", "changed", "text-warning"],
  same: ["=", "same", "text-soft"],
  added: ["+", "not in the baseline", "text-soft"],
  missing: ["−", "missing", "text-soft"]
} as const

export const ItemChangeMark = ({ change, count }: { readonly change: keyof typeof looks; readonly count?: number }) => {
  const [mark, word, tone] = looks[change]
  return <span className={`whitespace-nowrap ${tone}`}><span aria-hidden="true">{mark}</span> {count === undefined ? "" : `${formatNumber(count)} `}{word}</span>
}

const MOST_SCORES = 8

const directionOf = (before: Score["value"], { goal, value }: Score): "better" | "worse" | undefined =>
  goal === null || Number(before) === Number(value) ? undefined : (Number(value) > Number(before)) === (goal === "maximize") ? "better" : "worse"

const ScoreText = ({ base, score }: { readonly score: Score; readonly base: Score | undefined }) => {
  const changed = base !== undefined && base.value !== score.value
  const direction = changed ? directionOf(base.value, score) : undefined
  const tone = direction === "better" ? "text-good" : direction === "worse" ? "text-bad" : changed ? "text-warning" : ""
  const isFlag = typeof score.value === "boolean"
  return (
    <li className={tone}>
      <span className="text-soft">{score.name}</span>{" "}
      <span className={changed ? "font-semibold" : ""}>{isFlag ? <><span aria-hidden="true">{score.value ? "✓ " : "✗ "}</span>{score.value ? "yes" : "no"}</> : formatNumber(Number(score.value))}</span>
      {changed && !isFlag && typeof base.value !== "boolean" && Number.isFinite(Number(score.value) - Number(base.value))
        ? <> <span aria-hidden="true">{direction === "better" ? "▲" : direction === "worse" ? "▼" : ""}</span>{formatDelta(Number(score.value) - Number(base.value))}</>
        : null}
      {direction === undefined ? null : <span className="sr-only"> {direction}</span>}
    </li>
  )
}

const textOf = (value: Value | null): string | undefined => value?.error === null || value?.error === undefined ? value?.output?.text ?? undefined : `${value.error.name}: ${value.error.message}`

const Output = ({ base, differences, label, open, value }: { readonly value: Value; readonly base: Value | null; readonly open: boolean; readonly differences: boolean; readonly label: string }) => {
  const text = textOf(value)
  const before = textOf(base)
  const compared = open && differences && base !== null && before !== undefined && text !== undefined && before !== text
  const lines = useDiff(compared ? before : undefined, compared ? text : undefined)
  const isError = value.error !== null
  const { output } = value
  if (text === undefined) return <p className="text-soft">{output === null ? "nothing came out" : `${output.mediaType}, ${formatBytes(output.sizeBytes)}: not shown here`}</p>
  return (
    <>
      {compared
        ? <DiffLines lines={lines} label={`Differences of ${label}`} wrap className="rounded border border-line" />
        : open
        ? <pre tabIndex={0} role="group" aria-label={label} className={`max-h-96 overflow-auto rounded border border-line p-2 text-left font-mono whitespace-pre-wrap wrap-anywhere ${isError ? "text-bad" : ""}`}>{text}</pre>
        : <p className={`line-clamp-3 font-mono wrap-anywhere ${isError ? "text-bad" : ""}`}>{text.slice(0, 400)}</p>}
      {output?.cut === true && open ? <p className="mt-1 text-soft">The beginning of {formatBytes(output.sizeBytes)}</p> : null}
    </>
  )
}

const cell = "min-w-40 max-w-[30rem] border-t border-line py-2 pl-5 text-left align-top sm:min-w-56"

/** A row of a table that has a column for the item and one for each run. */
export const ItemCells = ({ item, runs }: { readonly item: ItemRow; readonly runs: ReadonlyArray<string> }) => {
  const [open, setOpen] = useState(false)
  const [differences, setDifferences] = useState(true)
  const { changes, input, key, values } = item
  const [base] = values
  const expected = values.find((value) => typeof value?.output?.expected === "string")?.output?.expected
  const name = input ?? key
  const short = name.length > 60 ? `${name.slice(0, 60)}…` : name
  return (
    <tr>
      <th scope="row" className="sticky left-0 z-10 w-36 min-w-36 max-w-64 wrap-anywhere border-t border-line bg-paper py-2 pr-4 text-left align-top font-normal sm:w-64 sm:min-w-52">
        <span className={open ? "whitespace-pre-wrap" : "line-clamp-3"} title={key}>{input ?? <code className="font-mono">{key}</code>}</span>
        {expected === undefined || expected === null ? null : <span className={`mt-1 text-soft ${open ? "block whitespace-pre-wrap" : "line-clamp-2"}`}>expected <span className="font-mono text-ink">{expected}</span></span>}
        <span className="mt-1 flex flex-wrap gap-1">
          <Button aria-expanded={open} aria-label={`${open ? "Fold" : "Open"} ${short}`} onClick={() => setOpen(!open)}>{open ? "Fold" : "Open"}</Button>
          {open && values.length > 1 ? <Button aria-pressed={differences} aria-label={`Differences of ${short}`} onClick={() => setDifferences(!differences)} className={differences ? "bg-band" : ""}>Differences</Button> : null}
        </span>
      </th>
      {values.map((value, at) => {
        const change = changes[at]
        return (
          <td key={at} className={cell}>
            <p className="mb-1 flex flex-wrap gap-x-3">
              {at === 0 ? <span className="text-soft">baseline</span> : change === null || change === undefined ? null : <ItemChangeMark change={change} />}
              {value?.status === "failed" ? <span className="text-bad">failed</span> : null}
              {figureOf(value?.durationMs) === undefined ? null : <span className="ml-auto text-soft">{formatDuration(figureOf(value?.durationMs)!)}</span>}
            </p>
            {value === null || value === undefined ? null : (
              <>
                {value.scores.length === 0 ? null : (
                  <ul className="mb-1 flex flex-wrap gap-x-4">
                    {(open ? value.scores : value.scores.slice(0, MOST_SCORES)).map((score) => <ScoreText key={score.name} score={score} base={at === 0 ? undefined : base?.scores.find(({ name }) => name === score.name)} />)}
                  </ul>
                )}
                <Output value={value} base={at === 0 ? null : base ?? null} open={open} differences={differences} label={`Output of ${short} in ${runs[at]}`} />
              </>
            )}
          </td>
        )
      })}
    </tr>
  )
}
