/** What is in an artifact, as far as it is read for showing: the first 256 KiB, of pictures the first 4 MiB. */
import { useQuery } from "@tanstack/react-query"
import { useMemo } from "react"
import { cborText } from "../../../src/internal/cborText.ts"
import { api, ApiError } from "../api.ts"

export const MOST_BYTES = 256 * 1024
const MOST_PICTURE_BYTES = 4 * 1024 * 1024

export type PreviewKind = "text" | "json" | "csv" | "cbor" | "picture"

/** How an artifact can be shown; undefined where it cannot. */
export const previewKind = ({ mediaType, sizeBytes }: { readonly mediaType: string; readonly sizeBytes: number }): PreviewKind | undefined => {
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

export interface PreviewedArtifact {
  readonly name: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly digest: string
}

/** The text that is shown of an artifact; empty while it is not read, and of pictures. */
export const useArtifact = (runId: string, artifact: PreviewedArtifact) => {
  const { digest, name } = artifact
  const kind = previewKind(artifact)
  const { data, error, isPending } = useQuery({
    // The digest says what it holds: it never has to be asked for again, whatever becomes of the run.
    queryKey: ["artifact", digest, runId, name],
    queryFn: ({ signal }) => read(runId, name, kind === "picture" ? MOST_PICTURE_BYTES : MOST_BYTES, signal),
    enabled: kind !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    meta: { runs: [] }
  })
  const text = useMemo(() => (data === undefined || kind === "picture" ? "" : kind === "cbor" ? cborText(data.bytes) : new TextDecoder().decode(data.bytes)), [data, kind])
  return { kind, data, error, isPending, text }
}
