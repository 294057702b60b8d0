/**
 * UniFlow on this machine: a folder with a SQLite database and artifacts as files. The default, without any server.
 *
 * Opening is lazy: the folder and the database are made by the first write, and whoever only reads makes nothing.
 */
import process from "node:process"
import { type ArtifactStore, describe, type Retention, Runner, type RunStore, type StoreError, Uniflow } from "@uniflow/core"
import { Effect, Layer } from "effect"
import * as CborCodec from "./CborCodec.ts"
import * as FileArtifactStore from "./FileArtifactStore.ts"
import * as NodePlatform from "./NodePlatform.ts"
import * as SqliteRunStore from "./SqliteRunStore.ts"
import * as UniflowDirectory from "./UniflowDirectory.ts"

/** Where runs and artifacts are kept instead of a folder of this machine: a database, say. */
export interface Stores {
  /** Tells one from another, and names it in messages: no secrets. */
  readonly name: string
  readonly layer: Layer.Layer<RunStore | ArtifactStore, StoreError>
}

export interface OpenOptions<S = never, E = never> {
  /** The folder that holds everything. Default: `UNIFLOW_DIR`, else `.uniflow` in the root of the workspace. */
  readonly directory?: string | undefined
  /** Where runs and artifacts are kept instead. The folder then holds what this machine keeps for itself: caches and what spills. */
  readonly stores?: Stores | undefined
  /** Services that steps written as Effects require. */
  readonly layer?: Layer.Layer<S, E> | undefined
  /**
   * While runs are under way, let Ctrl-C and SIGTERM interrupt them and wait until their records are consistent,
   * unless the application listens to these signals itself. Default true.
   */
  readonly handleSignals?: boolean | undefined
  /**
   * Which runs are removed by themselves, with the bytes that nobody refers to: looked at when a run has ended, at most every ten
   * minutes, after the run's result was given. Nothing by default. The rules are those of `uniflow prune`.
   */
  readonly retention?: Retention.Rules | undefined
}

const inFolder = Layer.mergeAll(SqliteRunStore.layerDirectory, FileArtifactStore.layer)

type Place = Pick<OpenOptions, "directory" | "stores">

const platformOf = ({ directory }: Place) => NodePlatform.layer.pipe(Layer.provideMerge(UniflowDirectory.layer({ directory })))

/** The stores of a folder of this machine (or those given), without what runs pipelines. The folder is made by the first write. */
export const layerStores = (options: Place = {}): Layer.Layer<RunStore | ArtifactStore | UniflowDirectory.UniflowDirectory, StoreError> =>
  (options.stores?.layer ?? inFolder).pipe(Layer.provideMerge(platformOf(options)))

/** All of UniFlow's services on a folder of this machine, or on the stores given. */
export const layer = (options: Place = {}): Layer.Layer<Uniflow.Services | UniflowDirectory.UniflowDirectory, StoreError> => {
  const stores = Layer.mergeAll(options.stores?.layer ?? inFolder, CborCodec.layer).pipe(Layer.provideMerge(platformOf(options)))
  return Runner.layer.pipe(Layer.provideMerge(stores))
}

const signals = ["SIGINT", "SIGTERM"] as const

type Interrupt = (why: string) => Promise<void>

/** What interrupts the runs under way, of every instance of this process. */
const underWay = new Set<Interrupt>()

const onSignal = (signal: NodeJS.Signals): void => {
  for (const one of signals) process.off(one, onSignal)
  void Promise.allSettled(Array.from(underWay, (interrupt) => interrupt(`the process received ${signal}`))).then(() => process.kill(process.pid, signal))
}

/** Interrupts runs when the process is asked to stop, then lets the signal do what it does. */
const guardSignals = (interrupt: Interrupt): ((active: boolean) => void) => (active) => {
  if (active) underWay.add(interrupt)
  else underWay.delete(interrupt)
  for (const signal of signals) {
    process.off(signal, onSignal)
    if (underWay.size > 0 && process.listenerCount(signal) === 0) process.once(signal, onSignal)
  }
}

/** How often runs are looked at for removal, at most. */
const RETENTION_MS = 10 * 60_000

/** Does something in the background, at most every so often; `settled` waits for it. What fails is tried again later. */
const occasionally = (work: () => Promise<void>) => {
  let last = -Infinity
  let settled = Promise.resolve()
  return {
    soon: (): void => {
      const now = performance.now()
      if (now - last < RETENTION_MS) return
      last = now
      settled = work().catch((error: unknown) => process.emitWarning(`Old runs could not be removed: ${describe(error)}`))
    },
    settled: () => settled
  }
}

const make = <S, E>(options: OpenOptions<S, E>): Uniflow.Uniflow<S> => {
  const base = layer(options)
  // Without a layer of the user's, S is never: there is nothing to add.
  const all = (options.layer === undefined ? base : Layer.mergeAll(base, options.layer)) as Layer.Layer<Uniflow.Services | S, StoreError | E>
  let guard: (active: boolean) => void = () => {}
  const { retention } = options
  const keeping = retention === undefined ? undefined : occasionally(async () => {
    const { removed } = await uniflow.prune(retention)
    if (removed.length > 0) await uniflow.gc()
  })
  const uniflow: Uniflow.Uniflow<S> = Uniflow.make<S, StoreError | E>(all, {
    onActive: (active) => guard(active),
    ...(keeping === undefined ? {} : { onEnd: keeping.soon, beforeClose: keeping.settled })
  })
  if (options.handleSignals !== false) guard = guardSignals((why) => uniflow.interrupt(why))
  return uniflow
}

/**
 * Opens UniFlow on a folder of this machine. Close it at the end (`close`, or `await using`).
 *
 * Rejects with `StoreError` when the folder is one that the next build would delete, or on a network file system.
 */
export const open = async <S = never, E = never>(options: OpenOptions<S, E> = {}): Promise<Uniflow.Uniflow<S>> => {
  await Effect.runPromise(UniflowDirectory.make({ directory: options.directory }))
  return make(options)
}

const shared = Symbol.for("@uniflow/node/NodeUniflow/shared")

/**
 * The instance that a whole process shares: opened at its first use, the same after a hot reload, and never what
 * keeps the process alive. One for each folder, and for each name of stores.
 */
export const lazy = <S = never, E = never>(options: OpenOptions<S, E> = {}): Uniflow.Uniflow<S> => {
  const registry = ((globalThis as { [shared]?: Map<string, Uniflow.Uniflow<S>> })[shared] ??= new Map())
  const key = JSON.stringify([options.directory, options.stores?.name])
  const known = registry.get(key)
  if (known !== undefined) return known
  const uniflow = make({ handleSignals: false, ...options })
  registry.set(key, uniflow)
  return uniflow
}
