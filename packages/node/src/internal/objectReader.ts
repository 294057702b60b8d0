/**
 * Reads objects by their digest: nothing is handed out that does not hash to its name.
 *
 * An object that is being removed may be put back, so it is looked for where it is taken away to, too.
 */
import { readFileSync, type Stats } from "node:fs"
import { open, stat } from "node:fs/promises"
import { type ArtifactStoreService, CorruptArtifact, StoreError } from "@uniflow/core"
import { Effect, Option, Result, type Semaphore, Stream } from "effect"
import { hasher } from "../NodeHasher.ts"
import { asFileError, type FileError, storeErrorOf } from "./fileErrors.ts"
import { notThere, operate } from "./fileOperations.ts"
import { pieceBytes, readInto } from "./filePieces.ts"
import { isDigest, type ObjectPaths } from "./objectPaths.ts"

const corrupt = (digest: string, reason: string) => new CorruptArtifact({ digest, what: "Artifact", reason })

const wrongHash = (sizeBytes: number): string =>
  sizeBytes === 0 ? "it is empty: its bytes are lost" : "its bytes do not hash to its name"

/** How an artifact store reads; `limit` is for values that are loaded. */
export const make = (
  { objects, pathOf, trashOf }: ObjectPaths,
  limit: Semaphore.Semaphore
): Pick<Required<ArtifactStoreService>, "get" | "getNow" | "stream" | "size"> => {
  /** The object's file wherever it stands at this moment; undefined where there is none. */
  const find = <A>(digest: string, use: (path: string) => Effect.Effect<A, FileError>): Effect.Effect<A | undefined, FileError> =>
    !isDigest(digest) ? Effect.succeed(undefined) : notThere(use(pathOf(digest))).pipe(
      Effect.flatMap((found) => found === undefined ? notThere(use(trashOf(digest))) : Effect.succeed(found)),
      Effect.flatMap((found) => found === undefined ? notThere(use(pathOf(digest))) : Effect.succeed(found))
    )

  const openObject = (digest: string) =>
    Effect.acquireRelease(
      find(digest, (path) => operate(() => open(path, "r"))),
      (file) => file === undefined ? Effect.void : Effect.ignore(operate(() => file.close()))
    )

  const reading = (digest: string) => storeErrorOf(`Artifact ${digest} cannot be read from ${objects}`)

  const get = Effect.fnUntraced(function*(digest: string): Effect.fn.Return<Uint8Array, CorruptArtifact | StoreError> {
    const loaded = yield* Effect.gen(function*() {
      const file = yield* openObject(digest)
      if (file === undefined) return yield* corrupt(digest, "it is not in the store")
      const info: Stats = yield* operate(() => file.stat())
      const hash = hasher.make()
      const bytes = yield* Effect.try({
        try: () => new Uint8Array(new ArrayBuffer(info.size)),
        catch: (cause) =>
          new StoreError({ reason: "NotSupported", what: `Artifact ${digest} (${info.size} bytes) does not fit into memory; read it as a stream`, cause })
      })
      const filled = yield* Effect.tryPromise({ try: (signal) => readInto(file, bytes, hash, signal), catch: asFileError })
      if (filled < bytes.length) return yield* corrupt(digest, `it is truncated: ${filled} of ${bytes.length} bytes were read`)
      if (hash.digest() !== digest) return yield* corrupt(digest, wrongHash(info.size))
      return bytes
    }).pipe(
      Effect.scoped,
      limit.withPermit,
      Effect.mapError((error) => error instanceof CorruptArtifact || error instanceof StoreError ? error : reading(digest)(error))
    )
    return loaded
  })

  /** Without waiting, and so without a look at the trash: what is on its way out is missing. */
  const getNow = (digest: string): Result.Result<Uint8Array, CorruptArtifact | StoreError> => {
    if (!isDigest(digest)) return Result.fail(corrupt(digest, "it is not in the store"))
    let bytes: Uint8Array
    try {
      bytes = readFileSync(pathOf(digest))
    } catch (cause) {
      const error = asFileError(cause)
      return Result.fail(error.code === "ENOENT" ? corrupt(digest, "it is not in the store") : reading(digest)(error))
    }
    return hasher.bytes(bytes) === digest
      ? Result.succeed(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      : Result.fail(corrupt(digest, wrongHash(bytes.length)))
  }

  const stream = (digest: string): Stream.Stream<Uint8Array, CorruptArtifact | StoreError> =>
    Stream.unwrap(Effect.gen(function*() {
      const file = yield* openObject(digest)
      if (file === undefined) return yield* corrupt(digest, "it is not in the store")
      const { size } = yield* operate(() => file.stat())
      const hash = hasher.make()
      return Stream.paginate(0, Effect.fnUntraced(function*(offset: number) {
        const piece = new Uint8Array(Math.min(pieceBytes, size - offset))
        const read = piece.length === 0 ? 0 : (yield* limit.withPermit(operate(() => file.read(piece, 0, piece.length, offset)))).bytesRead
        if (read === 0 && piece.length > 0) return yield* corrupt(digest, `it is truncated: ${offset} of ${size} bytes were read`)
        const bytes = piece.subarray(0, read)
        hash.update(bytes)
        if (offset + read < size) return [[bytes], Option.some(offset + read)] as const
        // The last piece is handed out only when the whole is right.
        if (hash.digest() !== digest) return yield* corrupt(digest, wrongHash(size))
        return [read === 0 ? [] : [bytes], Option.none<number>()] as const
      }))
    })).pipe(Stream.mapError((error) => error instanceof CorruptArtifact || error instanceof StoreError ? error : reading(digest)(error)))

  const size = (digest: string) =>
    find(digest, (path) => operate(() => stat(path))).pipe(
      Effect.map((info) => info?.size),
      Effect.mapError(reading(digest))
    )

  return { get, getNow, stream, size }
}
