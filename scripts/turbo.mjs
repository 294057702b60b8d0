// Turbo with its telemetry off, on every platform.
import { run } from "./workspace.mjs"

try {
  run("turbo", ["run", ...process.argv.slice(2)], { env: { TURBO_TELEMETRY_DISABLED: "1", NEXT_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" } })
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
