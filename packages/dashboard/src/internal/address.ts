/**
 * What an address under the mount names, before anybody is asked about it.
 *
 * The router behind the API is lenient: it takes other cases, doubled slashes, escaped letters and what follows a `;`. Whoever decides must be told exactly what is
 * then looked up, so an address has one spelling, and what is not an endpoint in that spelling goes no further.
 */
import { RunId } from "@uniflow/core"
import { Effect, Exit } from "effect"
import { Api } from "../Api.ts"
import type { Action } from "../Access.ts"
import { decodeOnce } from "./decodeOnce.ts"

export interface Address {
  readonly kind: "Page" | "Asset" | "Events" | "Artifact" | "Endpoint" | "InvalidRunId" | "Unknown"
  /** What goes on, in its one spelling. */
  readonly rest: string
  /** Decoded; undefined where the address names no run. */
  readonly runId: string | undefined
  readonly methods: ReadonlyArray<string>
}

interface Template {
  readonly parts: ReadonlyArray<string>
  readonly methods: Array<string>
}

const templates: Array<Template> = []
for (const { endpoints } of Object.values(Api.groups)) {
  for (const { method, path } of Object.values(endpoints) as ReadonlyArray<{ readonly method: string; readonly path: string }>) {
    const parts = path.split("/").filter((part) => part !== "")
    const known = templates.find((one) => one.parts.join("/") === parts.join("/"))
    if (known === undefined) templates.push({ parts, methods: [method] })
    else known.methods.push(method)
  }
}

const endpointOf = (parts: ReadonlyArray<string>): Template | undefined =>
  templates.find((template) => template.parts.length === parts.length && template.parts.every((part, n) => part.startsWith(":") || part === parts[n]))

const READ = ["GET"]

/** The address that stands behind the mount, as the URL has it. */
export const addressOf = (rest: string): Address => {
  const address = (kind: Address["kind"], methods: ReadonlyArray<string> = READ, runId?: string, spelling = rest): Address => ({ kind, rest: spelling, runId, methods })
  const parts = rest.split("/")
  const [first, second, given, ...others] = parts
  if (first !== "api") return address(first === "assets" ? "Asset" : "Page")
  if (rest === "api/events") return address("Events")
  if (rest === "api/openapi.json") return address("Endpoint")
  if ((second !== "runs" && second !== "artifacts") || given === undefined) {
    const endpoint = endpointOf(parts)
    return endpoint === undefined ? address("Unknown") : address("Endpoint", endpoint.methods)
  }
  const runId = decodeOnce(given)
  // Of other text a URL might make something else before it is looked up.
  if (runId === undefined || Exit.isFailure(Effect.runSyncExit(RunId.check(runId)))) return address("InvalidRunId")
  const spelling = ["api", second, runId, ...others]
  if (second === "artifacts") return others.length === 0 ? address("Artifact", READ, runId, spelling.join("/")) : address("Unknown")
  const endpoint = endpointOf(spelling)
  return endpoint === undefined ? address("Unknown") : address("Endpoint", endpoint.methods, runId, spelling.join("/"))
}

/** What a request is about to do. */
export const actionOf = (method: string, { kind, rest }: Address): Action => {
  if (method !== "GET" && method !== "HEAD") return kind === "Endpoint" && rest.split("/")[3] === "cancel" ? "cancel" : "annotate"
  return kind === "Page" || kind === "Asset" ? "page" : "read"
}
