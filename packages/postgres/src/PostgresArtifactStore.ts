/**
 * Artifacts in PostgreSQL, in parts of 1 MiB: a database alone is then enough for everything.
 *
 * An object and its parts are written in one transaction, or in several under another name when its digest is not known
 * beforehand; what was left under such a name is removed a day later. Bytes are handed out only when they hash to their name.
 */
import { PgPool } from "@effect/sql-pg"
import {
  type ArtifactInfo, type ArtifactSource, ArtifactStore, type ArtifactStoreService, CorruptArtifact, FaultPoints, Hasher, joinEncoded, SourceFiles, StoreError, type StoredObject
} from "@uniflow/core"
import { Clock, Effect, Layer, Option, type Scope, Stream } from "effect"
import type { SqlError } from "effect/sql"
import { begin, FIRST_PATIENCE_MS, inRealTime, nameOf, patientlyFor, poolConfig, type PostgresOptions, STANDS_STILL_MS } from "./internal/connecting.ts"
import { isDisconnected, isMadeMeanwhile, isPassing, postgresError } from "./internal/postgresErrors.ts"
import { inSchema, quoted } from "./internal/postgresSql.ts"

export interface PostgresArtifactOptions extends PostgresOptions {
  /** The largest object in bytes; 256 MiB by default. What is larger belongs into S3 or files. */
  readonly maxObjectBytes?: number | undefined
}

/** Every fault point of this store: around each transaction, and around each part of what has no name yet. */
export const faultPoints: ReadonlyArray<string> = ["transaction", "part"].flatMap((name) => [`postgres.object.${name}:before`, `postgres.object.${name}:after`])

const PART_BYTES = 1024 * 1024

/** Parts that are read by one statement. */
const PARTS_AT_ONCE = 8

/** How long what was not finished is left alone, in milliseconds. */
const UNFINISHED_MS = 86_400_000

const UNFINISHED = "unfinished "

const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

const SET_UP = [
  `CREATE TABLE IF NOT EXISTS objects (digest TEXT COLLATE "C" PRIMARY KEY, size_bytes BIGINT NOT NULL, refreshed_at_ms DOUBLE PRECISION NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS object_parts (object TEXT COLLATE "C" NOT NULL, part INTEGER NOT NULL, bytes BYTEA NOT NULL, PRIMARY KEY (object, part))`,
  "ALTER TABLE object_parts ALTER COLUMN bytes SET STORAGE EXTERNAL"
]
const REFRESH = "UPDATE objects SET refreshed_at_ms = ? WHERE digest = ? AND size_bytes = ? RETURNING digest"
const NAME = `INSERT INTO objects (digest, size_bytes, refreshed_at_ms) VALUES (?, ?, ?)
  ON CONFLICT (digest) DO UPDATE SET size_bytes = excluded.size_bytes, refreshed_at_ms = excluded.refreshed_at_ms`
const ADD_PART = "INSERT INTO object_parts (object, part, bytes) VALUES (?, CAST(? AS INTEGER), ?)"
const CLEAR = "DELETE FROM object_parts WHERE object = ?"
const RENAME = "UPDATE object_parts SET object = ? WHERE object = ?"
const FORGET = "DELETE FROM objects WHERE digest = ?"
const REMOVE = "DELETE FROM objects WHERE digest = ? AND refreshed_at_ms < ? RETURNING digest"
const SWEEP_PARTS = "DELETE FROM object_parts WHERE object IN (SELECT digest FROM objects WHERE digest LIKE 'unfinished %' AND refreshed_at_ms < ?)"
const SWEEP = "DELETE FROM objects WHERE digest LIKE 'unfinished %' AND refreshed_at_ms < ?"
const SIZE = "SELECT size_bytes FROM objects WHERE digest = ?"
const PARTS = "SELECT bytes FROM object_parts WHERE object = ? AND part >= CAST(? AS INTEGER) AND part < CAST(? AS INTEGER) ORDER BY part"
const LIST = "SELECT digest, size_bytes, refreshed_at_ms FROM objects WHERE digest > ? AND digest NOT LIKE 'unfinished %' ORDER BY digest LIMIT 500"

