// publint over the tarballs that would be published, not over the working tree.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { pack, publicPackages, run } from "./workspace.mjs"

const folder = mkdtempSync(join(tmpdir(), "uniflow-publint-"))
let problems = 0
try {
  for (const [name, tarball] of Object.entries(pack(publicPackages(), folder))) {
    const unpacked = mkdtempSync(join(folder, "unpacked-"))
    run("tar", ["-xzf", tarball, "-C", unpacked])
    const pkgDir = join(unpacked, "package")
    const manifest = JSON.parse(readFileSync(join(pkgDir, "package.json"), "utf8"))
    const { messages } = await publint({ pkgDir, pack: false, strict: true })
    // Suggestions need a repository address, which this repository does not know.
    const serious = messages.filter((message) => message.type !== "suggestion")
    for (const message of serious) console.error(`${name}: ${formatMessage(message, manifest, { color: false })}`)
    problems += serious.length
    console.log(`${name}: ${serious.length === 0 ? "ok" : `${serious.length} problem(s)`}`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(problems === 0 ? 0 : 1)
