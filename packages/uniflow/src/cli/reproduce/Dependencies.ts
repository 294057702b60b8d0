/**
 * The packages that a worktree's code imports: those that are installed in the present tree where the lockfile is the
 * same, else installed anew by the project's own package manager.
 *
 * Nothing is copied. In each folder with a package.json `node_modules` is a folder of links: to the installed packages
 * where they are, and for packages of the workspace itself to the worktree's own, so that no present source is mixed in.
 */
import { createHash } from "node:crypto"
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import process from "node:process"
import { runProgram, saidBy } from "./childProcess.ts"
import { NotReproducible } from "./NotReproducible.ts"
import { filesNamed } from "./Worktree.ts"

/** `auto`: as the lockfile says. `present`: those that are installed, whatever it says. `install`: anew. */
export type DependencyMode = "auto" | "present" | "install"

export interface DependencyOptions {
  readonly mode: DependencyMode
  /** The root of the present working tree. */
  readonly present: string
  /** The root of the worktree. */
  readonly worktree: string
  /** The lockfile that was recorded. */
  readonly lockfile: { readonly path: string; readonly digest: string } | undefined
  /** Says what takes long. */
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

export interface Dependencies {
  /** What was done, in a sentence. */
  readonly what: string
  readonly remarks: ReadonlyArray<string>
}

/** The arguments with which a manager installs exactly what its lockfile says. */
const managers: { readonly [lockfile: string]: readonly [program: string, ...args: ReadonlyArray<string>] } = {
  "pnpm-lock.yaml": ["pnpm", "install", "--frozen-lockfile", "--prefer-offline"],
  "package-lock.json": ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"],
  "npm-shrinkwrap.json": ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"],
  "yarn.lock": ["yarn", "install", "--frozen-lockfile"],
  "bun.lock": ["bun", "install", "--frozen-lockfile"],
  "bun.lockb": ["bun", "install", "--frozen-lockfile"],
  "deno.lock": ["deno", "install", "--frozen"]
}

const digestOf = (path: string): string | undefined => existsSync(path) ? createHash("sha256").update(readFileSync(path)).digest("hex") : undefined

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep)

/** Where a link of the worktree has to lead for an entry of the present `node_modules`; undefined for one that leads nowhere. */
const targetOf = (path: string, present: string, worktree: string): string | undefined => {
  try {
    const real = realpathSync(path)
    const isSource = lstatSync(path).isSymbolicLink() && isInside(real, present) && !real.split(sep).includes("node_modules")
    return isSource ? join(worktree, relative(present, real)) : real
  } catch {
    return undefined
  }
}

const mirror = (from: string, to: string, present: string, worktree: string): void => {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    // What managers and tools keep there for themselves; the links lead past it.
    if (name.startsWith(".") && name !== ".bin") continue
    const [source, link] = [join(from, name), join(to, name)]
    if (existsSync(link)) continue
    if (name.startsWith("@") && !lstatSync(source).isSymbolicLink()) mirror(source, link, present, worktree)
    else {
      const target = targetOf(source, present, worktree)
      if (target !== undefined) symlinkSync(target, link, "junction")
    }
  }
}

const link = async (present: string, worktree: string): Promise<number> => {
  let count = 0
  for (const manifest of new Set([...await filesNamed(worktree, "package.json"), "package.json"])) {
    const folder = dirname(manifest)
    const from = join(present, folder, "node_modules")
    const to = join(worktree, folder, "node_modules")
    if (!existsSync(from) || existsSync(to)) continue
    mirror(from, to, present, worktree)
    count++
  }
  return count
}

const install = async (folder: string, lockfile: string, say: (text: string) => void, signal: AbortSignal): Promise<string> => {
  const [program, ...args] = managers[lockfile]!
  const command = `${program} ${args.join(" ")}`
  say(`Installing dependencies: ${command}`)
  const env = { ...process.env, CI: "1" }
  const { code, stderr, stdout } = await runProgram(program, args, { cwd: folder, env, signal }).catch((error: unknown) => {
    signal.throwIfAborted()
    throw new NotReproducible(`The dependencies cannot be installed: ${error instanceof Error ? error.message : String(error)} --dependencies present takes those that are installed now.`)
  })
  signal.throwIfAborted()
  if (code !== 0) throw new NotReproducible(`The dependencies cannot be installed (${command}): ${saidBy(stderr.trim() === "" ? stdout : stderr)}. --dependencies present takes those that are installed now.`)
  return `installed by ${command}`
}

/** Brings the worktree's packages about, and says how, and what is not as it was. */
export const provideDependencies = async ({ lockfile, mode, present, say, signal, worktree }: DependencyOptions): Promise<Dependencies> => {
  const linked = async (why: string, remarks: ReadonlyArray<string>): Promise<Dependencies> => {
    const count = await link(present, worktree)
    return count === 0 ? { what: "none are installed here", remarks } : { what: `those installed here, ${why}`, remarks }
  }
  if (lockfile === undefined) {
    if (mode === "install") throw new NotReproducible("No lockfile was recorded, so it is not known which dependencies to install. --dependencies present takes those that are installed now.")
    return linked("as no lockfile was recorded", ["no lockfile was recorded: the dependencies are those installed now"])
  }
  const there = digestOf(join(worktree, lockfile.path))
  const now = digestOf(join(present, lockfile.path))
  const remarks = there === lockfile.digest ? [] : [`the lockfile ${lockfile.path} is not in the commit and patch as it was recorded`]
  if (mode === "present") return linked("as asked for", now === lockfile.digest ? remarks : [...remarks, `the lockfile ${lockfile.path} is another one now: the dependencies are those installed now`])
  if (mode === "auto" && now === lockfile.digest) return linked("as the lockfile is the same", remarks)
  if (there === undefined) throw new NotReproducible(`The lockfile ${lockfile.path} is not in the commit and patch, and the present one is another. --dependencies present takes what is installed now.`)
  const name = lockfile.path.split("/").at(-1)!
  if (!Object.hasOwn(managers, name)) throw new NotReproducible(`It is not known how to install what ${lockfile.path} locks. --dependencies present takes what is installed now.`)
  return { what: await install(dirname(join(worktree, lockfile.path)), name, say, signal), remarks }
}
