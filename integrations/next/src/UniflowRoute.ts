/**
 * The experiments page as a route of a Next.js application: `app/uniflow/[[...path]]/route.ts`.
 *
 * Importing it opens nothing; what is opened at the first request is what the application's actions use, too (`Uniflow.lazy()`), once per process. Where
 * the page is mounted is taken from the URL, whatever the folder of the route, `basePath` and `trailingSlash` are.
 */
import { type AccessOptions, Dashboard } from "@uniflow/dashboard"
import { Uniflow } from "uniflow"

export interface UniflowRouteOptions extends AccessOptions, Pick<Dashboard.DashboardOptions, "frameAncestors" | "maxStreams" | "maxStreamMs"> {
  /** Whose runs are shown. Default: the process's shared instance, `Uniflow.lazy()`. */
  readonly uniflow?: Dashboard.DashboardOptions["uniflow"] | undefined
}

/** What Next.js gives a route: the parts of the catch-all segment, of which only the number is looked at. */
export interface RouteContext {
  readonly params: Promise<{ readonly [name: string]: string | ReadonlyArray<string> | undefined }>
}

export type RouteHandler = (request: Request, context: RouteContext) => Promise<Response>

/** The handlers that a route file exports. */
export interface UniflowRoute {
  readonly GET: RouteHandler
  readonly HEAD: RouteHandler
  readonly POST: RouteHandler
  readonly PATCH: RouteHandler
  readonly DELETE: RouteHandler
}

/** Live views end by themselves before the server ends them, and come again. In milliseconds. */
const STREAM_MS = 50_000

/** The path without its last parts, as many as the catch-all segment took. */
const mountOf = async (request: Request, { params }: RouteContext): Promise<string> => {
  const caught = Object.values(await params).find((value) => Array.isArray(value)) as ReadonlyArray<string> | undefined
  const parts = new URL(request.url).pathname.split("/").filter((part) => part !== "")
  return `/${parts.slice(0, Math.max(0, parts.length - (caught?.length ?? 0))).join("/")}`
}

/** The handlers of `app/<where you like>/[[...path]]/route.ts`. In production `authorize` has to say who may see the page. */
export const uniflowRoute = ({ maxStreamMs = STREAM_MS, uniflow, ...options }: UniflowRouteOptions = {}): UniflowRoute => {
  let dashboard: Dashboard.Dashboard | undefined
  const handle: RouteHandler = async (request, context) => {
    dashboard ??= Dashboard.make({ ...options, compressed: false, maxStreamMs, uniflow: uniflow ?? Uniflow.lazy() })
    return dashboard.handler(request, { path: await mountOf(request, context) })
  }
  return { GET: handle, HEAD: handle, POST: handle, PATCH: handle, DELETE: handle }
}
