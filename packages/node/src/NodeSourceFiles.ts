/**
 * Files of this machine by their content: the digest of a file, or of a folder with everything in it.
 *
 * A file's digest is the SHA-256 of its bytes. A folder's covers the names (sorted) and contents of all it holds, empty
 * folders included; modes and times do not count. A link counts as what it leads to; one that leads nowhere, or back to a
 * folder it lies in, counts by its text. Sockets, pipes and devices count by name and are never opened.
 *
 * Digests are kept by the file's stamp, in memory and under `cache/` of the folder in use, so that an unchanged file is
 * not read again. A stamp younger than two seconds is not trusted.
 */
import type { BigIntStats } from "node:fs"
import { open, readdir, readlink, realpath, stat } from "node:fs/promises"
import { join, relative, resolve, sep } from "node:path"
import { FileStamps } from "@uniflow/code"
import { SourceFiles, type SourceFilesService, StoreError } from "@uniflow/core"
import { Effect, Layer, Option, Stream } from "effect"
import { asFileError, type FileError, storeErrorOf } from "./internal/fileErrors.ts"
import { operate, unlessMissing, withFile } from "./internal/fileOperations.ts"
import { eachPiece, pieceBytes } from "./internal/filePieces.ts"
import { hasher } from "./NodeHasher.ts"
import { UniflowDirectory } from "./UniflowDirectory.ts"

/** One line of a folder's digest. */
interface Entry {
  readonly path: string
  readonly kind: "file" | "folder" | "link" | "other"
  readonly digest: string
}

/** After so much reading the stamps are kept at once, and not only when everything ends. */
const worthKeepingMs = 50

/** How often a file that changes under the reader is read again before its digest is taken as it came. */
const mostTries = 3

const missing = new Set(["ENOENT", "ENOTDIR", "ELOOP"])

const orMissing = <A>(effect: Effect.Effect<A, FileError>): Effect.Effect<A | undefined, FileError> =>
  Effect.catchIf(effect, (error) => missing.has(error.code ?? ""), () => Effect.succeed(undefined))

const isSame = (a: BigIntStats, b: BigIntStats): boolean =>
  a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs

/** Files by content; what was found is noted in `stamps`. */
export const make = (stamps: FileStamps.FileStamps): SourceFilesService => {
  const digestFile = Effect.fnUntraced(function*(path: string, stats: BigIntStats): Effect.fn.Return<string, FileError> {
    const noted = stamps.get(path, stats)
    if (noted !== undefined) return noted
    return yield* withFile(path, "r", Effect.fnUntraced(function*(file) {
      for (let tries = 1;; tries++) {
        const begunAtMs = Date.now()
        const before = yield* operate(() => file.stat({ bigint: true }))
        const hash = hasher.make()
        yield* Effect.tryPromise({ try: (signal) => eachPiece(file, (piece) => hash.update(piece), signal), catch: asFileError })
        const digest = hash.digest()
        const after = yield* operate(() => file.stat({ bigint: true }))
        if (isSame(before, after)) stamps.set(path, after, digest, begunAtMs)
        else if (tries < mostTries) continue
        return digest
      }
    }))
  })

  /** Everything in a folder; `inside` holds the real paths of the folders on the way to it. */
  const entriesOf = (root: string, folder: string, inside: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Entry>, FileError> =>
    Effect.gen(function*() {
      const found = yield* operate(() => readdir(folder, { withFileTypes: true }))
      const entries = yield* Effect.forEach(found, (each) =>
        Effect.gen(function*() {
          const at = join(folder, each.name)
          const entry = (kind: Entry["kind"], digest = ""): Entry => ({ path: relative(root, at).split(sep).join("/"), kind, digest })
          const stats = yield* orMissing(operate(() => stat(at, { bigint: true })))
          // A loop of links, or a link to nothing, or a file that has just gone.
          const link = () => unlessMissing(() => readlink(at)).pipe(Effect.map((target) => target === undefined ? [] : [entry("link", target)]))
          if (stats === undefined) return each.isSymbolicLink() ? yield* link() : []
          if (stats.isFile()) return [entry("file", yield* digestFile(at, stats))]
          if (!stats.isDirectory()) return [entry("other")]
          const real = yield* operate(() => realpath(at))
          if (inside.includes(real)) return yield* link()
          return [entry("folder"), ...yield* entriesOf(root, at, [...inside, real])]
        }), { concurrency: 4 })
      return entries.flat()
    })

  const digest = (given: string): Effect.Effect<string | undefined, StoreError> =>
    Effect.gen(function*() {
      const path = resolve(given)
      const stats = yield* orMissing(operate(() => stat(path, { bigint: true })))
      if (stats === undefined) return undefined
      if (!stats.isDirectory() && !stats.isFile()) {
        return yield* new StoreError({ reason: "NotSupported", what: `${given} is neither a file nor a folder, and cannot count by its content` })
      }
      const begun = performance.now()
      const result = stats.isDirectory()
        ? digestOfEntries(yield* entriesOf(path, path, [yield* operate(() => realpath(path))]))
        : yield* digestFile(path, stats)
      if (performance.now() - begun > worthKeepingMs) stamps.save()
      return result
    }).pipe(Effect.mapError((error) => error instanceof StoreError ? error : storeErrorOf(`${given} cannot be read`)(error)))

  const stream = (path: string): Stream.Stream<Uint8Array, StoreError> =>
    Stream.unwrap(
      Effect.acquireRelease(operate(() => open(path, "r")), (file) => Effect.ignore(operate(() => file.close()))).pipe(
        Effect.map((file) =>
          Stream.paginate(0, Effect.fnUntraced(function*(offset: number) {
            const piece = new Uint8Array(pieceBytes)
            const { bytesRead } = yield* operate(() => file.read(piece, 0, piece.length, offset))
            return bytesRead === 0
              ? [[], Option.none<number>()] as const
              : [[piece.subarray(0, bytesRead)], Option.some(offset + bytesRead)] as const
          }))
        )
      )
    ).pipe(Stream.mapError(storeErrorOf(`${path} cannot be read`)))

  return { digest, stream }
}

const digestOfEntries = (entries: ReadonlyArray<Entry>): string =>
  hasher.text(JSON.stringify([
    "uniflow folder 1",
    ...[...entries].sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0).map(({ digest, kind, path }) => [path, kind, digest])
  ]))

/** Replaces core's access to files by this machine's; digests are kept in the folder in use. */
export const layer: Layer.Layer<never, never, UniflowDirectory> = Layer.effect(
  SourceFiles,
  Effect.gen(function*() {
    const stamps = FileStamps.make({ file: join((yield* UniflowDirectory).path, "cache", "files") })
    yield* Effect.addFinalizer(() => Effect.sync(stamps.save))
    return make(stamps)
  })
)
