/**
 * The files of the web UI, and how they are served: from memory, compressed, found by a name that their content decides.
 */

export interface Asset {
  readonly type: string
  /** gzip, in base64. */
  readonly gzip: string
}

export interface Assets {
  /** The page; `%BASE%` stands for the way to the mount. */
  readonly page: string
  /** By name; names hold a hash of the content. */
  readonly files: { readonly [name: string]: Asset }
}

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

const decoded = new WeakMap<Asset, Uint8Array<ArrayBuffer>>()

const bytesOf = (asset: Asset): Uint8Array<ArrayBuffer> => {
  const known = decoded.get(asset)
  if (known !== undefined) return known
  const bytes = fromBase64(asset.gzip)
  decoded.set(asset, bytes)
  return bytes
}

/** A file, for ever; undefined where there is none of the name. */
export const assetResponse = ({ files }: Assets, name: string, request: Request, compressed: boolean): Response | undefined => {
  const asset = Object.hasOwn(files, name) ? files[name] : undefined
  if (asset === undefined) return undefined
  const etag = `"${name}"`
  const headers = { "content-type": asset.type, "cache-control": "public, max-age=31536000, immutable", etag, vary: "accept-encoding" }
  if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers })
  const bytes = bytesOf(asset)
  if (compressed && /\bgzip\b/.test((request.headers.get("accept-encoding") ?? "").slice(0, 1000))) return new Response(bytes, { headers: { ...headers, "content-encoding": "gzip" } })
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")), { headers })
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" }

/** The page, wherever it stands under the mount. */
export const pageResponse = ({ page }: Assets, base: string): Response =>
  new Response(page.replace("%BASE%", base.replace(/[&<>"]/g, (character) => entities[character]!)), { headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" } })
