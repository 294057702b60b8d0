/**
 * What is in an artifact, as far as it is safe to show: text, JSON, saved values, a table of CSV, a picture of pixels. What could carry a script (HTML, SVG) is shown
 * as its text or not at all, and never more than the first 256 KiB are read.
 */
import { formatBytes } from "@uniflow/compare"
import { useQuery } from "@tanstack/react-query"
import { useEffect, useMemo, useState } from "react"
import { api, ApiError } from "../api.ts"
import { cborText } from "../../../src/internal/cborText.ts"
import { Failure } from "./States.tsx"

const MOST_BYTES = 256 * 1024
const MOST_PICTURE_BYTES = 4 * 1024 * 1024
const MOST_ROWS = 200

type Kind = "text" | "json" | "csv" | "cbor" | "picture"

/** How an artifact can be shown; undefined where it cannot. */
export const previewKind = ({ mediaType, sizeBytes }: { readonly mediaType: string; readonly sizeBytes: number }): Kind | undefined => {
  const type = mediaType.split(";")[0]!.trim().toLowerCase()
  if (/^image\/(?:png|jpeg|gif|webp|avif)$/.test(type)) return sizeBytes <= MOST_PICTURE_BYTES ? "picture" : undefined
  if (type === "text/csv" || type === "text/tab-separated-values") return "csv"
  if (type === "application/json" || type.endsWith("+json")) return "json"
  if (type === "application/cbor") return "cbor"
  if (type.startsWith("text/") || type === "application/xml" || type === "image/svg+xml" || type === "application/x-ndjson" || type === "application/yaml") return "text"
  return undefined
}

const read = async (runId: string, name: string, most: number, signal: AbortSignal): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly cut: boolean }> => {
  const response = await fetch(api.artifact(runId, name), { signal })
  if (!response.ok) {
    const { error } = (await response.json().catch(() => ({}))) as { readonly error?: { readonly code: string; readonly message: string; readonly requestId: string } }
    throw new ApiError(response.status, error?.code ?? "unknown", error?.message ?? `The server answered ${response.status}.`, error?.requestId)
  }
  const reader = response.body!.getReader()
  const bytes = new Uint8Array(most)
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return { bytes: bytes.slice(0, length), cut: false }
    const room = most - length
    bytes.set(value.subarray(0, room), length)
    length += Math.min(room, value.length)
    if (value.length > room) {
      await reader.cancel()
      return { bytes: bytes.slice(0, length), cut: true }
    }
  }
}

/** Rows of CSV (RFC 4180), at most `most` of them. */
export const csvRows = (text: string, separator: string, most: number): ReadonlyArray<ReadonlyArray<string>> => {
  const rows: Array<Array<string>> = []
  let row: Array<string> = []
  let cell = ""
  let quoted = false
  const endRow = (): void => {
    row.push(cell)
    rows.push(row)
    row = []
    cell = ""
  }
  for (let at = 0; at < text.length && rows.length < most; at++) {
    const char = text[at]!
    if (quoted) {
      if (char !== "\"") cell += char
      else if (text[at + 1] === "\"") cell += text[++at]!
      else quoted = false
    } else if (char === "\"" && cell === "") quoted = true
    else if (char === separator) {
      row.push(cell)
      cell = ""
    } else if (char === "\n") endRow()
    else if (char !== "\r") cell += char
  }
  if (rows.length < most && (cell !== "" || row.length > 0)) endRow()
  return rows
}

const CsvTable = ({ separator, text }: { readonly text: string; readonly separator: string }) => {
  const rows = useMemo(() => csvRows(text, separator, MOST_ROWS + 1), [text, separator])
  const isNumber = (cell: string): boolean => cell.trim() !== "" && Number.isFinite(Number(cell))
  // A first line without a number names the columns.
  const header = rows.length > 1 && rows[0]!.every((cell) => !isNumber(cell)) ? rows[0] : undefined
  const body = rows.slice(header === undefined ? 0 : 1, MOST_ROWS)
  return (
    <>
      <table className="text-small">
        {header === undefined ? null : <thead><tr>{header.map((cell, at) => <th key={at} scope="col" className="border-b border-line px-2 py-0.5 text-left">{cell}</th>)}</tr></thead>}
        <tbody>
          {body.map((row, line) => <tr key={line}>{row.map((cell, at) => <td key={at} className={`border-b border-line/50 px-2 py-0.5 ${isNumber(cell) ? "text-right" : ""}`}>{cell}</td>)}</tr>)}
        </tbody>
      </table>
      {rows.length > MOST_ROWS ? <p className="mt-1 text-small text-soft">The first {MOST_ROWS} rows</p> : null}
    </>
  )
}

const Picture = ({ bytes, mediaType, name }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string; readonly name: string }) => {
  const [source, setSource] = useState<string>()
  useEffect(() => {
    const url = URL.createObjectURL(new Blob([bytes], { type: mediaType }))
    setSource(url)
    return () => URL.revokeObjectURL(url)
  }, [bytes, mediaType])
  return source === undefined ? null : <img src={source} alt={name} className="max-h-96 max-w-full" />
}

const pretty = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}

export interface PreviewedArtifact {
  readonly name: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly digest: string
}

export const ArtifactPreview = ({ artifact, runId }: { readonly runId: string; readonly artifact: PreviewedArtifact }) => {
  const { digest, mediaType, name } = artifact
  const kind = previewKind(artifact)
  const { data, error, isPending } = useQuery({
    // The digest says what it holds: it never has to be asked for again.
    queryKey: ["artifact", digest, runId, name],
    queryFn: ({ signal }) => read(runId, name, kind === "picture" ? MOST_PICTURE_BYTES : MOST_BYTES, signal),
    enabled: kind !== undefined,
    staleTime: Number.POSITIVE_INFINITY
  })
  const text = useMemo(() => (data === undefined || kind === "picture" ? "" : kind === "cbor" ? cborText(data.bytes) : new TextDecoder().decode(data.bytes)), [data, kind])
  if (kind === undefined) return <p className="text-small text-soft">{mediaType} is not shown here.</p>
  if (error) return <Failure error={error} />
  if (isPending) return <div aria-busy="true" aria-label="Loading" className="h-24 animate-pulse rounded bg-band" />
  return (
    <div>
      <div tabIndex={0} role="group" aria-label={`Preview of ${name}`} className="max-h-96 overflow-auto rounded border border-line p-2">
        {kind === "picture" ? <Picture bytes={data.bytes} mediaType={mediaType} name={name} /> : null}
        {kind === "csv" ? <CsvTable text={text} separator={mediaType.includes("tab") ? "\t" : ","} /> : null}
        {kind === "json" || kind === "text" || kind === "cbor" ? <pre className="whitespace-pre-wrap break-words font-mono text-small">{kind === "json" && !data.cut ? pretty(text) : text}</pre> : null}
      </div>
      {data.cut ? <p className="mt-1 text-small text-soft">The first {formatBytes(MOST_BYTES)} of {formatBytes(artifact.sizeBytes)}</p> : null}
    </div>
  )
}
