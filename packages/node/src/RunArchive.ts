/**
 * Runs in one file: a tar of JSON lines and objects by their digests, with the digest of everything at its end.
 *
 * An archive is written beside its name and gets it when it is complete, durable and was read back. One that is read is
 * checked as a whole before anything of it is used, and is never unpacked. docs/format/archive.md describes the file.
 */
import { constants } from "node:fs"
import { type FileHandle, link, open, rename, stat, unlink } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { CorruptArtifact, MemoryRunStore, type RunBundle, StoreError } from "@uniflow/core"
import { Clock, Effect, type Scope, Stream } from "effect"
import { type CopySource, type CopyTarget, InvalidArchive, selectFrom } from "./CopyPlace.ts"
import { type ArchiveIndex, indexOf, piecesAt, Refused, runAt } from "./internal/archiveReader.ts"
import { ArchiveWriter, NotThoseBytes } from "./internal/archiveWriter.ts"
import { objectsOf } from "./internal/bundleLines.ts"
import { asFileError, storeErrorOf } from "./internal/fileErrors.ts"
import { operate, syncFolder } from "./internal/fileOperations.ts"
import { sweepTemporaryFiles, temporaryName } from "./internal/temporaryFiles.ts"
import * as NodeProcessIdentity from "./NodeProcessIdentity.ts"

/** What the name of an archive ends with. */
export const EXTENSION = ".uniflow.tar"

/** What the name of an archive that is being written begins with; its process follows. */
const UNFINISHED = ".uniflow-archive-"

const reading = (path: string) => (cause: unknown): StoreError | InvalidArchive =>
  cause instanceof Refused
    ? new InvalidArchive({ path, issue: cause.message })
    : storeErrorOf(`The archive ${path} cannot be read`)(asFileError(cause))

const index = (path: string, file: FileHandle): Effect.Effect<ArchiveIndex, StoreError | InvalidArchive> =>
  Effect.tryPromise({
    try: async () => {
      const info = await file.stat()
      if (!info.isFile()) throw new Refused("it is no file")
      return indexOf(file, info.size)
    },
    catch: reading(path)
  })

/** Opens an archive and checks all of it. Ends in `InvalidArchive` for one that is damaged or hostile. */
export const source = Effect.fnUntraced(function*(path: string): Effect.fn.Return<CopySource, StoreError | InvalidArchive, Scope.Scope> {
  const file = yield* Effect.acquireRelease(
    // A pipe would be waited for.
    Effect.mapError(operate(() => open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))), reading(path)),
    (file) => Effect.ignore(operate(() => file.close()))
  )
  const { objects, runs } = yield* index(path, file)
  return {
    name: path,
    // Found as in any store, by the records that searches look at.
    select: (selection) =>
      Effect.flatMap(MemoryRunStore.make, (store) =>
        Effect.forEach(runs.values(), ({ light }) => store.restore({ ...light, active: [], checkpoints: [], artifacts: [], logs: [] }, []), { discard: true }).pipe(
          Effect.andThen(selectFrom(store, selection))
        )),
    read: (runId) => {
      const run = runs.get(runId)
      if (run === undefined) return Effect.succeed(undefined)
      return Effect.tryPromise({
        try: async () => {
          const { bundle, digest } = await runAt(file, run, true)
          if (digest !== run.digest) throw new Refused("it was changed while it was read")
          return bundle
        },
        catch: reading(path)
      })
    },
    bytes: (digest) => {
      const object = objects.get(digest)
      return object === undefined
        ? Stream.fail(new CorruptArtifact({ digest, what: "Artifact", reason: "the archive was made without it" }))
        : Stream.fromAsyncIterable(piecesAt(file, object), reading(path))
    }
  }
})

/**
 * A new archive; it is there when `finish` has succeeded, and leaves nothing otherwise. Refuses a name that is taken (`NotPermitted`). Removes
 * what processes that died while they wrote an archive have left in the folder.
 */
