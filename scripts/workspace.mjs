// What the other scripts need to know about this workspace: its packages, and what their manifests promise.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
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
