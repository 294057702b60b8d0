/** The contract of mounts, kept by the page inside a real build of the application. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { mountSuite, portDoor, recordHostileRuns, watched } from "@uniflow/testkit"
import { Uniflow } from "uniflow"

const app = fileURLToPath(new URL("..", import.meta.url))
const repository = fileURLToPath(new URL("../../..", import.meta.url))
const next = join(app, "node_modules/next/dist/bin/next")

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  server.close()
  return port
}

const run = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv) =>
  spawn(process.execPath, [next, ...args], { cwd: app, env: { ...process.env, ...env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" }, stdio: ["ignore", "pipe", "pipe"] })

mountSuite({
  name: "Next.js",
  // The whole of a request goes through a real process on a machine that does other things, too.
  refusalMs: 600,
  capabilities: {
    ownAnswers: { not: "Next.js answers by itself what a route does not export, and redirects paths that it writes otherwise" },
    hosts: { not: "the example shows everybody everything; hosts are the application's to choose" },
    undecodable: { not: "Next.js answers 500 or 400 by itself before any route" }
  },
  open: async () => {
    const built = run(["build", "--webpack"], {})
    let output = ""
    for (const stream of [built.stdout, built.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()))
    const [code] = (await once(built, "close")) as [number | null]
    if (code !== 0) throw new Error(output)
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-next-mount-")))
    const directory = join(folder, ".uniflow")
    const uniflow = await Uniflow.open({ directory, handleSignals: false })
    await recordHostileRuns(uniflow)
    await uniflow.close()
    const port = await freePort()
    const watch = watched(join(folder, "watched"))
    const server = run(["start", "-p", String(port)], { ...watch.env, UNIFLOW_DIR: directory })
    server.stderr.on("data", (text: Buffer) => console.error(text.toString()))
    await new Promise<void>((resolve, reject) => {
      server.stdout.on("data", (text: Buffer) => text.toString().includes("Ready") && resolve())
      server.once("close", () => reject(new Error("next start ended")))
    })
    const host = `localhost:${port}`
    await (await fetch(`http://${host}/uniflow/api/runs`)).text()
    watch.begin()
    return {
      door: portDoor(port, { base: "/uniflow", host }),
      secrets: [folder, repository],
      check: () => watch.check(server, [folder, directory, `${directory}/`, repository]),
      close: async () => {
        if (server.exitCode === null) {
          server.kill("SIGKILL")
          await once(server, "close")
        }
        rmSync(folder, { recursive: true, force: true })
      }
    }
  }
})
