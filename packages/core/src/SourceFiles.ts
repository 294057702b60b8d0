/**
 * Files of this machine that steps declare (`files`) or hand over as artifacts.
 *
 * A file counts by its content. `@uniflow/node` keeps the digests by the file's stamp (size, times, inode), so that
 * an unchanged file is not read again. Where there is no file system, asking for one is an error that says so.
 */
import { Context, Effect, Stream } from "effect"
import { StoreError } from "./UniflowError.ts"

export interface SourceFilesService {
  /** Digest of a file's or a folder's content; undefined where there is none. */
  readonly digest: (path: string) => Effect.Effect<string | undefined, StoreError>
  /** The bytes of a file. */
  readonly stream: (path: string) => Stream.Stream<Uint8Array, StoreError>
}

const none = new StoreError({ reason: "NotSupported", what: "There is no file system here: a step with files, or an artifact from a file, needs @uniflow/node" })

/** Access to files; without a platform every use fails with `NotSupported`. */
export const SourceFiles: Context.Reference<SourceFilesService> = Context.Reference<SourceFilesService>("@uniflow/core/SourceFiles", {
  defaultValue: () => ({ digest: () => Effect.fail(none), stream: () => Stream.fail(none) })
})
