/** An artifact against the baseline's: text line by line, JSON by paths, cells of tables; pictures, and whatever else, as they are. */
import { formatBytes } from "@uniflow/compare"
import { useMemo, useState } from "react"
import { ArtifactPreview, Reading, separatorOf } from "./ArtifactPreview.tsx"
import { MOST_BYTES, previewKind, type PreviewedArtifact, useArtifact } from "./artifactData.ts"
import { Button } from "./Button.tsx"
import { CsvTable } from "./CsvTable.tsx"
import { DiffLines, useDiff } from "./DiffLines.tsx"
import { jsonDifferences } from "./jsonDifferences.ts"
import { Failure } from "./States.tsx"

const MOST_PATHS = 200

interface Side {
  readonly runId: string
  readonly artifact: PreviewedArtifact
}

const parsed = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

const Lines = ({ after, before, label }: { readonly before: string; readonly after: string; readonly label: string }) => {
  const lines = useDiff(before, after)
  return lines.length === 0
    ? <p className="text-small text-soft">What is shown of the two is the same; their bytes are not.</p>
    : <DiffLines lines={lines} label={label} wrap className="rounded border border-line" />
}

const Paths = ({ after, before, label }: { readonly before: unknown; readonly after: unknown; readonly label: string }) => {
  const found = useMemo(() => jsonDifferences(before, after, MOST_PATHS), [before, after])
  if (found.length === 0) return <p className="text-small text-soft">The same values, written otherwise.</p>
  const cell = "border-t border-line py-1 pr-3 align-top wrap-anywhere"
  return (
    <div tabIndex={0} role="group" aria-label={label} className="max-h-96 overflow-auto rounded border border-line px-2">
      <table className="w-full text-left font-mono text-small">
        <thead className="font-sans text-soft"><tr><th scope="col" className="py-1 font-normal">Path</th><th scope="col" className="font-normal">Baseline</th><th scope="col" className="font-normal">Here</th></tr></thead>
        <tbody>
          {found.slice(0, MOST_PATHS).map(({ after, before, path }) => (
            <tr key={path}>
              <th scope="row" className={`${cell} font-normal`}>{path}</th>
              <td className={`${cell} text-bad`}>{before ?? <span className="font-sans text-soft">nothing</span>}</td>
              <td className={`${cell} text-good`}>{after ?? <span className="font-sans text-soft">nothing</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length > MOST_PATHS ? <p className="py-1 text-small text-soft">The first {MOST_PATHS} differences</p> : null}
    </div>
  )
}

const Differences = ({ base, own }: { readonly base: Side; readonly own: Side }) => {
  const before = useArtifact(base.runId, base.artifact)
  const after = useArtifact(own.runId, own.artifact)
  const json = useMemo(() => (after.kind === "json" ? [parsed(before.text), parsed(after.text)] as const : undefined), [before.text, after])
  const error = before.error ?? after.error
  if (error) return <Failure error={error} />
  if (before.data === undefined || after.data === undefined) return <Reading />
  const label = `Differences of ${own.artifact.name} in ${own.runId}`
  const cut = before.data.cut || after.data.cut
  return (
    <>
      {json?.[0] !== undefined && json[1] !== undefined && !cut
        ? <Paths before={json[0].value} after={json[1].value} label={label} />
        : after.kind === "csv"
        ? <div tabIndex={0} role="group" aria-label={label} className="max-h-96 overflow-auto rounded border border-line p-2"><CsvTable text={after.text} against={before.text} separator={separatorOf(own.artifact.mediaType)} /></div>
        : <Lines before={before.text} after={after.text} label={label} />}
      {cut ? <p className="mt-1 text-small text-soft">Of the first {formatBytes(MOST_BYTES)} of each</p> : null}
    </>
  )
}

/** Where both are of the same kind it begins with the differences. */
export const ArtifactAgainst = ({ base, own }: { readonly base: Side | undefined; readonly own: Side }) => {
  const [whole, setWhole] = useState(false)
  const kind = previewKind(own.artifact)
  if (base === undefined || kind === "picture" || kind !== previewKind(base.artifact) || base.artifact.digest === own.artifact.digest) return <ArtifactPreview {...own} />
  return (
    <>
      {whole ? <ArtifactPreview {...own} /> : <Differences base={base} own={own} />}
      <Button className="mt-1" aria-label={`Show ${whole ? "the differences" : "the whole"} of ${own.artifact.name} in ${own.runId}`} onClick={() => setWhole(!whole)}>{whole ? "Differences" : "Whole"}</Button>
    </>
  )
}
