/** How this package connects, names a database in messages, and waits for a server. */
import { Clock, Duration, Effect, Redacted } from "effect"

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=require`, as libpq reads it. */
  readonly url: string | Redacted.Redacted
  /** The schema that holds the store's tables; `uniflow` by default. */
  readonly schema?: string | undefined
  /** Connections for reading, at most; 5 by default. One more is used for writing. */
  readonly maxConnections?: number | undefined
  /** Whether statements are prepared by name; true by default. A pooler in transaction mode may need false. */
  readonly prepare?: boolean | undefined
  /** How long is tried again while the server cannot be reached or others are in the way, in milliseconds; 30,000 by default. */
  readonly patienceMs?: number | undefined
}

const secretOf = (url: PostgresOptions["url"]): Redacted.Redacted => typeof url === "string" ? Redacted.make(url) : url

/** The name that a store has in messages: no user, no password. */
export const nameOf = ({ schema = "uniflow", url }: PostgresOptions): string => {
  try {
    const { host, pathname } = new URL(Redacted.value(secretOf(url)))
    return `${host}${pathname} (schema ${schema})`
  } catch {
    return `PostgreSQL (schema ${schema})`
  }
}

/** How a connection is made. */
export const connectionConfig = ({ prepare = true, url }: PostgresOptions) => ({
  url: secretOf(url),
  prepare,
  applicationName: "uniflow",
  keepAlive: Duration.seconds(30),
  maxMessageSize: 1 << 30
})

export const poolConfig = (options: PostgresOptions) => ({ ...connectionConfig(options), maxConnections: options.maxConnections ?? 5 })

/**
 * Begins a transaction that the server ends by itself when this process stands still in the middle of it for so long, in milliseconds: others
 * wait for what it has locked. It holds for the transaction alone, as a pooler wants it.
 */
export const begin = (standsStillMs: number): ReadonlyArray<string> => ["BEGIN", `SET LOCAL idle_in_transaction_session_timeout = ${standsStillMs}`]

/** How long a transaction of statements that follow each other may stand still, in milliseconds. */
export const STANDS_STILL_MS = 5_000

/** Longest pause before the server is tried again, in milliseconds. */
const PAUSE_MS = 500

/** Real time, whatever clock the program has: it is a server that is waited for. */
const pause = (attempt: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), 5 + Math.random() * Math.min(PAUSE_MS, 10 * 2 ** attempt))
    return Effect.sync(() => clearTimeout(timer))
  })

/** Likewise for what the client waits for by itself. */
export const inRealTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Clock.Clock, Clock.Clock.defaultValue())

/** How long a server is tried that was never reached, in milliseconds: it may be starting, and the URL may be wrong. */
export const FIRST_PATIENCE_MS = 2_000

/** Repeats what failed for a reason that passes, for as long as that is worth while. */
export const patientlyFor = ({ patienceMs = 30_000 }: PostgresOptions) =>
<A, E, R>(effect: Effect.Effect<A, E, R>, passes: (error: E) => boolean): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const until = performance.now() + patienceMs
    const again = (attempt: number): Effect.Effect<A, E, R> =>
      Effect.catchIf(effect, (error) => passes(error) && performance.now() < until, () => Effect.andThen(pause(attempt), again(attempt + 1)))
    return again(0)
  })
