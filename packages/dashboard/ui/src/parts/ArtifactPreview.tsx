/**
 * An artifact, as far as it is safe to show: text, JSON, saved values, a table of CSV, a picture of pixels. What could carry a script (HTML, SVG) is shown
 * as its text or not at all, and a picture only where it says that it is not too large to be decoded.
 */
import { formatBytes, formatNumber } from "@uniflow/compare"
import { useEffect, useMemo, useState } from "react"
import { MOST_BYTES, type PreviewedArtifact, useArtifact } from "./artifactData.ts"
import { CsvTable } from "./CsvTable.tsx"
import { imageSize, isSmallEnough } from "./imageSize.ts"
import { Failure } from "./States.tsx"

const Picture = ({ bytes, mediaType, name }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string; readonly name: string }) => {
  const size = useMemo(() => imageSize(bytes), [bytes])
  const fits = size !== undefined && isSmallEnough(size)
  const [source, setSource] = useState<string>()
  useEffect(() => {
    if (!fits) return
    const url = URL.createObjectURL(new Blob([bytes], { type: mediaType }))
    setSource(url)
    return () => URL.revokeObjectURL(url)
  }, [bytes, fits, mediaType])
  if (size === undefined) return <p className="text-small text-soft">This is no {mediaType}, or it is damaged: download it to look.</p>
  if (!fits) return <p className="text-small text-soft">{formatNumber(size.width)} × {formatNumber(size.height)} pixels are too large to preview.</p>
  return source === undefined ? null : <img src={source} alt={name} className="max-h-96 max-w-full" />
}

const pretty = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}

/** How the cells of a table in text are separated. */
export const separatorOf = (mediaType: string): string => (mediaType.includes("tab") ? "\t" : ",")

export const Reading = () => <div aria-busy="true" aria-label="Loading" role="status" className="h-24 animate-pulse rounded bg-band" />

export const ArtifactPreview = ({ artifact, runId }: { readonly runId: string; readonly artifact: PreviewedArtifact }) => {
  const { mediaType, name } = artifact
  const { data, error, isPending, kind, text } = useArtifact(runId, artifact)
  if (kind === undefined) return <p className="text-small text-soft">{mediaType} is not shown here.</p>
  if (error) return <Failure error={error} />
  if (isPending || data === undefined) return <Reading />
  return (
    <div>
      <div tabIndex={0} role="group" aria-label={`Preview of ${name} in ${runId}`} className="max-h-96 overflow-auto rounded border border-line p-2 text-left">
        {kind === "picture" ? <Picture bytes={data.bytes} mediaType={mediaType} name={name} /> : null}
        {kind === "csv" ? <CsvTable text={text} separator={separatorOf(mediaType)} /> : null}
        {kind === "json" || kind === "text" || kind === "cbor" ? <pre className="whitespace-pre-wrap break-words font-mono text-small">{kind === "json" && !data.cut ? pretty(text) : text}</pre> : null}
      </div>
      {data.cut ? <p className="mt-1 text-small text-soft">The first {formatBytes(MOST_BYTES)} of {formatBytes(artifact.sizeBytes)}</p> : null}
    </div>
  )
}
