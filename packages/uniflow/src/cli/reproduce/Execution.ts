/**
 * Executes a run with the code of a folder, in a process of its own: its config is read there, and the `uniflow` that
 * its config imports runs it. Whatever the two versions are, they meet through command line, JSON and store alone.
 */
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { RunEvent } from "@uniflow/core"
import { Option, Schema } from "effect"
import { NotReproducible } from "./NotReproducible.ts"
import { runProgram, saidBy } from "./childProcess.ts"

/** Where the code is, and how Node is started with it. */
export interface CodePlace {
  /** The config, absolute. */
  readonly config: string
  /** The working directory of the run. */
  readonly cwd: string
  /** Node's own options. */
  readonly execArgv: ReadonlyArray<string>
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}

const PlannedStep = Schema.Struct({ name: Schema.String, once: Schema.Boolean, map: Schema.Boolean, inputs: Schema.Array(Schema.String) })

/** A step as the code of the folder defines it. */
export type PlannedStep = typeof PlannedStep.Type

const Pipelines = Schema.fromJsonString(Schema.Array(Schema.Struct({ name: Schema.String, steps: Schema.Array(PlannedStep) })))

/** Tells the config's pipelines on descriptor 3: what a config prints goes where it may. */
const teller = `
import { writeSync } from "node:fs"
const config = (await import(process.argv[1])).default
const told = config.pipelines.map(({ name, steps }) => ({ name, steps: steps.map(({ name, definition }) => ({
  name, once: definition.once === true, map: definition.kind === "map",
  inputs: [...Object.values(definition.inputs ?? {}), ...(definition.over === undefined ? [] : [definition.over])].map((step) => step.name)
})) }))
const bytes = Buffer.from(JSON.stringify(told))
for (let at = 0; at < bytes.length;) at += writeSync(3, bytes, at)
process.exit(0)
`

/** The steps of a pipeline, in its order, as the config defines it. */
export const readPipeline = async (place: CodePlace, pipeline: string): Promise<ReadonlyArray<PlannedStep>> => {
  const { config, cwd, env, execArgv, signal } = place
  const { stderr, told } = await runProgram(process.execPath, [...execArgv, "--input-type=module", "--eval", teller, pathToFileURL(config).href], { cwd, env, signal })
  signal.throwIfAborted()
  const pipelines = Schema.decodeOption(Pipelines)(told)
  if (Option.isNone(pipelines)) throw new NotReproducible(`${config} cannot be loaded: ${saidBy(stderr)}`)
  const found = pipelines.value.find(({ name }) => name === pipeline)
  if (found === undefined) {
    throw new NotReproducible(`${config} has no pipeline "${pipeline}" (it has: ${pipelines.value.map(({ name }) => name).join(", ")}). A run that a script began is reproduced by the pipeline that a config lists.`)
  }
  return found.steps
}

const CONDITION = "--conditions=uniflow-source"

/** The `uniflow` command of the folder's own dependencies, else this one. */
const commandOf = ({ config, execArgv }: CodePlace): ReadonlyArray<string> => {
  try {
    const manifest = createRequire(config).resolve("uniflow/package.json")
    const { bin }: { readonly bin?: { readonly uniflow?: string } } = JSON.parse(readFileSync(manifest, "utf8"))
    const [built, source] = [join(dirname(manifest), bin?.uniflow ?? "dist/bin.js"), join(dirname(manifest), "src/bin.ts")]
    const fromSource = execArgv.some((option) => option.includes("uniflow-source")) || !existsSync(built)
    if (fromSource && existsSync(source)) return [...execArgv, ...execArgv.includes(CONDITION) ? [] : [CONDITION], source]
    if (existsSync(built)) return [...execArgv, built]
  } catch {
    // The config imports it from somewhere else.
  }
  return [...process.execArgv, process.argv[1]!]
}

export interface ExecutionOptions {
  readonly runId: string
  readonly pipeline: string
  /** As a file of `--params` holds them. */
  readonly params: { readonly [name: string]: Schema.Json }
  readonly seed: number
  /** The scratch store. */
  readonly directory: string
  /** The step to which the run goes; all of it by default. */
  readonly until?: string | undefined
  /** Whether what the scratch store holds answers by its name: outputs of maps that must not be executed. */
  readonly trust: boolean
  readonly concurrency: number | undefined
  readonly onEvent: (event: RunEvent) => void
}

/** How an execution ended: `issue` says why it could not be begun, or how it failed. */
export interface Executed {
  readonly code: number | null
  readonly issue: string
}

const toEvent = Schema.decodeUnknownOption(Schema.fromJsonString(RunEvent))

const Told = Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ message: Schema.String }) }))

/** Runs the pipeline in the scratch store. */
export const execute = async (place: CodePlace, options: ExecutionOptions): Promise<Executed> => {
  const { config, cwd, env, signal } = place
  const { concurrency, directory, onEvent, params, pipeline, runId, seed, trust, until } = options
  const args = [
    ...commandOf(place),
    "run", "--run-id", runId, "--params", "-", `--seed=${seed}`, "--directory", directory, "--config", config, "--json",
    ...until === undefined ? [] : [`--until=${until}`],
    ...trust ? ["--mode", "trust"] : [],
    ...concurrency === undefined ? [] : ["--concurrency", String(concurrency)],
    "--", pipeline
  ]
  const { code, stderr } = await runProgram(process.execPath, args, {
    cwd,
    env: { ...env, UNIFLOW_DIR: directory },
    // On stdin, where no one else sees what is secret among them.
    input: JSON.stringify(params),
    signal,
    onLine: (line) => {
      const event = toEvent(line)
      if (Option.isSome(event)) onEvent(event.value)
    }
  })
  signal.throwIfAborted()
  const told = stderr.split("\n").flatMap((line) => Option.toArray(Schema.decodeUnknownOption(Told)(line)))[0]
  return { code, issue: code === 0 ? "" : told?.error.message ?? saidBy(stderr) }
}

/** Options of Node that belong to one process, and not to its code. */
const ofProcess = /^--?(?:inspect|debug|watch|test|cpu-prof|heap-prof|prof|eval$|e$|print$|p$|pe$|input-type|check$|c$|interactive$|i$|expose-gc|trace-|report-|run$|build-)/

/** Those of Node's recorded options that belong to the code, with paths in its tree leading into another root. */
export const codeOptions = (execArgv: ReadonlyArray<string>, from: string | undefined, to: string): ReadonlyArray<string> => {
  const kept: Array<string> = []
  for (let at = 0; at < execArgv.length; at++) {
    const option = execArgv[at]!
    const value = execArgv[at + 1]
    if (ofProcess.test(option)) {
      if (/^--?(?:eval|e|print|p|pe)$/.test(option) && value !== undefined && !value.startsWith("-")) at++
      continue
    }
    kept.push(from === undefined ? option : moved(option, from, to))
  }
  return kept
}

const moved = (option: string, from: string, to: string): string => {
  const at = option.indexOf(`${from}/`)
  const path = at < 0 ? undefined : option.slice(at).replace(/[?#].*$/, "")
  return path === undefined || path.includes("/node_modules/") ? option : `${option.slice(0, at)}${join(to, relative(from, path))}`
}
