// The crash harness on a PostgreSQL of its own: `node main.ts --kills 100`, as packages/testkit/src/crash/main.ts takes it.
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { startServer } from "../server.ts"

const server = await startServer()
try {
  const harness = fileURLToPath(new URL("../../../testkit/src/crash/main.ts", import.meta.url))
  const target = fileURLToPath(new URL("target.ts", import.meta.url))
  const { status } = spawnSync(process.execPath, ["--conditions=uniflow-source", harness, "--target", target, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, UNIFLOW_CRASH_URL: server.url }
  })
  process.exitCode = status ?? 1
} finally {
  await server.remove()
}
