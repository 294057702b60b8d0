/**
 * `uniflow reproduce`: executes a run again, in a worktree of the code that it was recorded with (or in the present
 * tree), into a scratch store, and compares what came out.
 */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, isAbsolute, join, relative, resolve } from "node:path"
import process from "node:process"
import { escapeControls, type Reproduction, reproduction, reproductionSide, type ReproductionSide } from "@uniflow/compare"
import type { RunEvent } from "@uniflow/core"
import { Effect, type Schema } from "effect"
import type { AnyUniflow, Context, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { follow } from "../Following.ts"
import { codeOfSignal, onStopSignal, type StopSignal } from "../Interruption.ts"
import { withStore } from "../openStore.ts"
import { parsePairs } from "../ParamValues.ts"
import { findConfig } from "../ProjectConfig.ts"
import { runProgram, saidBy } from "../reproduce/childProcess.ts"
import { provideDependencies, type DependencyMode } from "../reproduce/Dependencies.ts"
import { codeOptions, type CodePlace, execute, type PlannedStep, readPipeline } from "../reproduce/Execution.ts"
import { NotReproducible } from "../reproduce/NotReproducible.ts"
import { configOf, isUniflowCommand, readRecorded, type Recorded } from "../reproduce/Recorded.ts"
import { openScratch, seedRun } from "../reproduce/Scratch.ts"
import { makeWorktree, rootOf, stateOf } from "../reproduce/Worktree.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface ReproduceInput {
  readonly runId: string
  readonly inPlace: boolean
  readonly tolerance: string | undefined
  readonly param: ReadonlyArray<string>
  readonly allowOnce: boolean
  readonly attempt: number | undefined
  readonly dependencies: DependencyMode | undefined
  readonly prepare: ReadonlyArray<string>
  readonly link: ReadonlyArray<string>
  readonly concurrency: number | undefined
  readonly keep: boolean
}

/** What is under way: where it may write, how it is stopped, and what has to be undone. */
interface Session {
  readonly context: Context
  readonly input: ReproduceInput
  readonly folder: string
  readonly signal: AbortSignal
  readonly undo: Array<() => Promise<void>>
}

const toleranceOf = (text: string | undefined): number => {
  const tolerance = text === undefined ? 0 : Number(text)
  if (text?.trim() === "" || !(tolerance >= 0 && tolerance < 1)) throw new UsageError(`--tolerance "${escapeControls(text ?? "")}": it must be a number from 0 to below 1, such as 1e-9.`)
  return tolerance
}

const isRedacted = (json: Schema.Json | undefined): boolean => typeof json === "object" && json !== null && Object.hasOwn(json, "$redacted")

/** The recorded params, with the secrets that are given again. */
const paramsOf = ({ snapshot: { run } }: Recorded, given: ReadonlyMap<string, string>): { readonly [name: string]: Schema.Json } => {
  for (const name of given.keys()) {
    if (!isRedacted(run.params[name])) {
      throw new UsageError(`--param ${escapeControls(name)}: only secrets are given again, everything else is as it was recorded. uniflow fork ${run.id} --param … runs it with other params.`)
    }
  }
  const missing = Object.keys(run.params).filter((name) => isRedacted(run.params[name]) && !given.has(name))
  if (missing.length > 0) {
    throw new UsageError(`${missing.length === 1 ? `Param ${missing[0]} is a secret` : `Params ${missing.join(", ")} are secrets`}, and secrets are not recorded: give ${missing.length === 1 ? "it" : "them"} again by ${missing.map((name) => `--param ${name}=…`).join(" ")}.`)
  }
  return Object.fromEntries(Object.entries(run.params).map(([name, json]) => [name, given.get(name) ?? json]))
}

