// Keeps the published `exports` (publishConfig.exports) equal to `exports` without the "uniflow-source" condition,
// and the fields that every public package shares equal. `--fix` writes them.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { publicPackages } from "./workspace.mjs"

const fix = process.argv.includes("--fix")

const published = (exports) =>
  Object.fromEntries(
    Object.entries(exports).map(([entry, target]) => {
      if (typeof target === "string") return [entry, target]
      const { "uniflow-source": source, ...rest } = target
      return [entry, rest]
    })
  )

const problems = []
for (const { name, directory, manifest } of publicPackages()) {
  const wanted = {
    ...manifest,
    license: "MIT",
    type: "module",
    sideEffects: manifest.sideEffects ?? false,
    engines: { ...manifest.engines, node: ">=22.23" },
    publishConfig: { ...manifest.publishConfig, access: "public", exports: published(manifest.exports) }
  }
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue
    const keys = Object.keys(target).join(" ")
    if (keys !== "uniflow-source types default") {
      problems.push(`${name}: exports["${entry}"] must have the keys uniflow-source, types, default in this order (it has ${keys})`)
    }
  }
  if (JSON.stringify(wanted) !== JSON.stringify(manifest)) {
    if (fix) writeFileSync(join(directory, "package.json"), `${JSON.stringify(wanted, null, 2)}\n`)
    else problems.push(`${name}: package.json differs from what it should publish. Run: pnpm run manifests --fix`)
  }
}

for (const problem of problems) console.error(problem)
process.exit(problems.length === 0 ? 0 : 1)
