import { link, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { escapeControls, formatBytes } from "@uniflow/compare"
import type { Context, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { escapeLines, NotFound, UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { shownPath } from "../ProjectConfig.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"
import { suggest } from "../Suggestion.ts"

export interface ArtifactGetInput {
  readonly runId: string
  readonly name: string
  readonly output: string | undefined
  readonly force: boolean
}

/** Writes a file completely or not at all, and never over another one unless that was asked for. */
const save = async (path: string, bytes: Uint8Array, force: boolean): Promise<void> => {
  const temporary = join(dirname(path), `.uniflow-${process.pid}-${Date.now().toString(36)}.tmp`)
  try {
    await writeFile(temporary, bytes, { flag: "wx" })
    if (force) await rename(temporary, path)
    else await link(temporary, path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === "EEXIST" && !force) throw new UsageError(`${shownPath(path)} is there already; add --force to replace it.`)
    throw new UsageError(`${shownPath(path)} cannot be written: ${message}`)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** The text of bytes that are text; undefined for others. */
const textOf = (bytes: Uint8Array): string | undefined => {
  if (bytes.subarray(0, 8192).includes(0)) return undefined
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const print = ({ output }: Context, runId: string, name: string, bytes: Uint8Array): void => {
  if (!output.isTerminal) return output.raw(bytes)
  const text = textOf(bytes)
  if (text === undefined) throw new UsageError(`"${name}" is binary and would garble the terminal; save it: uniflow artifact get ${runId} ${name} -o <file>`)
  output.line(text.split("\t").map(escapeLines).join("\t").replace(/\n$/, ""))
}

/** `uniflow artifact get` */
export const artifactGet: Handler<ArtifactGetInput> = async ({ force, name, output: file, runId }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, runId)
    const { artifacts } = await uniflow.runs.get(runId)
    const found = artifacts.find((one) => one.name === name) ?? (/^[0-9a-f]{6,64}$/.test(name) ? artifacts.find((one) => one.digest.startsWith(name)) : undefined)
    if (found === undefined) throw new NotFound(`Run "${runId}" has no artifact "${name}". ${suggest(name, artifacts.map((one) => one.name), "artifacts")}`)
    const bytes = await uniflow.runs.artifact(runId, name)
    const path = file === undefined ? undefined : resolve(context.cwd, file)
    if (path !== undefined) await save(path, bytes, force)
    if (output.json) output.document({ runId, ...found, ...(path === undefined ? { base64: Buffer.from(bytes).toString("base64") } : { file: path }) })
    else if (path === undefined) print(context, runId, found.name, bytes)
    else if (!output.quiet) output.line(`Saved ${escapeControls(found.name)} (${formatBytes(bytes.length)}) to ${shownPath(path)}`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
