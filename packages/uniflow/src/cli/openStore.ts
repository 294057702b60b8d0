/**
 * Opens UniFlow for a command and closes it at the end, whatever happens.
 *
 * Where: `--directory`, else the config's `url` or `directory`, else `UNIFLOW_URL`, else the folder that `Uniflow.open` chooses. A command
 * that only reads does not make a folder where there is none.
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { escapeControls } from "@uniflow/compare"
import type { Retention } from "@uniflow/core"
import { UniflowDirectory } from "@uniflow/node"
import { Effect } from "effect"
import { shownUrl, urlFromEnvironment } from "../StoreUrl.ts"
import { open } from "../Uniflow.ts"
import type { AnyUniflow, Context } from "./Context.ts"
import { describeFailure } from "./Failure.ts"
import { directoryOf, loadConfigFor, type ProjectConfig } from "./ProjectConfig.ts"

/** The folder that a command uses: its path, and the reason in a sentence. */
export const directoryFor = async (context: Context, config: ProjectConfig | undefined): Promise<{ readonly path: string; readonly why: string }> => {
  const directory = context.directory === undefined ? directoryOf(config) : context.directory && resolve(context.cwd, context.directory)
  const { path, why } = await Effect.runPromise(UniflowDirectory.make({ directory, cwd: context.cwd }))
  return { path, why: directory === undefined ? why : context.directory === undefined ? `${config!.path} names it` : "it was given by --directory" }
}

/** Where a command's runs are: a folder, or a database by its URL. */
export type Place =
  | { readonly url: string; readonly directory?: undefined; readonly name: string; readonly why: string }
  | { readonly url?: undefined; readonly directory: string; readonly name: string; readonly why: string }

/** Where a command's runs are, and the reason in a sentence. */
export const placeFor = async (context: Context, config: ProjectConfig | undefined): Promise<Place> => {
  const fromConfig = context.directory === undefined ? config?.url : undefined
  const url = fromConfig ?? (context.directory === undefined && config?.directory === undefined ? urlFromEnvironment() : undefined)
  if (url !== undefined) return { url, name: shownUrl(url), why: fromConfig === undefined ? "UNIFLOW_URL names it" : `${config!.path} names it` }
  const { path, why } = await directoryFor(context, config)
  return { directory: path, name: path, why }
}

/** Opens UniFlow there. */
export const openAt = (place: Place): Promise<AnyUniflow> =>
  open<unknown>({ ...place.url === undefined ? { directory: place.directory } : { url: place.url }, handleSignals: false })

const using = async <A>(uniflow: AnyUniflow, use: (uniflow: AnyUniflow) => Promise<A>): Promise<A> => {
  try {
    return await use(uniflow)
  } finally {
    await uniflow.close()
  }
}

/** Opens the store for a command that runs pipelines. Runs that the config lets go are removed when the command has told everything. */
export const withConfig = async <A>(context: Context, config: ProjectConfig, use: (uniflow: AnyUniflow) => Promise<A>): Promise<A> => {
  const { directory, url } = await placeFor(context, config)
  const { layer, retention } = config
  return using(await open<unknown, unknown>({ directory, url, layer, handleSignals: false }), async (uniflow) => {
    const used = await use(uniflow)
    if (retention !== undefined) await removeOld(uniflow, retention, context)
    return used
  })
}

/** What the command did stands, whether old runs could be removed or not. */
const removeOld = async (uniflow: AnyUniflow, rules: Retention.Rules, { output }: Context): Promise<void> => {
  try {
    const { removed } = await uniflow.prune(rules)
    if (removed.length > 0) await uniflow.gc()
  } catch (error) {
    output.remark(`Old runs could not be removed: ${escapeControls(describeFailure(error).message)}`)
  }
}

/** Opens the store for a command that needs no code; `missing` answers where nothing was ever recorded. */
export const withStore = async <A>(context: Context, use: (uniflow: AnyUniflow) => Promise<A>, missing: (path: string) => Promise<A>): Promise<A> => {
  const place = await placeFor(context, await loadConfigFor("place", context.cwd, context.config))
  return place.url !== undefined || existsSync(place.directory) ? using(await openAt(place), use) : missing(place.directory)
}
