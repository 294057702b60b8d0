// What the other scripts need to know about this workspace: its packages, and what their manifests promise.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Every package under packages/ and integrations/ that is published: `{ name, directory, manifest }`. */
export const publicPackages = () =>
  ["packages", "integrations"].flatMap((group) => {
    const folder = join(root, group)
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((directory) => existsSync(join(directory, "package.json")))
      .map((directory) => ({ directory, manifest: JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) }))
      .filter(({ manifest }) => manifest.private !== true)
      .map(({ directory, manifest }) => ({ name: manifest.name, directory, manifest }))
  })

/** Runs a program, its output to ours unless `capture`; throws with its output when it fails. */
export const run = (program, args, { cwd = root, capture = false, env = {} } = {}) => {
  const done = spawnSync(program, args, {
    cwd,
    // The workspace's own programs, also for whoever starts a script by itself.
    env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`, ...env },
    encoding: "utf8",
    stdio: capture ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"]
  })
  if (done.status !== 0) {
    throw new Error(`${program} ${args.join(" ")} ended with ${done.status ?? done.signal ?? done.error}\n${done.stdout ?? ""}${done.stderr ?? ""}`)
  }
  return done.stdout ?? ""
}

/** Packs packages as `pnpm publish` would and returns the tarballs' paths by package name. */
export const pack = (packages, destination) =>
  Object.fromEntries(
    packages.map(({ name, directory }) => {
      const before = new Set(readdirSync(destination))
      run("pnpm", ["pack", "--pack-destination", destination], { cwd: directory, capture: true })
      const file = readdirSync(destination).find((entry) => !before.has(entry))
      if (file === undefined) throw new Error(`pnpm pack wrote no tarball for ${name}`)
      return [name, join(destination, file)]
    })
  )

/** The version that the catalog of the workspace has for a package. */
export const catalogVersion = (name) => {
  const line = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")
    .split("\n")
    .find((text) => text.startsWith(`  ${name}: `) || text.startsWith(`  "${name}": `))
  if (line === undefined) throw new Error(`${name} is not in the catalog of pnpm-workspace.yaml`)
  return line.split(": ")[1].trim()
}

/** Node's flags of this workspace must not reach a project outside of it. */
export const outside = { NODE_OPTIONS: "", NODE_PATH: "" }

/** Packages with all packages of this workspace that they stand on. */
export const withDependencies = (names) => {
  const all = publicPackages()
  const wanted = new Set()
  const want = (name) => {
    const found = all.find((one) => one.name === name)
    if (found === undefined || wanted.has(found)) return
    wanted.add(found)
    for (const dependency of Object.keys(found.manifest.dependencies ?? {})) want(dependency)
  }
  names.forEach(want)
  return [...wanted]
}

/** Writes the manifest of a project outside of the workspace and installs it by plain npm, with packages as they would be published. */
export const installPacked = (packages, project, manifest) => {
  const tarballs = Object.fromEntries(Object.entries(pack(packages, project)).map(([name, file]) => [name, `file:${file}`]))
  writeFileSync(join(project, "package.json"), JSON.stringify({ ...manifest, dependencies: { ...manifest.dependencies, ...tarballs } }))
  run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", "--loglevel=error"], { cwd: project, env: outside })
}
