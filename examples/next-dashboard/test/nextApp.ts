/** The example as a stranger has it: outside of the workspace, with installed packages; built and served in every way that Next.js knows. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const installExample = fileURLToPath(new URL("../../../scripts/installExample.mjs", import.meta.url))

type Env = Readonly<Record<string, string>>

/** A second mount, deeper, whose live streams end soon, as where functions may take two seconds. */
const HURRIED = `import { uniflowRoute } from "@uniflow/next"

export const maxDuration = 2

export const { GET, HEAD, POST, PATCH, DELETE } = uniflowRoute({ dangerouslyAllowUnauthenticated: true, maxStreamMs: 1500 })
`

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  server.close()
  return port
}

/** The program and all that it began. */
const stop = async (server: ChildProcess): Promise<void> => {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return
  process.kill(-server.pid, "SIGKILL")
  await once(server, "close")
}

/** Tells how many users each open database of the process has: `Uniflow.lazy()` is one, whoever asks for it. Not what an application does: it looks inside. */
const STORES = `export const POST = () => {
  const open = (globalThis as { readonly [name: symbol]: Map<string, { readonly users: number }> | undefined })[Symbol.for("@uniflow/node/sqlite/1")]
  return Response.json(Array.from(open?.values() ?? [], ({ users }) => users))
}
`

/** Installs the example; `next` of the installed application does the rest. */
export const installApp = async () => {
  const folder = mkdtempSync(join(tmpdir(), "uniflow-next-app-"))
  await promisify(execFile)(process.execPath, [installExample, "next-dashboard", folder])
  for (const [name, text] of [["hurried/[[...path]]", HURRIED], ["stores", STORES]] as const) {
    mkdirSync(join(folder, "app/tools", name), { recursive: true })
    writeFileSync(join(folder, "app/tools", name, "route.ts"), text)
  }

  const begin = (args: ReadonlyArray<string>, env: Env): ChildProcess => {
    const { NODE_OPTIONS: _, NODE_ENV: __, UNIFLOW_DIR: ___, ...rest } = process.env
    return spawn(process.execPath, args, { cwd: folder, env: { ...rest, NEXT_TELEMETRY_DISABLED: "1", ...env } as NodeJS.ProcessEnv, stdio: ["ignore", "pipe", "pipe"], detached: true })
  }
  const next = join(folder, "node_modules/next/dist/bin/next")

  return {
    folder,
    build: async (bundler: "--turbopack" | "--webpack", env: Env): Promise<void> => {
      const built = begin([next, "build", bundler], env)
      let output = ""
      for (const stream of [built.stdout, built.stderr]) stream?.on("data", (text: Buffer) => (output += text.toString()))
      const [code] = await once(built, "close")
      if (code !== 0) throw new Error(`next build ended with ${String(code)}\n${output}`)
      // As Next.js says for a standalone server: what browsers get is put beside it.
      const dist = env["DIST_DIR"] ?? ".next"
      if (env["STANDALONE"] === "true") cpSync(join(folder, dist, "static"), join(folder, dist, "standalone", dist, "static"), { recursive: true })
    },
    serve: async (how: "start" | "standalone" | "dev --turbopack" | "dev --webpack", env: Env) => {
      const port = await freePort()
      const args = how === "standalone" ? [join(folder, env["DIST_DIR"] ?? ".next", "standalone/server.js")] : [next, ...how.split(" "), "-p", String(port)]
      const server = begin(args, { ...env, PORT: String(port), HOSTNAME: "localhost" })
      let output = ""
      await new Promise<void>((resolve, reject) => {
        for (const stream of [server.stdout, server.stderr]) {
          stream?.on("data", (text: Buffer) => {
            output += text.toString()
            if (output.includes("Ready")) resolve()
          })
        }
        server.once("close", () => reject(new Error(`${how} ended\n${output}`)))
      })
      return {
        origin: `http://localhost:${port}`,
        output: () => output,
        stop: () => stop(server)
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true })
  }
}
