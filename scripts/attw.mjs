// Are the types wrong? Over the tarballs that would be published. The packages are ESM only (CommonJS loads them by
// require(esm)); what that profile cannot see, the consumer check does.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pack, publicPackages, run } from "./workspace.mjs"

const folder = mkdtempSync(join(tmpdir(), "uniflow-attw-"))
let problems = 0
try {
  for (const [name, tarball] of Object.entries(pack(publicPackages(), folder))) {
    try {
      run("attw", ["--profile", "esm-only", "--no-emoji", "--format", "ascii", tarball], { capture: true })
      console.log(`${name}: ok`)
    } catch (error) {
      problems += 1
      console.error(`${name}: ${error.message}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(problems === 0 ? 0 : 1)
