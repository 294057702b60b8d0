/**
 * Who may do what: asked inside the handler, for every request, before anything is looked up.
 *
 * Without `authorize` the page answers on loopback hosts outside of production alone. Where `authorize` throws, rejects, returns nothing or does not answer in time,
 * the answer is no. A principal may carry a filter: it sees the runs that match, and no other, wherever they are asked for.
 */
import { Filter, Where } from "@uniflow/core"
import type { Problem } from "./internal/problem.ts"

/** What a request is about to do. */
export type Action = "page" | "read" | "annotate" | "cancel"

export interface Principal {
  /** A name, for audits. */
  readonly name?: string | undefined
  /**
   * Only runs that this filter matches exist for the principal: as text, an object, or parsed. A principal without it sees all runs; one whose `where` is
   * undefined, holds undefined anywhere, or is no filter, sees nothing and is refused: something was forgotten there.
   */
  readonly where?: string | Where.Where | Filter.Filter
}

/**
 * `runId` is the run that the address names, decoded; undefined for lists, comparisons and curves of several runs: what a principal may not see at all belongs
 * into its `where`. Allows (a principal), or answers by itself (a Response: a redirect to a login, a 401). Anything else is a no.
 */
export type Authorize = (request: Request, about: { readonly action: Action; readonly runId: string | undefined }) => Principal | Response | undefined | Promise<Principal | Response | undefined>

export interface AccessOptions {
  readonly authorize?: Authorize | undefined
  /** Host headers that are answered, with their ports, such as `localhost:4983`. Default: any with `authorize`, loopback names without. */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** Default: whether NODE_ENV is `production`. */
  readonly production?: boolean | undefined
  /** Answers everybody, also in production. */
  readonly dangerouslyAllowUnauthenticated?: boolean | undefined
  /** How long `authorize` may take, in milliseconds. Default 10,000. */
  readonly authorizeTimeoutMs?: number | undefined
}

/** Who was let in, and what exists for it. */
export interface Known {
  readonly principal: Principal
  readonly where: Filter.Filter | undefined
}

declare const process: { readonly env?: Readonly<Record<string, string | undefined>> } | undefined

/** Whether others than developers may look. */
export const isProduction = ({ production }: AccessOptions): boolean => production ?? (typeof process !== "undefined" && process?.env?.["NODE_ENV"] === "production")

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i

const METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE"]

const isMutation = (method: string): boolean => method !== "GET" && method !== "HEAD"

/** The Host header; where a server gives none, that of the URL. */
const hostOf = (request: Request): string => request.headers.get("host") ?? new URL(request.url).host

/** What a request is refused for before anybody is asked: its host, where it comes from, how its body is sent. */
export const refuse = (request: Request, isPage: boolean, options: AccessOptions): Problem | undefined => {
  const { authorize, dangerouslyAllowUnauthenticated = false, hosts } = options
  const host = hostOf(request)
  const known = hosts === undefined ? authorize !== undefined || dangerouslyAllowUnauthenticated || loopback.test(host) : hosts.some((one) => one.toLowerCase() === host.toLowerCase())
  if (authorize === undefined && !dangerouslyAllowUnauthenticated && isProduction(options)) {
    return { status: 403, code: "auth_not_configured", message: "In production this page needs to know who may see it: give authorize to uniflowRoute or Dashboard.make." }
  }
  if (!known) return { status: 403, code: "unknown_host", message: "This page is not served under this host. Allow it with hosts, or give authorize." }
  const site = request.headers.get("sec-fetch-site")
  const fromElsewhere = site !== null && site !== "same-origin" && site !== "none"
  // A link from another page may lead here; nothing else may come from there.
  if (fromElsewhere && !(isPage && request.method === "GET" && request.headers.get("sec-fetch-dest") === "document")) {
    return { status: 403, code: "cross_site", message: "Requests from other sites are not answered." }
  }
  if (!METHODS.includes(request.method)) return { status: 405, code: "method", message: `${request.method} is not answered.` }
  if (!isMutation(request.method)) return undefined
  const origin = request.headers.get("origin")
  if (origin !== null && (!URL.canParse(origin) || new URL(origin).host.toLowerCase() !== host.toLowerCase())) {
    return { status: 403, code: "cross_site", message: "Requests from other origins are not answered." }
  }
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase()
  if (type !== "application/json") return { status: 415, code: "not_json", message: "The body has to be application/json." }
  if (request.headers.get("content-encoding") !== null) return { status: 415, code: "encoded", message: "Compressed bodies are not read." }
  return undefined
}

/** Whether anything in it is undefined, however deep. */
const lacks = (value: unknown): boolean => value === undefined || typeof value === "object" && value !== null && Object.values(value).some(lacks)

const filterOf = (where: NonNullable<Principal["where"]>): Filter.Filter =>
  typeof where === "string" ? Filter.parse(where) : "_tag" in where ? where as Filter.Filter : Where.toFilter(where)

const knownOf = (answer: unknown): Known | undefined => {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return undefined
  const principal = answer as Principal
  if (!("where" in principal)) return { principal, where: undefined }
  if (principal.where === undefined || lacks(principal.where)) throw new Error("authorize gave a principal whose where is not whole: nothing is shown to it.")
  return { principal, where: filterOf(principal.where) }
}

/** Asks who it is. Whatever goes wrong there is a no, and is told in the log. */
export const principalOf = async (request: Request, about: Parameters<Authorize>[1], options: AccessOptions): Promise<Known | Response | Problem> => {
  const { authorize, authorizeTimeoutMs = 10_000 } = options
  if (authorize === undefined) return { principal: {}, where: undefined }
  const denied: Problem = { status: 403, code: "denied", message: "You may not see this." }
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), authorizeTimeoutMs)
  })
  try {
    const answer: unknown = await Promise.race([authorize(request, about), late])
    // A copy: the same Response may be given to everybody.
    if (answer instanceof Response) return answer.clone()
    return knownOf(answer) ?? denied
  } catch (error) {
    console.error("uniflow: authorize failed:", error)
    return denied
  } finally {
    clearTimeout(timer)
  }
}
