/**
 * The experiments page as one function from Request to Response: pages, assets, API and live changes, under any path of any server.
 *
 * Opens nothing by itself: it uses the `Uniflow` that it is given, and asks `authorize` about every request. Mounts are a few lines: `@uniflow/next`, or `uniflow ui`.
 */
import { Context, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { type AccessOptions, isProduction, type Known, principalOf, type Principal, refuse } from "./Access.ts"
import { assetResponse, pageResponse } from "./Assets.ts"
import { actionOf, type Address, addressOf } from "./internal/address.ts"
import { readBody } from "./internal/body.ts"
import { events } from "./internal/events.ts"
import { layer, type PageUniflow } from "./internal/handlers.ts"
import { download } from "./internal/downloads.ts"
import { problemResponse } from "./internal/problem.ts"
import { unusablePage, unusableStore } from "./internal/unusableStore.ts"
import { InvalidRunId, Visitor } from "./internal/Visitor.ts"

export interface DashboardOptions extends AccessOptions {
  /** Whose runs are shown. It is not closed by `dispose`. */
  readonly uniflow: PageUniflow
  /** Where pages of other sites may show this one in a frame, as sources of `frame-ancestors`. Default: nowhere. */
  readonly frameAncestors?: string | undefined
  /** Whether files are sent compressed; `false` where the server compresses what it sends (Next.js). Default true. */
  readonly compressed?: boolean | undefined
  /** Streams of live changes at the same time. Default 100. */
  readonly maxStreams?: number | undefined
  /** Those of one session: of a principal by its name, else of what came with the same cookies and Authorization header. Default 8. */
  readonly maxStreamsPerSession?: number | undefined
  /** How long one stream lasts before its reader has to come again, in milliseconds. Default 5 minutes. */
  readonly maxStreamMs?: number | undefined
  /** How long the body of a request may take to come, in milliseconds. Default 30 seconds. */
  readonly maxBodyMs?: number | undefined
}

export interface MountOptions {
  /** Where the mount begins, as the URL has it, such as `/uniflow`. Default `/`. */
  readonly path?: string | undefined
}

export interface Dashboard {
  readonly handler: (request: Request, options?: MountOptions) => Promise<Response>
  readonly dispose: () => Promise<void>
}

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

/** Who has what in common with whom, for what each may have open at a time. */
const sessionOf = ({ headers }: Request, { name }: Principal): string => (name === undefined ? `${headers.get("cookie")}\n${headers.get("authorization")}` : `name ${name}`)

/** Makes the page. */
export const make = (options: DashboardOptions): Dashboard => {
  const { compressed = true, frameAncestors = "'none'", uniflow } = options
  const api = HttpRouter.toWebHandler(layer(uniflow).pipe(Layer.provide(HttpServer.layerServices)), { disableLogger: true })
  const live = events(uniflow, { maxStreams: options.maxStreams ?? 100, maxStreamsPerSession: options.maxStreamsPerSession ?? 8, maxStreamMs: options.maxStreamMs ?? 300_000 })

  const file = async (request: Request, { kind, rest }: Address, pathname: string, requestId: string): Promise<Response> => {
    const unusable = kind === "Page" ? await unusableStore(uniflow) : undefined
    if (unusable !== undefined) {
      console.error(`uniflow ${requestId}:`, unusable.message)
      return unusablePage(unusable, requestId, isProduction(options) ? undefined : unusable.message)
    }
    const files = await (await import("./uiFiles.ts")).load()
    if (files === undefined) return problemResponse({ status: 404, code: "not_found", message: "The web UI was not built: run the build of @uniflow/dashboard. The API is there; see api/openapi.json." }, requestId)
    if (kind === "Page") return pageResponse(files, baseHref(pathname, rest))
    return assetResponse(files, rest.slice("assets/".length), request, compressed) ?? problemResponse({ status: 404, code: "not_found", message: "There is no such file." }, requestId)
  }

  const answer = async (request: Request, address: Address, pathname: string, { principal, where }: Known, requestId: string): Promise<Response> => {
    const { kind, methods, rest } = address
    const isRead = request.method === "GET" || request.method === "HEAD"
    if (kind === "InvalidRunId") return problemResponse({ status: 400, code: "invalid_run_id", message: new InvalidRunId().message }, requestId)
    if (kind === "Unknown") return problemResponse({ status: 404, code: "not_found", message: "There is no such endpoint; see api/openapi.json." }, requestId)
    if (!methods.includes(request.method === "HEAD" ? "GET" : request.method)) return problemResponse({ status: 405, code: "method", message: `This address is not for ${request.method}.` }, requestId)
    if (kind === "Page" || kind === "Asset") return file(request, address, pathname, requestId)
    if (kind === "Events") return live.stream(request, where, sessionOf(request, principal)) ?? problemResponse({ status: 429, code: "too_many_streams", message: "Too many live views are open; this one asks again by itself." }, requestId)
    if (kind === "Artifact") return download(uniflow, request, address, where, requestId)
    const url = new URL(request.url)
    const body = isRead ? undefined : await readBody(request, options.maxBodyMs ?? 30_000)
    if (typeof body === "object") return problemResponse(body, requestId)
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
      const address = rest === undefined ? undefined : addressOf(rest)
      const refusal = refuse(request, address?.kind === "Page", options)
      if (refusal !== undefined) return secured(problemResponse(refusal, requestId), requestId)
      if (address === undefined) return secured(problemResponse({ status: 404, code: "not_found", message: "There is nothing here." }, requestId), requestId)
      const known = await principalOf(request, { action: actionOf(request.method, address), runId: address.runId }, options)
      if (known instanceof Response) return secured(known, requestId)
      if (!("principal" in known)) return secured(problemResponse(known, requestId), requestId)
      const response = secured(await answer(request, address, pathname, known, requestId), requestId)
      if (request.method !== "HEAD") return response
      await response.body?.cancel()
      return new Response(null, response)
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
