// The crash harness on a PostgreSQL of its own: `node main.ts --kills 100`, as packages/testkit/src/crash/main.ts takes it.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { startServer } from "../server.ts"

const server = await startServer()
try {
  const harness = fileURLToPath(new URL("../../../testkit/src/crash/main.ts", import.meta.url))
  const target = fileURLToPath(new URL("target.ts", import.meta.url))
  // Not synchronously: the server stands still when nobody reads what it says.
  const child = spawn(process.execPath, ["--conditions=uniflow-source", harness, "--target", target, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, UNIFLOW_CRASH_URL: server.url }
  })
  const [code] = (await once(child, "close")) as [number | null]
  process.exitCode = code ?? 1
} finally {
  await server.remove()
}
