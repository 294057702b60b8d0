/**
 * Opens UniFlow for a command and closes it at the end, whatever happens.
 *
 * Which folder: `--directory`, else the config's, else what `Uniflow.open` chooses. A command that only reads does not
 * make a folder where there is none.
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { UniflowDirectory } from "@uniflow/node"
import { Effect } from "effect"
import { open as openUniflow } from "../Uniflow.ts"
import type { AnyUniflow, Context } from "./Context.ts"
import { directoryOf, loadDirectoryConfig, type ProjectConfig } from "./ProjectConfig.ts"

/** The folder that a command uses: the option to open it with, its path and the reason. */
export const directoryFor = async (context: Context, config: ProjectConfig | undefined) => {
  const directory = context.directory === undefined ? directoryOf(config) : resolve(context.cwd, context.directory)
  const { path, why } = await Effect.runPromise(UniflowDirectory.make({ directory, cwd: context.cwd }))
  const reason = directory === undefined ? why : context.directory === undefined ? `${config!.path} names it` : "it was given by --directory"
  return { directory, path, why: reason }
}

/** Opens the store for a command that runs pipelines. */
export const withConfig = async <A>(context: Context, config: ProjectConfig, use: (uniflow: AnyUniflow) => Promise<A>): Promise<A> => {
  const uniflow = context.open === undefined
    ? await openUniflow<unknown, unknown>({ directory: (await directoryFor(context, config)).directory, layer: config.layer, handleSignals: false })
    : await context.open({ config, create: true })
  try {
    return await use(uniflow)
  } finally {
    await uniflow.close()
  }
}

/** Opens the store for a command that needs no code; `missing` answers where nothing was ever recorded. */
export const withStore = async <A>(context: Context, use: (uniflow: AnyUniflow) => Promise<A>, missing: (path: string) => Promise<A>): Promise<A> => {
  if (context.open === undefined) {
    const config = await loadDirectoryConfig(context.cwd, context.config)
    const { directory, path } = await directoryFor(context, config)
    if (!existsSync(path)) return missing(path)
    const uniflow: AnyUniflow = await openUniflow<unknown>({ directory, handleSignals: false })
    return using(uniflow, use)
  }
  return using(await context.open({ create: false }), use)
}

const using = async <A>(uniflow: AnyUniflow, use: (uniflow: AnyUniflow) => Promise<A>): Promise<A> => {
  try {
    return await use(uniflow)
  } finally {
    await uniflow.close()
  }
}
