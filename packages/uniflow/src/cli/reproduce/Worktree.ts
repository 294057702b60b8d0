/**
 * The code of a run as it was: a git worktree at the recorded commit, with the recorded patch, in a temporary folder
 * outside of the repository. No hook of the repository runs, and nothing of its own working tree is touched.
 */
import { existsSync, readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { type Ended, runProgram, saidBy } from "./childProcess.ts"
import { NotReproducible } from "./NotReproducible.ts"

/** Variables that bind git to another repository (set while a hook runs). */
const environment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^GIT_(?:DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|PREFIX|NAMESPACE)$/.test(name))),
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C"
})

const git = (cwd: string, args: ReadonlyArray<string>, options: { readonly input?: Uint8Array; readonly signal?: AbortSignal } = {}): Promise<Ended> =>
  runProgram("git", ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false", ...args], { cwd, env: environment(), ...options })

/** The root of the working tree that a folder is in; undefined where there is none, or no git. */
export const rootOf = async (cwd: string): Promise<string | undefined> => {
  try {
    const { code, stdout } = await git(cwd, ["rev-parse", "--show-toplevel"])
    return code === 0 ? stdout.replace(/\n$/, "") : undefined
  } catch {
    return undefined
  }
}

/** The commit that a working tree is at, and whether anything in it differs. */
export const stateOf = async (root: string): Promise<{ readonly commit: string; readonly dirty: boolean }> => {
  const [head, status] = await Promise.all([git(root, ["rev-parse", "HEAD"]), git(root, ["status", "--porcelain"])])
  return { commit: head.stdout.trim(), dirty: status.stdout !== "" }
}

const checkCommit = async (root: string, commit: string): Promise<void> => {
  const { code } = await git(root, ["cat-file", "-e", `${commit}^{commit}`])
  if (code === 0) return
  const shallow = (await git(root, ["rev-parse", "--is-shallow-repository"])).stdout.trim() === "true"
  throw new NotReproducible(
    `Commit ${commit.slice(0, 12)} is not in the repository ${root}: ${shallow
      ? "it is a shallow clone (git fetch --unshallow gets the rest)"
      : `it was rebased away and collected, was never fetched (git fetch origin ${commit}), or belongs to another repository`}. --in-place executes the present code.`
  )
}

export interface WorktreeOptions {
  /** A working tree of the repository. */
  readonly root: string
  /** Where it is made; must not exist. */
  readonly path: string
  readonly commit: string
  /** What is applied to it; empty for nothing. */
  readonly diff: Uint8Array
  readonly signal: AbortSignal
}

export interface Worktree {
  readonly path: string
  /** What could not be brought back. */
  readonly remarks: ReadonlyArray<string>
  /** Removes it and what the repository knows of it. */
  readonly remove: () => Promise<void>
}

/** Makes the worktree; rejects with `NotReproducible` where the commit is missing or the patch does not apply. */
export const makeWorktree = async ({ commit, diff, path, root, signal }: WorktreeOptions): Promise<Worktree> => {
  await checkCommit(root, commit)
  const remove = async (): Promise<void> => {
    const link = join(path, ".git")
    const known = existsSync(link) ? /^gitdir: (.+)$/m.exec(readFileSync(link, "utf8"))?.[1] : undefined
    await git(root, ["worktree", "remove", "--force", path]).catch(() => {})
    rmSync(path, { recursive: true, force: true })
    // Where git refused (submodules, a killed checkout) its record of the worktree goes by hand, if it is this one's.
    if (known !== undefined && dirname(known).endsWith("worktrees") && existsSync(known)) rmSync(known, { recursive: true, force: true })
  }
  try {
    const added = await git(root, ["worktree", "add", "--detach", path, commit], { signal })
    signal.throwIfAborted()
    if (added.code !== 0) throw new NotReproducible(`Commit ${commit.slice(0, 12)} cannot be checked out: ${saidBy(added.stderr)}`)
    if (diff.length > 0) {
      const applied = await git(path, ["apply", "--whitespace=nowarn", "-"], { input: diff, signal })
      signal.throwIfAborted()
      if (applied.code !== 0) throw new NotReproducible(`The recorded patch does not apply to commit ${commit.slice(0, 12)}: ${saidBy(applied.stderr)}`)
    }
    return { path, remarks: await submodules(path, signal), remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Gets the submodules that the commit names; what cannot be had is said. */
const submodules = async (path: string, signal: AbortSignal): Promise<ReadonlyArray<string>> => {
  if (!existsSync(join(path, ".gitmodules"))) return []
  const updated = await git(path, ["submodule", "update", "--init", "--recursive", "--quiet"], { signal })
  signal.throwIfAborted()
  return updated.code === 0 ? [] : [`submodules are empty, they could not be fetched: ${saidBy(updated.stderr)}`]
}

/** Files of a tree with this name, from its root, with `/`. Ignored ones too, as in a fresh worktree there are none. */
export const filesNamed = async (root: string, name: string): Promise<ReadonlyArray<string>> =>
  (await git(root, ["ls-files", "-z", "--cached", "--others", "--", name, `**/${name}`])).stdout.split("\0").filter((path) => path !== "")