/** A place of code, with what is to be said about how it came about. */
interface Placed {
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

const inWorktree = async ({ context, folder, input, signal, undo }: Session, recorded: Recorded): Promise<Placed> => {
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

const inPlace = async ({ context }: Session, { attempt: { environment: { git } } }: Recorded): Promise<Placed> => {
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

const codePlace = (session: Session, recorded: Recorded, root: string): CodePlace => {
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

/** What is executed again, and what is not, with the reason. */
interface Plan {
  /** The steps to which the run goes, one after the other; undefined: all of it. */
  readonly until: ReadonlyArray<string> | undefined
  /** Steps whose recorded output is given to those after them. */
  readonly given: ReadonlySet<string>
  readonly notExecuted: ReadonlyMap<string, string>
  readonly trust: boolean
}

const GIVEN = "it runs at most once: its recorded output was given to the steps after it (--allow-once executes it again)"

const planOf = (planned: ReadonlyArray<PlannedStep>, { snapshot }: Recorded, allowOnce: boolean): Plan => {
  const recorded = new Map(snapshot.steps.filter(({ address, step }) => address === step).map((state) => [state.step, state]))
  const given = new Set<string>()
  const notExecuted = new Map<string, string>()
  let trust = false
  for (const { inputs, map, name, once } of planned) {
    const state = recorded.get(name)
    const before = inputs.find((input) => notExecuted.has(input) && !given.has(input))
    if (once && !allowOnce && state !== undefined && state.outcome.output !== null && state.outcome.status !== "failed") {
      given.add(name)
      notExecuted.set(name, GIVEN)
      trust ||= map
    } else if (once && !allowOnce) notExecuted.set(name, "it runs at most once, and has no recorded output (--allow-once executes it again)")
    else if (before !== undefined) notExecuted.set(name, `it stands on ${before}, which was not executed`)
    else if (state === undefined) notExecuted.set(name, "the run did not come to it")
  }
  const wanted = planned.filter(({ name }) => !notExecuted.has(name))
  const all = planned.every(({ name }) => !notExecuted.has(name) || given.has(name))
  // The last ones: those on which no other wanted one stands.
  const last = wanted.filter(({ name }) => !wanted.some(({ inputs }) => inputs.includes(name)))
  return { until: all ? undefined : last.map(({ name }) => name), given, notExecuted, trust }
}

/** What was not as it was while it was executed again. */
const surroundings = (recorded: Recorded, { snapshot }: ReproductionSide): ReadonlyArray<string> => {
  const old = recorded.attempt.environment
  const now = snapshot.attempts.at(-1)?.environment
  if (now === undefined) return []
  const changed = Object.keys(old.packages).filter((name) => old.packages[name] !== now.packages[name])
  const named = changed.slice(0, 5).map((name) => `${name} ${old.packages[name]} -> ${now.packages[name] ?? "none"}`)
  return [
    ...old.runtime === now.runtime ? [] : [`${old.runtime} then, ${now.runtime} now`],
    ...old.platform === now.platform ? [] : [`${old.platform} then, ${now.platform} now`],
    ...old.uniflow === undefined || old.uniflow === now.uniflow ? [] : [`UniFlow ${old.uniflow} then, ${now.uniflow ?? "unknown"} now`],
    ...changed.length === 0 ? [] : [`installed are other versions: ${named.join(", ")}${changed.length > named.length ? `, and ${changed.length - named.length} more` : ""}`]
  ]
}

/** Shows one execution while it is under way. */
const showing = ({ context: { output } }: Session, runId: string, pipeline: string, steps: ReadonlyArray<string>) => {
  const waiting: Array<RunEvent> = []
  let wake: () => void = () => {}
  let over = false
  const events = async function*(): AsyncGenerator<RunEvent> {
    for (;;) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next
      if (over) return
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const following = output.json ? undefined : follow(output, { runId, events: events(), pipeline, steps, sinceMs: Date.now() })
  return {
    onEvent: (event: RunEvent): void => {
      // The first attempt is the one that made the run in the scratch store.
      waiting.push("attempt" in event ? { ...event, attempt: event.attempt - 1 } : event)
      wake()
    },
    end: async (): Promise<void> => {
      over = true
      wake()
      await following?.over
      following?.stop()
    }
  }
}

const executeAgain = async (session: Session, recorded: Recorded, scratch: AnyUniflow, before: ReproductionSide): Promise<Reproduction> => {
  const { context, folder, input } = session
  const { run } = recorded.snapshot
  const params = paramsOf(recorded, parsePairs("--param", input.param))
  const { remarks, root } = await (input.inPlace ? inPlace(session, recorded) : inWorktree(session, recorded))
  const place = codePlace(session, recorded, root)
  const planned = await readPipeline(place, run.pipeline)
  const { given, notExecuted, trust, until } = planOf(planned, recorded, input.allowOnce)
  await seedRun(scratch, before, given)
  for (const target of until ?? [undefined]) {
    const shown = showing(session, run.id, run.pipeline, planned.map(({ name }) => name))
    const ended = await execute(place, {
      runId: run.id,
      pipeline: run.pipeline,
      params,
      seed: run.seed,
      directory: join(folder, "store"),
      until: target,
      trust,
      concurrency: input.concurrency,
      onEvent: shown.onEvent
    }).finally(shown.end)
    const begun = (await scratch.runs.get(run.id)).attempts.length > 1
    if (ended.code !== 0 && (ended.code !== ExitCode.failed || !begun)) throw new NotReproducible(`The run could not be executed again: ${ended.issue}`)
  }
  const after = await scratch.runPromise(reproductionSide(run.id))
  const { argv } = recorded.attempt.environment
  context.output.remark("")
  return Effect.runPromise(reproduction(before, { ...after, snapshot: { ...after.snapshot, steps: after.snapshot.steps.filter(({ step }) => !given.has(step)) } }, {
    tolerance: toleranceOf(input.tolerance),
    notExecuted,
    remarks: [
      ...recorded.remarks,
      ...remarks,
      ...surroundings(recorded, after),
      ...isUniflowCommand(argv) ? [] : ["a script began the run; its pipeline was executed by the command, so what the script itself does was not"]
    ]
  }))
}

/** `uniflow reproduce` */
export const reproduce: Handler<ReproduceInput> = async (input, context) => {
  const { output } = context
  toleranceOf(input.tolerance)
  parsePairs("--param", input.param)
  await checkRunId(input.runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, input.runId)
    const recorded = await readRecorded(uniflow, input.runId, input.attempt)
    const stop = new AbortController()
    let received: StopSignal | undefined
    const release = onStopSignal((signal) => {
      received = signal
      output.remark("Stopping, and removing what was made …")
      stop.abort(signal)
    })
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-reproduce-")))
    const session: Session = { context, input, folder, signal: stop.signal, undo: [] }
    let scratch: AnyUniflow | undefined
    try {
      const before = await uniflow.runPromise(reproductionSide(input.runId))
      scratch = await openScratch(join(folder, "store"), uniflow)
      const { argv } = recorded.attempt.environment
      if (argv.length > 0) output.remark(`Recorded: ${escapeControls(argv.slice(1).join(" "))}`)
      const result = await executeAgain(session, recorded, scratch, before)
      if (output.json) output.document({ ...result, attempt: recorded.attempt.attempt, argv, ...input.keep ? { folder } : {} })
      else output.line(output.quiet ? result.verdict : result.toString({ columns: output.columns, color: output.color }))
      return result.verdict === "different" ? ExitCode.different : result.verdict === "not checked" ? ExitCode.notReproducible : ExitCode.success
    } catch (error) {
      if (received !== undefined) return codeOfSignal(received)
      throw error
    } finally {
      await scratch?.close()
      await cleanUp(session)
      release()
    }
  }, nothingRecorded(input.runId))
}

const cleanUp = async ({ context: { output }, folder, input, undo }: Session): Promise<void> => {
  if (input.keep) return output.remark(`Kept: ${folder} (git worktree remove --force ${join(folder, "worktree")} removes the worktree)`)
  for (const one of undo.toReversed()) await one().catch(() => {})
  rmSync(folder, { recursive: true, force: true })
}
