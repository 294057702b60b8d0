/**
 * The experiments page as one function from Request to Response: pages, assets, API and live changes, under any path of any server.
 *
 * Opens nothing by itself: it uses the `Uniflow` that it is given, and asks `authorize` about every request. Mounts are a few lines: `@uniflow/next`, or `uniflow ui`.
 */
import { Context, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { type AccessOptions, type Action, principalOf, type Principal, refuse } from "./Access.ts"
import { assetResponse, pageResponse } from "./Assets.ts"
import { decodeOnce } from "./internal/decodeOnce.ts"
import { events } from "./internal/events.ts"
import { layer, type PageUniflow } from "./internal/handlers.ts"
import { download } from "./internal/downloads.ts"
import { problemResponse } from "./internal/problem.ts"
import { filterOf, Visitor } from "./internal/Visitor.ts"

export interface DashboardOptions extends AccessOptions {
  /** Whose runs are shown. It is not closed by `dispose`. */
  readonly uniflow: PageUniflow
  /** Where pages of other sites may show this one in a frame, as sources of `frame-ancestors`. Default: nowhere. */
  readonly frameAncestors?: string | undefined
  /** Whether files are sent compressed; `false` where the server compresses what it sends (Next.js). Default true. */
  readonly compressed?: boolean | undefined
  /** Streams of live changes at the same time. Default 100. */
  readonly maxStreams?: number | undefined
  /** How long one stream lasts before its reader has to come again, in milliseconds. Default 5 minutes. */
  readonly maxStreamMs?: number | undefined
}

export interface MountOptions {
  /** Where the mount begins, as the URL has it, such as `/uniflow`. Default `/`. */
  readonly path?: string | undefined
}

export interface Dashboard {
  readonly handler: (request: Request, options?: MountOptions) => Promise<Response>
  readonly dispose: () => Promise<void>
}

/** The largest body that is read. */
const MOST_BYTES = 1024 * 1024

const policy = (frameAncestors: string): string =>
  [
    "default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data: blob:", "font-src 'self'", "connect-src 'self'",
    "base-uri 'self'", "form-action 'none'", `frame-ancestors ${frameAncestors}`
  ].join("; ")

/** What stands after the mount in a path, decoded nowhere; undefined for a path that is not under it. */
export const underMount = (pathname: string, mount: string): string | undefined => {
  const base = `/${mount.split("/").filter((part) => part !== "").join("/")}`
  if (base === "/") return pathname.replace(/^\/+/, "")
  if (pathname === base) return ""
  return pathname.startsWith(`${base}/`) ? pathname.slice(base.length + 1) : undefined
}

/** The `href` of `<base>` that leads from a page to the mount, wherever that is. */
export const baseHref = (pathname: string, rest: string): string => {
  if (rest === "" && !pathname.endsWith("/")) return `./${pathname.slice(pathname.lastIndexOf("/") + 1)}/`
  return "../".repeat(rest.split("/").length - 1) || "./"
}

/** What a request is about; `authorize` is told the id that is then looked up, decoded as it will be there. */
const aboutOf = (method: string, rest: string): { readonly action: Action; readonly runId: string | undefined } => {
  const parts = rest.split("/")
  const runId = parts[0] === "api" && (parts[1] === "runs" || parts[1] === "artifacts") && parts[2] !== undefined && parts[2] !== "" ? decodeOnce(parts[2]) : undefined
  if (method !== "GET" && method !== "HEAD") return { action: parts.at(-1) === "cancel" ? "cancel" : "annotate", runId }
  return { action: parts[0] === "api" ? "read" : "page", runId }
}

/** Reads a body up to the limit; undefined where it is longer. */
const readBody = async (request: Request): Promise<Uint8Array<ArrayBuffer> | undefined> => {
  if (Number(request.headers.get("content-length") ?? 0) > MOST_BYTES) return undefined
  const reader = request.body?.getReader()
  const chunks: Array<Uint8Array> = []
  let length = 0
  while (reader !== undefined) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > MOST_BYTES) {
      await reader.cancel()
      return undefined
    }
    chunks.push(value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** Makes the page. */
export const make = (options: DashboardOptions): Dashboard => {
  const { compressed = true, frameAncestors = "'none'", uniflow } = options
  const api = HttpRouter.toWebHandler(layer(uniflow).pipe(Layer.provide(HttpServer.layerServices)), { disableLogger: true })
  const live = events(uniflow, { maxStreams: options.maxStreams ?? 100, maxStreamMs: options.maxStreamMs ?? 300_000 })

  const answer = async (request: Request, rest: string, pathname: string, principal: Principal, requestId: string): Promise<Response> => {
    const where = filterOf(principal.where)
    const [first, second] = rest.split("/")
    if (first !== "api") {
      if (request.method !== "GET" && request.method !== "HEAD") return problemResponse({ status: 405, code: "method", message: "Pages are read by GET." }, requestId)
      const files = await (await import("./uiFiles.ts")).load()
      if (files === undefined) return problemResponse({ status: 404, code: "not_found", message: "The web UI was not built: run the build of @uniflow/dashboard. The API is there; see api/openapi.json." }, requestId)
      return first === "assets" ? assetResponse(files, rest.slice("assets/".length), request, compressed) ?? problemResponse({ status: 404, code: "not_found", message: "There is no such file." }, requestId) : pageResponse(files, baseHref(pathname, rest))
    }
    if (second === "events") return live.stream(request, where) ?? problemResponse({ status: 429, code: "too_many_streams", message: "Too many live views are open; this one asks again by itself." }, requestId)
    if (second === "artifacts") return download(uniflow, request, rest, where, requestId)
    const url = new URL(request.url)
    const isRead = request.method === "GET" || request.method === "HEAD"
    const body = isRead ? undefined : await readBody(request)
    if (!isRead && body === undefined) return problemResponse({ status: 413, code: "too_large", message: "The body has more than 1 MiB." }, requestId)
    const inner = new Request(`${url.origin}/${rest}${url.search}`, { method: request.method, headers: { "content-type": "application/json" }, ...body === undefined ? {} : { body } })
    const response = await api.handler(inner, Context.make(Visitor, { requestId, where }) as never)
    if (response.status < 400 || (response.headers.get("content-type") ?? "").includes("json") && response.status !== 500) return response
    return response.status === 404
      ? problemResponse({ status: 404, code: "not_found", message: "There is no such endpoint; see api/openapi.json." }, requestId)
      : response.status < 500
      ? problemResponse({ status: response.status, code: "invalid_request", message: "The request is not what this endpoint takes; see api/openapi.json." }, requestId)
      : problemResponse({ status: 500, code: "internal", message: "Something unexpected happened; the server's log tells more." }, requestId)
  }

  const secured = (response: Response, requestId: string): Response => {
    const headers = new Headers(response.headers)
    const defaults = {
      "x-content-type-options": "nosniff",
      "content-security-policy": policy(frameAncestors),
      "referrer-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
      "content-type": "text/plain; charset=utf-8"
    }
    for (const [name, value] of Object.entries(defaults)) if (!headers.has(name)) headers.set(name, value)
    headers.set("x-request-id", requestId)
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
  }

  const handler: Dashboard["handler"] = async (request, { path = "/" } = {}) => {
    const requestId = crypto.randomUUID()
    try {
      const { pathname } = new URL(request.url)
      // Some servers end every address with a slash; pages keep theirs, because their base depends on it.
      const below = underMount(pathname, path)
      const rest = below?.startsWith("api/") === true || below?.startsWith("assets/") === true ? below.replace(/\/+$/, "") : below
      const isPage = rest !== undefined && !rest.startsWith("api/") && !rest.startsWith("assets/")
      const refusal = refuse(request, isPage, options)
      if (refusal !== undefined) return secured(problemResponse(refusal, requestId), requestId)
      if (rest === undefined) return secured(problemResponse({ status: 404, code: "not_found", message: "There is nothing here." }, requestId), requestId)
      const principal = await principalOf(request, aboutOf(request.method, rest), options)
      if (principal instanceof Response) return secured(principal, requestId)
      if ("status" in principal) return secured(problemResponse(principal, requestId), requestId)
      const response = secured(await answer(request, rest, pathname, principal, requestId), requestId)
      return request.method === "HEAD" ? new Response(null, response) : response
    } catch (error) {
      console.error(`uniflow ${requestId}:`, error)
      return secured(problemResponse({ status: 500, code: "internal", message: "Something unexpected happened; the server's log tells more." }, requestId), requestId)
    }
  }

  return {
    handler,
    dispose: async () => {
      live.close()
      await api.dispose()
    }
  }
}
