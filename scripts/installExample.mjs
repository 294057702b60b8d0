// An example as a stranger has it: copied to a folder outside of the workspace, with the packages packed and installed by plain npm.
// `node scripts/installExample.mjs next-dashboard /a/folder`
import { cpSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { catalogVersion, installPacked, root, withDependencies } from "./workspace.mjs"

const [name, project] = process.argv.slice(2)
const example = join(root, "examples", name)
const left = new Set(["node_modules", "test", ".next", ".turbo", ".uniflow", "package.json"])
cpSync(example, project, { recursive: true, filter: (path) => path === example || !left.has(basename(path)) })

const { dependencies, devDependencies, ...manifest } = JSON.parse(readFileSync(join(example, "package.json"), "utf8"))
const all = Object.entries({ ...dependencies, ...devDependencies })
const own = all.filter(([, version]) => version.startsWith("workspace:")).map(([dependency]) => dependency)
installPacked(withDependencies(own), project, {
  ...manifest,
  dependencies: Object.fromEntries(all.filter(([dependency]) => !own.includes(dependency)).map(([dependency, version]) => [dependency, version === "catalog:" ? catalogVersion(dependency) : version]))
})