export const target = Effect.fnUntraced(function*(given: string): Effect.fn.Return<CopyTarget, StoreError, Scope.Scope> {
  const path = resolve(given)
  const writing = storeErrorOf(`The archive ${path} cannot be written`)
  const taken = new StoreError({ reason: "NotPermitted", what: `${path} exists already, and is not overwritten. Choose another name, or remove it` })
  const isThere = yield* Effect.promise(() => stat(path).then(() => true, () => false))
  if (isThere) return yield* taken
  const identity = NodeProcessIdentity.make()
  yield* sweepTemporaryFiles(dirname(path), identity, UNFINISHED)
  const temporary = join(dirname(path), temporaryName(identity.self, UNFINISHED))
  let named = false
  const file = yield* Effect.acquireRelease(
    Effect.mapError(operate(() => open(temporary, "wx+")), writing),
    (file) => Effect.ignore(operate(() => file.close())).pipe(Effect.andThen(named ? Effect.void : Effect.ignore(operate(() => unlink(temporary)))))
  )
  const writer = new ArchiveWriter(file)
  const write = <A>(run: () => Promise<A>): Effect.Effect<A, StoreError> =>
    Effect.uninterruptible(Effect.tryPromise({
      try: run,
      catch: (cause) => cause instanceof RangeError ? new StoreError({ reason: "NotSupported", what: cause.message }) : writing(asFileError(cause))
    }))
  const now = yield* Clock.currentTimeMillis
  yield* write(() => writer.begin(now))
  const written = new Map<string, string>()

  /** Writes an object; false where the source does not have it whole. */
  const object = (digest: string, bytes: CopySource["bytes"]): Effect.Effect<boolean, StoreError | InvalidArchive> =>
    Effect.gen(function*() {
      let failure: CorruptArtifact | StoreError | InvalidArchive | undefined
      const pieces = yield* Stream.toAsyncIterableEffect(Stream.tapError(bytes(digest), (error) => Effect.sync(() => void (failure = error))))
      const outcome = yield* Effect.promise(() => writer.object(digest, pieces).then(() => undefined, (error: unknown) => ({ error })))
      if (outcome === undefined) return true
      if (failure === undefined && !(outcome.error instanceof NotThoseBytes)) return yield* writing(asFileError(outcome.error))
      if (failure === undefined || failure._tag === "CorruptArtifact") return false
      return yield* failure
    })

  const finish = Effect.gen(function*() {
    yield* write(() => writer.end())
    const { runs } = yield* index(temporary, file)
    for (const [id, digest] of written) {
      if (runs.get(id)?.digest !== digest) return yield* new StoreError({ reason: "Corrupt", what: `The archive ${path} does not read as it was written: run "${id}" differs. Nothing was kept of it` })
    }
    yield* operate(() => link(temporary, path)).pipe(
      Effect.matchEffect({
        onSuccess: () => Effect.succeed(false),
        onFailure: (error) => error.code === "EEXIST" ? Effect.fail(taken) : Effect.succeed(true)
      }),
      // A file system without links: the name was free just now.
      Effect.flatMap((without) => without ? Effect.mapError(operate(() => rename(temporary, path).then(() => void (named = true))), writing) : Effect.void)
    )
    yield* Effect.mapError(syncFolder(dirname(path)), writing)
  })

  return {
    name: path,
    has: (runId) => Effect.succeed(written.has(runId)),
    read: () => Effect.succeed(undefined),
    keep: Effect.fnUntraced(function*(bundle: RunBundle, bytes: CopySource["bytes"]) {
      const damaged: Array<string> = []
      let sizeBytes = 0
      for (const [digest, size] of objectsOf(bundle)) {
        if (writer.has(digest)) continue
        if (yield* object(digest, bytes)) sizeBytes += size
        else {
          damaged.push(digest)
          yield* Effect.sync(() => writer.lack(digest))
        }
      }
      written.set(bundle.run.id, yield* write(() => writer.run(bundle)))
      return { sizeBytes, damaged }
    }),
    finish
  }
})
