import { spawn } from "node:child_process"
import { randomBytes, timingSafeEqual } from "node:crypto"
import process from "node:process"
import { type Authorize, Dashboard } from "@uniflow/dashboard"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { openAt, placeFor } from "../openStore.ts"
import { loadConfigFor } from "../ProjectConfig.ts"

export interface UiInput {
  readonly port: number | undefined
  readonly host: string
  readonly noOpen: boolean
}

/** Where the page is looked for first; the next free port where it is taken. */
const PORT = 4983
const TRIES = 20

const loopback = new Set(["127.0.0.1", "localhost", "::1"])

const COOKIE = "uniflow_token"

const same = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

/** Lets in who has the token: by the link that was printed, which leaves a cookie, or in the Authorization header. */
const withToken = (token: string): Authorize => (request) => {
  const url = new URL(request.url)
  const given = url.searchParams.get("token")
  if (given !== null && same(given, token)) {
    url.searchParams.delete("token")
    // Two slashes at the beginning would lead to another host.
    const location = `${url.pathname.replace(/^\/+/, "/")}${url.search}`
    return new Response(null, { status: 303, headers: { location, "set-cookie": `${COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/` } })
  }
  const cookie = (request.headers.get("cookie") ?? "").split(";").map((one) => one.trim()).find((one) => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1)
  const bearer = request.headers.get("authorization")?.replace(/^Bearer /i, "")
  if ([cookie, bearer].some((one) => one !== undefined && same(one, token))) return {}
  return Response.json({ error: { code: "no_token", message: "Open the address that uniflow ui printed: it holds the token.", requestId: "" } }, { status: 401 })
}

/** Shows an address in the browser, where there is one to be started; nobody waits for it. */
const show = (url: string): void => {
  const [command, ...args] = process.platform === "darwin" ? ["open", url] : process.platform === "win32" ? ["cmd", "/c", "start", "", url] : ["xdg-open", url]
  spawn(command!, args, { stdio: "ignore", detached: true }).on("error", () => {}).unref()
}

/** `uniflow ui` */
export const ui: Handler<UiInput> = async ({ host, noOpen, port }, context) => {
  const { output } = context
  if (port !== undefined && !(port >= 0 && port <= 65_535)) throw new UsageError("--port must be a whole number from 0 to 65535.")
  const { serve } = await import("srvx")
  const place = await placeFor(context, await loadConfigFor("place", context.cwd, context.config))
  const uniflow = await openAt(place)
  const token = loopback.has(host) ? undefined : randomBytes(24).toString("base64url")
  const name = host.includes(":") ? `[${host}]` : host
  const hosts: Array<string> = []
  const dashboard = Dashboard.make({
    uniflow,
    ...token === undefined ? { hosts, dangerouslyAllowUnauthenticated: true } : { authorize: withToken(token) }
  })
  const listen = async (at: number, tries: number): Promise<ReturnType<typeof serve>> => {
    const server = serve({ fetch: (request) => dashboard.handler(request), port: at, hostname: host, silent: true, gracefulShutdown: false })
    try {
      await server.ready()
      return server
    } catch (error) {
      await server.close(true).catch(() => {})
      if (tries > 1 && typeof error === "object" && error !== null && "code" in error && error.code === "EADDRINUSE") return listen(at + 1, tries - 1)
      throw new UsageError(`Cannot listen on ${name}:${at}: ${error instanceof Error ? error.message : String(error)}.`)
    }
  }
  try {
    const server = await listen(port ?? PORT, port === undefined ? TRIES : 1)
    const bound = new URL(server.url!).port
    hosts.push(...["localhost", "127.0.0.1", "[::1]"].map((one) => `${one}:${bound}`))
    const url = `http://${loopback.has(host) ? "localhost" : name}:${bound}/${token === undefined ? "" : `?token=${token}`}`
    if (output.json) output.document({ url, directory: place.directory ?? null, store: place.name })
    else {
      output.line(url)
      output.remark(token === undefined ? `The runs in ${place.name}. Ctrl-C ends it.` : "Whoever has this address sees the runs. Ctrl-C ends it.")
    }
    if (!noOpen && output.isTerminal) show(url)
    await new Promise<void>((resolve) => {
      process.once("SIGINT", () => resolve())
      process.once("SIGTERM", () => resolve())
    })
    await dashboard.dispose()
    await server.close(true)
    return ExitCode.success
  } finally {
    await uniflow.close()
  }
}
