/**
 * The project's `uniflow.config.ts`: found from the working directory upwards to the root of the workspace, and
 * imported as it is (Node strips the types).
 *
 * A config that cannot be loaded is one line that names the file, the line and the cause.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, isAbsolute, join, relative, resolve } from "node:path"
import process from "node:process"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Pipeline, Retention } from "@uniflow/core"
import { Effect, Layer, Result } from "effect"
import type { Config } from "../Config.ts"
import { isStoreUrl } from "../StoreUrl.ts"
import { suggest } from "./Suggestion.ts"

/** Names that are looked for, the first one found counts. */
export const configNames = ["uniflow.config.ts", "uniflow.config.mts", "uniflow.config.js", "uniflow.config.mjs"] as const

/** The config is missing, cannot be loaded, or holds what it must not. */
export class ConfigError extends Error {
  readonly _tag = "ConfigError"
}

/** A config that was loaded. */
export interface ProjectConfig extends Config {
  /** The file, absolute. */
  readonly path: string
}

/** What ends the search: a workspace's root, so that a stray config further up is not taken for the project's. */
const rootMarks = ["pnpm-workspace.yaml", ".git"]

/** The config file for a working directory; undefined where there is none. */
export const findConfig = (cwd: string): string | undefined => {
  for (let folder = resolve(cwd);; folder = dirname(folder)) {
    const found = configNames.map((name) => join(folder, name)).find((path) => existsSync(path))
    if (found !== undefined) return found
    if (folder === dirname(folder) || rootMarks.some((mark) => existsSync(join(folder, mark)))) return undefined
  }
}

/** The file to use: the one that was given, else the one that is found. */
const locate = (cwd: string, given: string | undefined): string | undefined => {
  if (given === undefined) return findConfig(cwd)
  const path = resolve(cwd, given)
  if (!existsSync(path)) throw new ConfigError(`There is no config ${path}.`)
  return path
}

/** Loads the config; fails where there is none. */
export const loadConfig = async (cwd: string, given: string | undefined): Promise<ProjectConfig> => {
  const path = locate(cwd, given)
  if (path === undefined) {
    throw new ConfigError(
      `There is no uniflow.config.ts in ${cwd} or above. Make one (import { defineConfig } from "uniflow"; export default defineConfig({ pipelines: [...] })), or name it: --config <file>.`
    )
  }
  return importConfig(path)
}

/**
 * The config for commands that need no code: imported only where it seems to say what they ask for (which folder is used,
 * which runs are kept). Undefined where there is none, or where it says nothing of the kind.
 */
export const loadConfigFor = async (option: "place" | "retention", cwd: string, given: string | undefined): Promise<ProjectConfig | undefined> => {
  const path = locate(cwd, given)
  return path !== undefined && (given !== undefined || (option === "place" ? /\b(directory|url)\b/ : /\bretention\b/).test(readFileSync(path, "utf8"))) ? importConfig(path) : undefined
}

const importConfig = async (path: string): Promise<ProjectConfig> => {
  const shown = shownPath(path)
  let module: { readonly default?: unknown }
  const restore = silenceTypeStripping()
  try {
    module = await import(pathToFileURL(path).href)
  } catch (error) {
    throw new ConfigError(loadMessage(shown, path, error), { cause: error })
  } finally {
    restore()
  }
  return { ...check(shown, module.default), path }
}

const check = (shown: string, value: unknown): Config => {
  const wrong = (issue: string): never => {
    throw new ConfigError(`${shown}: ${issue}`)
  }
  if (typeof value !== "object" || value === null) {
    return wrong("it must export its config as default: export default defineConfig({ pipelines: [...] }).")
  }
  const { directory, layer, pipelines, retention, url, ...others }: { readonly [K in keyof Config]?: unknown } = value
  for (const name of Object.keys(others)) wrong(`it holds "${name}", which means nothing. ${suggest(name, ["pipelines", "layer", "directory", "url", "retention"], "options")}`)
  if (!Array.isArray(pipelines)) return wrong("`pipelines` must be an array of pipelines.")
  const seen = new Set<string>()
  for (const [at, pipeline] of pipelines.entries()) {
    if (!Pipeline.isPipeline(pipeline)) return wrong(`entry ${at} of \`pipelines\` is not a pipeline${pipeline === undefined ? " (it is undefined: does its module export it?)" : ""}.`)
    if (seen.has(pipeline.name)) wrong(`two pipelines are named "${pipeline.name}".`)
    seen.add(pipeline.name)
  }
  if (directory !== undefined && (typeof directory !== "string" || directory === "")) return wrong("`directory` must be the path of a folder.")
  if (url !== undefined && (typeof url !== "string" || !isStoreUrl(url))) return wrong("`url` must be the URL of a store: postgres://user:password@host/database.")
  if (url !== undefined && directory !== undefined) return wrong("it names a `directory` and a `url`: runs are kept in one of them.")
  if (layer !== undefined && !Layer.isLayer(layer)) return wrong("`layer` must be an Effect Layer.")
  return { pipelines, directory, url, layer: layer as Config["layer"], retention: retention === undefined ? undefined : rulesOf(retention, wrong) }
}