const make = Effect.fnUntraced(function*(options: PostgresArtifactOptions): Effect.fn.Return<ArtifactStoreService, StoreError, Scope.Scope> {
  const { maxObjectBytes = 256 * 1024 * 1024, schema = "uniflow" } = options
  const hasher = yield* Hasher
  const points = yield* FaultPoints
  const around = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      points.at(`postgres.object.${name}:before`)
      return Effect.tap(effect, () => Effect.sync(() => points.at(`postgres.object.${name}:after`)))
    })
  const name = nameOf(options)
  const rewritten = inSchema(schema)
  const failed = (what: string) => (error: unknown): StoreError => postgresError(what, error)
  const pool = yield* Effect.mapError(inRealTime(PgPool.make(poolConfig(options))), failed(`${name} cannot be used`))
  const patiently = patientlyFor(options)
  const atFirst = patientlyFor({ ...options, patienceMs: FIRST_PATIENCE_MS })
  const passes = (error: SqlError.SqlError): boolean => isDisconnected(error) || isPassing(error)

  type Row = ReadonlyArray<unknown>
  type Ask = (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError>

  const once: Ask = (sql, params) => inRealTime(pool.use((connection) => connection.queryValues(rewritten(sql), params)))
  const ask: Ask = (sql, params) => patiently(once(sql, params), passes)

  /** A transaction that may be done twice: the second time changes nothing that the first one has not. */
  const transaction = <A>(use: (ask: Ask) => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> => around("transaction", transacted(use))
  const transacted = <A>(use: (ask: Ask) => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
    patiently(Effect.scoped(Effect.gen(function*() {
      const connection = yield* inRealTime(pool.reserve)
      const here: Ask = (sql, params) => connection.queryValues(rewritten(sql), params)
      for (const sql of begin(STANDS_STILL_MS)) yield* here(sql, [])
      const done = yield* Effect.onError(use(here), () => Effect.ignore(here("ROLLBACK", [])))
      const { command } = yield* connection.query("COMMIT")
      return command === "COMMIT" ? Option.some(done) : Option.none()
    })), passes).pipe(Effect.flatMap((done) => Option.isSome(done) ? Effect.succeed(done.value) : Effect.die(new Error("a transaction did not end as it should"))))

  /** Objects that were met damaged: they are written anew. */
  const damaged = new Set<string>()

  const tooLarge = (sizeBytes: number): StoreError =>
    new StoreError({ reason: "NotSupported", what: `An artifact of ${sizeBytes} bytes is larger than ${name} is to hold (${maxObjectBytes}); keep artifacts in S3 or raise maxObjectBytes` })

  const refresh = Effect.fnUntraced(function*(digest: string, sizeBytes: number) {
    if (damaged.has(digest)) return false
    return (yield* ask(REFRESH, [yield* Clock.currentTimeMillis, digest, BigInt(sizeBytes)])).length > 0
  })

  /** Pieces of any length as parts. */
  const parts = (pieces: Iterable<Uint8Array>): Iterable<Uint8Array> => ({
    *[Symbol.iterator]() {
      let buffer = new Uint8Array(PART_BYTES)
      let filled = 0
      for (const piece of pieces) {
        for (let at = 0; at < piece.length;) {
          const taken = Math.min(piece.length - at, PART_BYTES - filled)
          buffer.set(piece.subarray(at, at + taken), filled)
          filled += taken
          at += taken
          if (filled === PART_BYTES) {
            yield buffer
            buffer = new Uint8Array(PART_BYTES)
            filled = 0
          }
        }
      }
      if (filled > 0) yield buffer.subarray(0, filled)
    }
  })

  const putBytes = Effect.fnUntraced(function*({ bytes, digest: given }: Extract<ArtifactSource, { readonly _tag: "Bytes" }>) {
    const { segments, sizeBytes } = bytes
    if (sizeBytes > maxObjectBytes) return yield* tooLarge(sizeBytes)
    if (given !== undefined && !isDigest(given)) {
      return yield* new StoreError({ reason: "NotSupported", what: `"${given}" is not a SHA-256 digest in lower-case hexadecimal` })
    }
    const hash = given === undefined ? hasher.make() : undefined
    if (hash !== undefined) for (const segment of segments) hash.update(segment)
    const digest = given ?? hash!.digest()
    const write = Effect.gen(function*() {
      if (yield* refresh(digest, sizeBytes)) return
      const nowMs = yield* Clock.currentTimeMillis
      yield* transaction((ask) => Effect.gen(function*() {
        yield* ask(NAME, [digest, BigInt(sizeBytes), nowMs])
        yield* ask(CLEAR, [digest])
        let part = 0n
        for (const one of parts(segments)) yield* ask(ADD_PART, [digest, part++, one])
      }))
      damaged.delete(digest)
    })
    yield* Effect.mapError(write, failed(`An artifact cannot be written to ${name}`))
    return { digest, sizeBytes }
  })

  const putStream = (stream: Stream.Stream<Uint8Array, StoreError>): Effect.Effect<ArtifactInfo, StoreError> => {
    const id = `${UNFINISHED}${crypto.randomUUID()}`
    const writing = failed(`An artifact cannot be written to ${name}`)
    const discard = Effect.ignore(transaction((ask) => Effect.andThen(ask(CLEAR, [id]), ask(FORGET, [id]))))
    const hash = hasher.make()
    let sizeBytes = 0
    let part = 0n
    let pending: Array<Uint8Array> = []
    let pendingBytes = 0
    const flush = Effect.suspend(() => {
      const taken = [...parts(pending)]
      pending = []
      pendingBytes = 0
      return Effect.forEach(taken, (bytes) => {
        const at = part++
        // Written again where the answer was lost.
        return around("part", ask(`${ADD_PART} ON CONFLICT (object, part) DO NOTHING`, [id, at, bytes]))
      }, { discard: true })
    }).pipe(Effect.mapError(writing))
    const add = (piece: Uint8Array): Effect.Effect<void, StoreError> =>
      Effect.suspend((): Effect.Effect<void, StoreError> => {
        hash.update(piece)
        sizeBytes += piece.length
        if (sizeBytes > maxObjectBytes) return Effect.fail(tooLarge(sizeBytes))
        pending.push(piece.slice())
        pendingBytes += piece.length
        if (pendingBytes < PART_BYTES) return Effect.void
        // What does not fill a part waits for more.
        const all = [...parts(pending)]
        const rest = all.at(-1)!.length < PART_BYTES ? all.pop() : undefined
        pending = all
        return Effect.map(flush, () => {
          if (rest === undefined) return
          pending = [rest]
          pendingBytes = rest.length
        })
      })
    return Effect.gen(function*() {
      yield* Effect.mapError(Effect.flatMap(Clock.currentTimeMillis, (nowMs) => ask(NAME, [id, 0n, nowMs])), writing)
      yield* Stream.runForEach(stream, add)
      yield* flush
      const digest = hash.digest()
      if (yield* Effect.mapError(refresh(digest, sizeBytes), writing)) {
        yield* discard
        return { digest, sizeBytes }
      }
      const nowMs = yield* Clock.currentTimeMillis
      yield* Effect.mapError(transaction((ask) => Effect.gen(function*() {
        yield* ask(NAME, [digest, BigInt(sizeBytes), nowMs])
        // Renamed already where the answer was lost.
        if ((yield* ask("SELECT digest FROM objects WHERE digest = ?", [id])).length === 0) return
        yield* ask(CLEAR, [digest])
        yield* ask(RENAME, [digest, id])
        yield* ask(FORGET, [id])
      })), writing)
      damaged.delete(digest)
      return { digest, sizeBytes }
    }).pipe(Effect.onError(() => discard))
  }

  const put = (source: ArtifactSource): Effect.Effect<ArtifactInfo, StoreError> => {
    switch (source._tag) {
      case "Bytes":
        return putBytes(source)
      case "Stream":
        return putStream(source.stream)
      case "File":
        return Effect.flatMap(SourceFiles, (files) => putStream(files.stream(source.path)))
    }
  }

  const corrupt = (digest: string, reason: string): CorruptArtifact => {
    damaged.add(digest)
    return new CorruptArtifact({ digest, what: "Artifact", reason })
  }

  const size: ArtifactStoreService["size"] = (digest) =>
    !isDigest(digest) ? Effect.undefined : Effect.map(Effect.mapError(ask(SIZE, [digest]), failed(`Artifact ${digest} cannot be looked for in ${name}`)), ([row]) => row === undefined ? undefined : Number(row[0]))

  const stream = (digest: string): Stream.Stream<Uint8Array, CorruptArtifact | StoreError> =>
    Stream.unwrap(Effect.gen(function*() {
      const sizeBytes = yield* size(digest)
      if (sizeBytes === undefined) return Stream.fail(new CorruptArtifact({ digest, what: "Artifact", reason: "it is not in the store" }))
      const hash = hasher.make()
      let seen = 0
      const pieces = Stream.paginate(0, (from) =>
        Effect.map(
          Effect.mapError(ask(PARTS, [digest, BigInt(from), BigInt(from + PARTS_AT_ONCE)]), failed(`Artifact ${digest} cannot be read from ${name}`)),
          (rows) => {
            const bytes = rows.map(([bytes]) => bytes as Uint8Array)
            for (const piece of bytes) {
              hash.update(piece)
              seen += piece.length
            }
            return [bytes, rows.length === PARTS_AT_ONCE ? Option.some(from + PARTS_AT_ONCE) : Option.none()] as const
          }
        ))
      const verified = Stream.fromEffect(Effect.suspend(() =>
        seen !== sizeBytes
          ? Effect.fail(corrupt(digest, `${seen} of ${sizeBytes} bytes are there: bytes are lost`))
          : hash.digest() !== digest
          ? Effect.fail(corrupt(digest, "its bytes do not hash to its name"))
          : Effect.void))
      return Stream.concat(pieces, Stream.drain(verified))
    }))

  const get: ArtifactStoreService["get"] = (digest) =>
    Effect.map(Stream.runCollect(stream(digest)), (segments) => joinEncoded({ segments, sizeBytes: segments.reduce((sum, { length }) => sum + length, 0) }))

  const remove: ArtifactStoreService["remove"] = (digest, { refreshedBeforeMs }) =>
    !isDigest(digest) ? Effect.succeed(false) : Effect.mapError(
      transaction((ask) => Effect.gen(function*() {
        if ((yield* ask(REMOVE, [digest, refreshedBeforeMs])).length === 0) return false
        yield* ask(CLEAR, [digest])
        return true
      })),
      failed(`Artifact ${digest} cannot be removed from ${name}`)
    )

  const list: Stream.Stream<StoredObject, StoreError> = Stream.paginate("", (after) =>
    Effect.map(Effect.mapError(ask(LIST, [after]), failed(`The artifacts in ${name} cannot be listed`)), (rows) => {
      const found = rows.map(([digest, sizeBytes, refreshedAtMs]): StoredObject => ({ digest: String(digest), sizeBytes: Number(sizeBytes), refreshedAtMs: Number(refreshedAtMs) }))
      return [found, rows.length === 500 ? Option.some(found.at(-1)!.digest) : Option.none()] as const
    }))

  const setUp = Effect.gen(function*() {
    yield* once(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`, [])
    for (const sql of SET_UP) yield* once(sql, [])
    const before = (yield* Clock.currentTimeMillis) - UNFINISHED_MS
    yield* transaction((ask) => Effect.andThen(ask(SWEEP_PARTS, [before]), ask(SWEEP, [before])))
  })
  yield* Effect.mapError(atFirst(setUp, (error) => isDisconnected(error) || isMadeMeanwhile(error)), failed(`${name} cannot be used`))

  return { put, get, stream, size, remove, list }
})

/** An `ArtifactStore` in a database. Building it fails with `StoreError`: `Unavailable`, `NotPermitted`, … */
export const layer = (options: PostgresArtifactOptions): Layer.Layer<ArtifactStore, StoreError> => Layer.effect(ArtifactStore, make(options))
