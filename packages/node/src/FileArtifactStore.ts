/**
 * Artifacts as files by their digest, under `<directory>/objects/ab/<other 62 digits>`.
 *
 * Bytes are written to a file in `objects/tmp`, made durable (fsync), renamed to their name, and the folder is made
 * durable before `put` succeeds: so a file under a digest is whole. It is still looked at before it is trusted: `put`
 * reads what is there and writes it anew when it is damaged, `get` hands out nothing that does not hash to its name.
 *
 * Removing takes an object away under `objects/trash` first and looks at its time again, because a `put` may have
 * refreshed it meanwhile; readers find it there too, and what a killed remover left there is put back.
 * Many processes may use one folder at once. At most 8 values are written or loaded at a time in one process.
 */
import type { BigIntStats, Stats } from "node:fs"
import { type FileHandle, link, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import {
  type ArtifactInfo,
  type ArtifactSource,
  ArtifactStore,
  type ArtifactStoreService,
  type Encoded,
  FaultPoints,
  type IncrementalHash,
  ProcessIdentity,
  StoreError,
  type StoredObject
} from "@uniflow/core"
import { Clock, Effect, Layer, Semaphore, Stream } from "effect"
import { asFileError, type FileError, storeErrorOf } from "./internal/fileErrors.ts"
import { makeFolder, notThere, operate, syncFolder, unlessMissing, withFile } from "./internal/fileOperations.ts"
import { eachPiece, gather, pieceBytes, writePiece } from "./internal/filePieces.ts"
import { isDigest, objectPaths } from "./internal/objectPaths.ts"
import * as objectReader from "./internal/objectReader.ts"
import { sweepTemporaryFiles, temporaryName } from "./internal/temporaryFiles.ts"
import { hasher } from "./NodeHasher.ts"
import { UniflowDirectory } from "./UniflowDirectory.ts"

export interface FileArtifactStoreOptions {
  /** The folder that holds `objects`; made when the first artifact is put. */
  readonly directory: string
  /** Done before the folder is first written to: `UniflowDirectory`'s `ensure`, say. Nothing by default. */
  readonly prepare?: Effect.Effect<unknown, StoreError> | undefined
}

const operations = ["make-folder", "write", "fsync", "rename", "fsync-folder", "refresh", "trash", "restore", "unlink"] as const
type Operation = typeof operations[number]

/** Every fault point of this store: `artifact.<operation>:before` and `:after`. */
export const faultPoints: ReadonlyArray<string> = operations.flatMap((name) => [`artifact.${name}:before`, `artifact.${name}:after`])

/** Up to this size a value is hashed at once, before anything is written; a larger one while it is written. */
const hashedFirstBytes = pieceBytes

const limit = Semaphore.makeUnsafe(8)

/** Objects that a store remembers as whole and durable. */
const REMEMBERED = 256

const isSame = (one: BigIntStats, other: BigIntStats): boolean =>
  one.ino === other.ino && one.dev === other.dev && one.size === other.size && one.ctimeNs === other.ctimeNs

const hashOf = (bytes: Encoded): string => {
  const hash = hasher.make()
  for (const segment of bytes.segments) hash.update(segment)
  return hash.digest()
}

/** A file that is being written. */
interface Unnamed {
  readonly path: string
  readonly file: FileHandle
  readonly hash: IncrementalHash | undefined
  sizeBytes: number
  named: boolean
}

/**
 * Opens the store of a folder; touches nothing yet. Its temporary files are owned by the `ProcessIdentity` in place, and
 * go when that process is dead.
 */
export const make = Effect.fnUntraced(function*(options: FileArtifactStoreOptions): Effect.fn.Return<ArtifactStoreService> {
  const paths = objectPaths(options.directory)
  const { objects, pathOf, temporary, trash, trashOf } = paths
  const faultsHere = yield* FaultPoints
  const identity = yield* ProcessIdentity

  let isReady = false
  const durableFolders = new Set<string>()
  // Folders that failed to become durable once: the system may call the next fsync a success without writing anything.
  const suspectFolders = new Set<string>()

  /** Objects that this store read or wrote as whole, with their folders durable, as they stood then. */
  const known = new Map<string, BigIntStats>()
  const remember = (digest: string, stats: BigIntStats): void => {
    known.delete(digest)
    known.set(digest, stats)
    for (const oldest of known.keys()) {
      if (known.size <= REMEMBERED) return
      known.delete(oldest)
    }
  }

  /** The fault points of this call: those the store was made with, and those of whoever calls. */
  const faults = Effect.map(FaultPoints, (faultsThere) => (point: string) => {
    faultsHere.at(point)
    if (faultsThere !== faultsHere) faultsThere.at(point)
  })

  const step = <A, E>(name: Operation, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.flatMap(faults, (at) =>
      Effect.suspend(() => {
        at(`artifact.${name}:before`)
        return Effect.tap(effect, () => Effect.sync(() => at(`artifact.${name}:after`)))
      }))

  /** Puts an object back that was taken away, unless a newer one stands in its place. */
  const restore = Effect.fnUntraced(function*(digest: string): Effect.fn.Return<void, FileError> {
    const [from, to] = [trashOf(digest), pathOf(digest)]
    const linked = yield* Effect.result(step("restore", operate(() => link(from, to))))
    if (linked._tag === "Failure") {
      if (linked.failure.code === "ENOENT") return
      // Some file systems have no links; there a newer object of the same bytes is replaced.
      if (linked.failure.code !== "EEXIST") return yield* Effect.asVoid(notThere(operate(() => rename(from, to))))
    }
    yield* syncFolder(dirname(to))
    yield* notThere(operate(() => unlink(from)))
  })

  const sweep: Effect.Effect<void> = Effect.gen(function*() {
    yield* sweepTemporaryFiles(temporary, identity)
    const names = yield* Effect.orElseSucceed(unlessMissing(() => readdir(trash)), () => undefined)
    yield* Effect.forEach((names ?? []).filter(isDigest), (digest) => Effect.ignore(restore(digest)), { discard: true })
  })

  const prepare: Effect.Effect<void, StoreError> = Effect.suspend(() =>
    isReady ? Effect.void : Effect.gen(function*() {
      if (options.prepare !== undefined) yield* options.prepare
      yield* step(
        "make-folder",
        Effect.forEach([objects, temporary, trash], makeFolder, { discard: true })
      ).pipe(Effect.mapError(storeErrorOf(`The artifact folder ${objects} cannot be made`)))
      yield* sweep
      isReady = true
    })
  )

  const syncObjectFolder = (folder: string): Effect.Effect<void, FileError> =>
    step("fsync-folder", syncFolder(folder)).pipe(Effect.tapError(() => Effect.sync(() => suspectFolders.add(folder))))

  const ensureObjectFolder = Effect.fnUntraced(function*(folder: string): Effect.fn.Return<void, FileError> {
    if (durableFolders.has(folder)) return
    yield* step("make-folder", operate(() => mkdir(folder, { recursive: true })))
    yield* syncFolder(objects)
    durableFolders.add(folder)
  })

  /** Whether the object is there, whole, and refreshed: then there is nothing to write. */
  const refresh = (digest: string, sizeBytes: number): Effect.Effect<boolean, FileError> => {
    const path = pathOf(digest)
    const folder = dirname(path)
    const touch = withFile(path, "r", (file) =>
      Effect.gen(function*() {
        const before = yield* operate(() => file.stat({ bigint: true }))
        if (before.size !== BigInt(sizeBytes) || !before.isFile()) return undefined
        const seen = known.get(digest)
        // Whatever is done to a file changes its ctime.
        const untouched = seen !== undefined && isSame(seen, before)
        if (!untouched) {
          const hash = hasher.make()
          yield* Effect.tryPromise({ try: (signal) => eachPiece(file, (piece) => hash.update(piece), signal), catch: asFileError })
          if (hash.digest() !== digest) return undefined
        }
        const now = new Date(yield* Clock.currentTimeMillis)
        yield* step("refresh", operate(() => file.utimes(now, now)))
        // A remover that took it away before the new time was there does not bring it back.
        const after = yield* operate(() => stat(path, { bigint: true }))
        return after.ino === before.ino && after.dev === before.dev ? { after, untouched } : undefined
      }))
    return Effect.gen(function*() {
      // What cannot be looked at does not answer, and is written anew.
      const whole = yield* Effect.orElseSucceed(touch, () => undefined)
      if (whole === undefined || suspectFolders.has(folder)) return false
      // Whoever wrote it may not have come to this yet.
      if (!whole.untouched) yield* Effect.andThen(ensureObjectFolder(folder), syncObjectFolder(folder))
      remember(digest, whole.after)
      return true
    })
  }

  const openUnnamed = (hash: IncrementalHash | undefined): Effect.Effect<Unnamed, StoreError> =>
    Effect.suspend(() => {
      const path = join(temporary, temporaryName(identity.self))
      return operate(() => open(path, "wx")).pipe(
        Effect.map((file): Unnamed => ({ path, file, hash, sizeBytes: 0, named: false })),
        Effect.mapError((error) => {
          if (error.code === "ENOENT") {
            // The folder was deleted under us: the next call makes it again.
            isReady = false
            durableFolders.clear()
          }
          return storeErrorOf(`An artifact cannot be written to ${temporary}`)(error)
        })
      )
    })

  const discard = (unnamed: Unnamed): Effect.Effect<void> =>
    Effect.ignore(operate(() => unnamed.file.close())).pipe(
      Effect.andThen(unnamed.named ? Effect.void : Effect.ignore(operate(() => unlink(unnamed.path))))
    )

  /** Gives what was written its name, durably. */
  const name = Effect.fnUntraced(function*(unnamed: Unnamed, digest: string): Effect.fn.Return<void, FileError> {
    const path = pathOf(digest)
    const now = new Date(yield* Clock.currentTimeMillis)
    yield* operate(() => unnamed.file.utimes(now, now))
    yield* step("fsync", operate(() => unnamed.file.sync()))
    yield* operate(() => unnamed.file.close())
    yield* ensureObjectFolder(dirname(path))
    yield* step("rename", operate(() => rename(unnamed.path, path).then(() => void (unnamed.named = true))))
    yield* syncObjectFolder(dirname(path))
  })

  /** Writes a new object from whatever `fill` hands over; undefined `digest` means that it is hashed meanwhile. */
  const write = <E>(
    digest: string | undefined,
    fill: (write: (piece: Uint8Array) => Promise<void>) => Effect.Effect<void, E>
  ): Effect.Effect<ArtifactInfo, StoreError | E> =>
    Effect.acquireUseRelease(
      openUnnamed(digest === undefined ? hasher.make() : undefined),
      Effect.fnUntraced(function*(unnamed) {
        const at = yield* faults
        yield* fill(async (piece) => {
          at("artifact.write:before")
          await writePiece(unnamed.file, piece, unnamed.hash)
          unnamed.sizeBytes += piece.length
          at("artifact.write:after")
        })
        const info = { digest: digest ?? unnamed.hash!.digest(), sizeBytes: unnamed.sizeBytes }
        const failed = storeErrorOf(`Artifact ${info.digest} cannot be written to ${objects}`)
        const isThere = digest === undefined && (yield* Effect.mapError(refresh(info.digest, info.sizeBytes), failed))
        if (!isThere) yield* Effect.mapError(name(unnamed, info.digest), failed)
        return info
      }),
      discard
    )

  const writing = storeErrorOf(`An artifact cannot be written to ${temporary}`)

  const putBytes = Effect.fnUntraced(function*(bytes: Encoded, given: string | undefined): Effect.fn.Return<ArtifactInfo, StoreError> {
    const digest = given ?? (bytes.sizeBytes <= hashedFirstBytes ? hashOf(bytes) : undefined)
    if (digest !== undefined) {
      const isThere = yield* Effect.mapError(refresh(digest, bytes.sizeBytes), storeErrorOf(`Artifact ${digest} cannot be refreshed`))
      if (isThere) return { digest, sizeBytes: bytes.sizeBytes }
    }
    return yield* write(digest, (write) =>
      Effect.tryPromise({
        try: async (signal) => {
          const { add, flush } = gather(write)
          for (const segment of bytes.segments) {
            if (signal.aborted) return
            await add(segment)
          }
          await flush()
        },
        catch: (error) => writing(asFileError(error))
      }))
  })

  const putFile = (path: string): Effect.Effect<ArtifactInfo, StoreError> => {
    const failed = storeErrorOf(`The file ${path} cannot be stored as an artifact`)
    return withFile(path, "r", (file) =>
      Effect.gen(function*() {
        const info = yield* operate(() => file.stat())
        if (info.isDirectory()) {
          return yield* new StoreError({ reason: "NotSupported", what: `${path} is a folder; an artifact is one file. Pack it first, or put its files` })
        }
        return yield* write(undefined, (write) => Effect.tryPromise({ try: (signal) => eachPiece(file, write, signal), catch: asFileError }))
      })).pipe(Effect.mapError((error) => error instanceof StoreError ? error : failed(error)))
  }

  const putStream = (stream: Stream.Stream<Uint8Array, StoreError>): Effect.Effect<ArtifactInfo, StoreError> =>
    write(undefined, (write) => {
      const { add, flush } = gather(write)
      const writeWith = (run: () => Promise<void>) =>
        limit.withPermit(operate(run)).pipe(Effect.mapError(writing))
      return Stream.runForEach(stream, (piece) => writeWith(() => add(piece))).pipe(Effect.andThen(writeWith(flush)))
    })

  const put = (source: ArtifactSource): Effect.Effect<ArtifactInfo, StoreError> => {
    switch (source._tag) {
      case "Bytes":
        return source.digest !== undefined && !isDigest(source.digest)
          ? Effect.fail(new StoreError({ reason: "NotSupported", what: `"${source.digest}" is not a SHA-256 digest in lower-case hexadecimal` }))
          : Effect.andThen(prepare, limit.withPermit(putBytes(source.bytes, source.digest)))
      case "File":
        return Effect.andThen(prepare, limit.withPermit(putFile(source.path)))
      case "Stream":
        // No permit while the stream is pulled: it may itself read from this store.
        return Effect.andThen(prepare, putStream(source.stream))
    }
  }

  const remove = (digest: string, { refreshedBeforeMs }: { readonly refreshedBeforeMs: number }): Effect.Effect<boolean, StoreError> =>
    !isDigest(digest) ? Effect.succeed(false) : Effect.gen(function*() {
      const [path, away] = [pathOf(digest), trashOf(digest)]
      const before = yield* notThere(operate(() => stat(path)))
      if (before === undefined || refreshedAtMs(before) >= refreshedBeforeMs) return false
      yield* Effect.asVoid(operate(() => mkdir(trash, { recursive: true })))
      const taken = yield* notThere(step("trash", operate(() => rename(path, away).then(() => true))))
      const after = taken === undefined ? undefined : yield* notThere(operate(() => stat(away)))
      if (after === undefined) return false
      if (refreshedAtMs(after) >= refreshedBeforeMs) {
        yield* restore(digest)
        return false
      }
      return (yield* notThere(step("unlink", operate(() => unlink(away).then(() => true))))) ?? false
    }).pipe(
      // From the moment it is away until it is back or gone, nobody may stop this.
      Effect.uninterruptible,
      Effect.mapError(storeErrorOf(`Artifact ${digest} cannot be removed from ${objects}`))
    )

  const listFolder = (prefix: string): Effect.Effect<ReadonlyArray<StoredObject>, FileError> =>
    Effect.gen(function*() {
      const folder = join(objects, prefix)
      const names = (yield* unlessMissing(() => readdir(folder))) ?? []
      const found = yield* Effect.forEach(names.filter((name) => isDigest(prefix + name)), (name) =>
        unlessMissing(() => stat(join(folder, name))).pipe(
          Effect.map((info) => info === undefined ? undefined : { digest: prefix + name, sizeBytes: info.size, refreshedAtMs: refreshedAtMs(info) })
        ), { concurrency: 4 })
      return found.filter((object) => object !== undefined)
    })

  const list = Stream.unwrap(
    Effect.gen(function*() {
      yield* sweep
      const names = (yield* unlessMissing(() => readdir(objects))) ?? []
      return Stream.fromIterable(names.filter((name) => /^[0-9a-f]{2}$/.test(name)).sort()).pipe(
        Stream.mapEffect(listFolder),
        Stream.flattenIterable
      )
    })
  ).pipe(Stream.mapError(storeErrorOf(`The artifacts in ${objects} cannot be listed`)))

  return { put, ...objectReader.make(paths, limit), remove, list }
})

/** File times hold fractions of milliseconds that come from rounding alone. */
const refreshedAtMs = (info: Stats): number => Math.round(info.mtimeMs)

/** An `ArtifactStore` of files in the folder in use. */
export const layer: Layer.Layer<ArtifactStore, never, UniflowDirectory> = Layer.effect(
  ArtifactStore,
  Effect.flatMap(UniflowDirectory, ({ ensure, path }) => make({ directory: path, prepare: ensure }))
)

/** An `ArtifactStore` of files in a folder of its own. */
export const layerFolder = (options: FileArtifactStoreOptions): Layer.Layer<ArtifactStore> => Layer.effect(ArtifactStore, make(options))