const rulesOf = (given: unknown, wrong: (issue: string) => never): Retention.Rules => {
  if (typeof given !== "object" || given === null) return wrong("`retention` must hold rules: { keepLast: 100, olderThan: \"30 days\", failed: \"7 days\" }.")
  const { failed, keepLast, olderThan, ...others }: { readonly [K in keyof Retention.Rules]?: unknown } = given
  for (const name of Object.keys(others)) wrong(`\`retention\` holds "${name}", which means nothing. ${suggest(name, ["keepLast", "olderThan", "failed"], "rules")}`)
  // What is no number and no duration is told by the check.
  const rules = { failed, keepLast, olderThan } as Retention.Rules
  const checked = Effect.runSync(Effect.result(Retention.check(rules)))
  return Result.isFailure(checked) ? wrong(`\`retention\`: ${checked.failure.issue}.`) : rules
}

/** The folder that a config names, absolute. */
export const directoryOf = (config: ProjectConfig | undefined): string | undefined =>
  config?.directory === undefined ? undefined : isAbsolute(config.directory) ? config.directory : join(dirname(config.path), config.directory)

/** The pipeline of a name, or an error that lists those there are. */
export const pipelineOf = (config: ProjectConfig, name: string | undefined): Pipeline.Any => {
  const names = config.pipelines.map((pipeline) => pipeline.name)
  const shown = shownPath(config.path)
  if (name === undefined) throw new ConfigError(`Which pipeline? ${names.length === 0 ? `${shown} lists none.` : `${shown} has: ${names.join(", ")}.`}`)
  const found = config.pipelines.find((pipeline) => pipeline.name === name)
  if (found === undefined) throw new ConfigError(`There is no pipeline "${name}" in ${shown}. ${suggest(name, names, "pipelines")}`)
  return found
}

/** Refuses names of steps that the pipeline does not have, before anything is opened. */
export const checkSteps = (pipeline: Pipeline.Any, flag: string, names: ReadonlyArray<string>): void => {
  const known = pipeline.steps.map((step) => step.name)
  for (const name of names) {
    if (!known.includes(name)) throw new ConfigError(`${flag} ${name}: pipeline "${pipeline.name}" has no step "${name}". ${suggest(name, known, "steps")}`)
  }
}

/** A path as people read it: relative where it is below the working directory. */
export const shownPath = (path: string): string => {
  const below = relative(process.cwd(), path)
  return below === "" || below.startsWith("..") || isAbsolute(below) ? path : below
}

/** Keeps back the one warning that Node prints when it strips types. */
const silenceTypeStripping = (): (() => void) => {
  const emit = process.emitWarning
  process.emitWarning = (...given: ReadonlyArray<unknown>): void => {
    const [warning] = given
    const text = warning instanceof Error ? warning.message : String(warning)
    if (!/type stripping is an experimental feature/i.test(text)) Reflect.apply(emit, process, given)
  }
  return () => {
    process.emitWarning = emit
  }
}

const location = /(?:file:\/\/)?((?:[A-Za-z]:)?[/\\][^\n()]*?):(\d+)(?::\d+)?\)?$/

/** Where an error happened: the first place in its stack in the project's own files, else outside of Node and packages. */
const placeOf = (error: unknown, config: string): string | undefined => {
  const lines = (error instanceof Error ? error.stack ?? "" : "").split("\n")
  const places = lines.flatMap((line) => {
    const found = /node:/.test(line) ? null : location.exec(line.trim())
    if (found === null) return []
    const path = line.includes("file://") ? fileURLToPath(`file://${found[1]!}`) : found[1]!
    return [{ path, line: found[2]! }]
  })
  const isOutside = ({ path }: { readonly path: string }): boolean => /[/\\]node_modules[/\\]/.test(path)
  const own = places.find((one) => one.path.startsWith(dirname(config)) && !isOutside(one)) ?? places.find((one) => !isOutside(one)) ?? places[0]
  if (own === undefined) return undefined
  return own.path === config ? `line ${own.line}` : `${shownPath(own.path)}:${own.line}`
}

const loadMessage = (shown: string, path: string, error: unknown): string => {
  const place = placeOf(error, path)
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : undefined
  const cause = error instanceof Error ? error.message.split("\n").find((line) => line.trim() !== "")?.trim() ?? error.name : String(error)
  const hint = code === "ERR_MODULE_NOT_FOUND" && /\.(ts|js)x?['"]? imported from|Cannot find module/.test(cause)
    ? " (Node imports files by their full names: \"./steps.ts\")"
    : /Cannot use import statement outside a module|Unexpected token 'export'/.test(cause)
    ? " (the package.json beside it says \"type\": \"commonjs\": name the file uniflow.config.mts, or set \"type\": \"module\")"
    : code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX"
    ? " (Node strips types only: no enums, namespaces or parameter properties)"
    : ""
  const where = place === undefined ? "" : place.startsWith("line ") ? `, ${place}` : ` (at ${place})`
  return `${shown} cannot be loaded${where}: ${cause}${hint}`
}
