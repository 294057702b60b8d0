/**
 * What a working tree has beyond its commit, as bytes that `git apply` takes: changed and deleted files, and untracked
 * ones that are not ignored. What `uniflow reproduce` brings a dirty tree back from.
 *
 * One line of JSON stands before the patch (git skips it) and says what is not in it: files that hold secrets by their
 * name or content, submodules, and what is beyond 4 MiB, the smallest files first. In added lines secrets are replaced
 * by `[redacted]`. A patch that lacks something does not reproduce the tree exactly, and says so (`lacks`).
 */
import { Result, Schema } from "effect"

/** The media type of patches among a run's artifacts. */
export const MEDIA_TYPE = "application/vnd.uniflow.patch"

/** The most that a patch holds, in bytes. */
export const MAX_BYTES = 4 * 1024 * 1024

const PREFIX = "# uniflow patch "

/** A file that is not in the patch, and the reason in a few words. */
export const LeftOut = Schema.Struct({ path: Schema.String, why: Schema.String })
export type LeftOut = typeof LeftOut.Type

const Header = Schema.Struct({
  format: Schema.Literal(1),
  /** What the patch is to be applied to. */
  commit: Schema.String,
  leftOut: Schema.Array(LeftOut),
  /** How many more were left out than are named. */
  more: Schema.Int,
  /** Files in whose added lines secrets were replaced. */
  redacted: Schema.Array(Schema.String)
})

/** A patch that was read. */
export interface WorkingTreePatch extends Omit<typeof Header.Type, "format"> {
  /** What `git apply` takes; empty where nothing was put into it. */
  readonly diff: Uint8Array
}

const headerOf = Schema.decodeUnknownResult(Schema.fromJsonString(Header))

/** How many files that were left out are named. */
const NAMED = 100

/** The bytes of a patch. */
export const encode = (patch: Omit<WorkingTreePatch, "more">): Uint8Array => {
  const { commit, diff, leftOut, redacted } = patch
  const header = { format: 1, commit, leftOut: leftOut.slice(0, NAMED), more: Math.max(0, leftOut.length - NAMED), redacted }
  return Buffer.concat([Buffer.from(`${PREFIX}${JSON.stringify(header)}\n`), diff])
}

/** Reads a patch; undefined where the bytes are none, or of a later format. */
export const decode = (bytes: Uint8Array): WorkingTreePatch | undefined => {
  const end = bytes.indexOf(0x0a)
  const first = new TextDecoder().decode(bytes.subarray(0, Math.max(0, end)))
  if (!first.startsWith(PREFIX)) return undefined
  const header = headerOf(first.slice(PREFIX.length))
  return Result.isFailure(header) ? undefined : { ...header.success, diff: bytes.subarray(end + 1) }
}

/** What the tree had and the patch has not, in sentences. */
export const lacks = ({ leftOut, more, redacted }: Pick<WorkingTreePatch, "leftOut" | "more" | "redacted">): ReadonlyArray<string> => [
  ...leftOut.map(({ path, why }) => `${path} is not in the recorded patch: ${why}`),
  ...more === 0 ? [] : [`${more} more files are not in the recorded patch`],
  ...redacted.map((path) => `${path} holds [redacted] where it held a secret`)
]
