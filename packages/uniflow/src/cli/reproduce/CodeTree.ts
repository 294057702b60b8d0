/**
 * The tree whose code is executed: a worktree as the run recorded it, ready to be run, or the present one. And where in
 * it the run's config and working directory are.
 */
import { existsSync, mkdirSync, realpathSync, symlinkSync } from "node:fs"
import { dirname, isAbsolute, join, relative, resolve } from "node:path"
import process from "node:process"
import { escapeControls } from "@uniflow/compare"
import type { Context } from "../Context.ts"
import { UsageError } from "../Failure.ts"
import { findConfig } from "../ProjectConfig.ts"
import { runProgram, saidBy } from "./childProcess.ts"
import { type DependencyMode, provideDependencies } from "./Dependencies.ts"
import { codeOptions, type CodePlace } from "./Execution.ts"
import { NotReproducible } from "./NotReproducible.ts"
import { configOf, type Recorded } from "./Recorded.ts"
import { makeWorktree, rootOf, stateOf } from "./Worktree.ts"

export interface CodeTreeInput {
  readonly runId: string
  readonly inPlace: boolean
  readonly dependencies: DependencyMode | undefined
  readonly prepare: ReadonlyArray<string>
  readonly link: ReadonlyArray<string>
}

/** What is under way: where it may write, how it is stopped, and what has to be undone. */
export interface Session<Input extends CodeTreeInput = CodeTreeInput> {
  readonly context: Context
  readonly input: Input
  readonly folder: string
  readonly signal: AbortSignal
  readonly undo: Array<() => Promise<void>>
}

/** A tree, with what is to be said about how it came about. */
export interface CodeTree {
  /** The root of the tree; the working directory where there is no git. */
  readonly root: string
  readonly remarks: ReadonlyArray<string>
}

/** Links what is not in git from the present tree into the worktree. */
const linkFiles = (paths: Iterable<string>, from: string, to: string, strictly: boolean): void => {
  for (const path of paths) {
    const [source, target] = [resolve(from, path), resolve(to, path)]
    if (isAbsolute(path) || relative(to, target).startsWith("..") || existsSync(target)) continue
    if (existsSync(source)) {
      mkdirSync(dirname(target), { recursive: true })
      symlinkSync(source, target)
    } else if (strictly) throw new UsageError(`--link ${escapeControls(path)}: there is no ${escapeControls(source)}.`)
  }
}

const inWorktree = async ({ context, folder, input, signal, undo }: Session, recorded: Recorded): Promise<CodeTree> => {
  const { output } = context
  const { environment } = recorded.attempt
  const { git, lockfile } = environment
  if (git === undefined) throw new NotReproducible(`No commit was recorded for run "${input.runId}": it ran outside of a git repository. --in-place executes the present code.`)
  const present = await rootOf(context.cwd)
  if (present === undefined) throw new NotReproducible(`${context.cwd} is in no git repository, or there is no git: the recorded code cannot be checked out. --in-place executes the present code.`)
  const commit = recorded.patch?.commit ?? git.commit
  const worktree = await makeWorktree({ root: present, path: join(folder, "worktree"), commit, diff: recorded.patch?.diff ?? new Uint8Array(), signal })
  undo.push(worktree.remove)
  const root = realpathSync(worktree.path)
  output.remark(`Code: commit ${commit.slice(0, 12)}${recorded.patch === undefined ? "" : " with the recorded patch"}, in a worktree`)
  const { remarks, what } = await provideDependencies({
    mode: input.dependencies ?? "auto",
    present,
    worktree: root,
    lockfile,
    say: output.remark,
    signal
  })
  output.remark(`Dependencies: ${what}`)
  linkFiles(input.link, present, root, true)
  const inside = git.folder ?? ""
  linkFiles(recorded.files, join(present, inside), join(root, inside), false)
  for (const command of input.prepare) {
    output.remark(`Preparing: ${escapeControls(command)}`)
    const [shell, flag] = process.platform === "win32" ? ["cmd", "/c"] : ["/bin/sh", "-c"]
    const { code, stderr, stdout } = await runProgram(shell!, [flag!, command], { cwd: root, signal })
    signal.throwIfAborted()
    if (code !== 0) throw new NotReproducible(`--prepare "${command}" ended with ${code}: ${saidBy(stderr.trim() === "" ? stdout : stderr)}`)
  }
  return { root, remarks: [...worktree.remarks, ...remarks] }
}

const inPlace = async ({ context }: Session, { attempt: { environment: { git } } }: Recorded): Promise<CodeTree> => {
  const root = await rootOf(context.cwd)
  if (root === undefined || git === undefined) return { root: root ?? context.cwd, remarks: ["the code is the present one"] }
  const now = await stateOf(root)
  return now.commit === git.commit && !now.dirty && !git.dirty
    ? { root, remarks: [] }
    : { root, remarks: [`the code is the present one, commit ${now.commit.slice(0, 12)}${now.dirty ? " with changes" : ""}; recorded was ${git.commit.slice(0, 12)}${git.dirty ? " with changes" : ""}`] }
}

/** The root of the tree on the machine and at the time of the recording. */
const recordedRoot = ({ attempt: { environment: { cwd, git } } }: Recorded): string | undefined => {
  const folder = git?.folder
  return cwd === undefined || folder === undefined ? cwd : cwd.endsWith(`/${folder}`) ? cwd.slice(0, -folder.length - 1) : undefined
}

/** Where in a tree the run is executed, and how; rejects with `NotReproducible` where no config is found. */
export const codePlace = (session: Session, recorded: Recorded, root: string): CodePlace => {
  const { context, input, signal } = session
  const { environment } = recorded.attempt
  const from = recordedRoot(recorded)
  const inside = join(root, environment.git?.folder ?? "")
  const cwd = existsSync(inside) ? inside : root
  const wanted = configOf(environment.argv)
  const named = wanted === undefined ? undefined : isAbsolute(wanted) && from !== undefined ? resolve(root, relative(from, wanted)) : resolve(cwd, wanted)
  const script = from === undefined || environment.argv[1] === undefined ? undefined : relative(from, environment.argv[1])
  const given = context.config === undefined ? undefined : resolve(context.cwd, context.config)
  const config = given !== undefined && input.inPlace
    ? given
    : named ?? findConfig(cwd) ?? (script === undefined || script.startsWith("..") ? undefined : findConfig(dirname(join(root, script)))) ?? (input.inPlace ? findConfig(context.cwd) : undefined)
  if (config === undefined || !existsSync(config)) {
    throw new NotReproducible(`There is no ${config ?? `uniflow.config.ts in ${cwd} or above`}: the pipeline is found through it, be the run begun by a command or by a script.`)
  }
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const [name, value] of recorded.variables) {
    if (value === undefined) delete env[name]
    else env[name] = value
  }
  return { config, cwd: input.inPlace && !existsSync(inside) ? context.cwd : cwd, execArgv: codeOptions(environment.execArgv ?? [], from, root), env, signal }
}

/** The tree that was asked for, made ready. */
export const provideCode = (session: Session, recorded: Recorded): Promise<CodeTree> => session.input.inPlace ? inPlace(session, recorded) : inWorktree(session, recorded)
