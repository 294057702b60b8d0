import { Effect, Layer } from "effect"
import {
  type ArtifactRecord,
  type CheckpointRecord,
  JsonCodec,
  MemoryArtifactStore,
  MemoryRunStore,
  MetricSeries,
  type Pipeline,
  ProcessIdentity,
  Runner,
  RunStore,
  snapshot,
  type StepRecord
} from "../src/index.ts"

/** Stores in memory. */
export const stores = Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer)

/** A runner on stores in memory. */
export const layer = Runner.layer.pipe(Layer.provideMerge(stores))

/** Runs a pipeline with the runner in use. */
export const run = <P extends Pipeline.Any>(pipeline: P, params: Pipeline.Params<P>, options?: Runner.RunOptions) =>
  Effect.flatMap(Runner.Runner, (runner) => runner.run(pipeline, params, options))

/** What a run failed with. */
export const failure = <P extends Pipeline.Any>(pipeline: P, params: Pipeline.Params<P>, options?: Runner.RunOptions) => Effect.flip(run(pipeline, params, options))

/** Begins a run and goes on; gives its fiber. */
export const begin = <P extends Pipeline.Any>(pipeline: P, params: Pipeline.Params<P>, options?: Runner.RunOptions) =>
  Effect.forkChild(run(pipeline, params, options), { startImmediately: true })

/** What was decided about each step, in words: `load restored`. */
export const decisions = (result: { readonly decisions: object }): Array<string> =>
  Object.entries(result.decisions as Record<string, { readonly decision: string }>).map(([name, { decision }]) => `${name} ${decision}`)

/** A gate that a step waits at, as a Promise. */
export const makeGate = () => {
  let open: () => void = () => {}
  let arrive: () => void = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  const arrived = new Promise<void>((resolve) => (arrive = resolve))
  return {
    open: () => open(),
    /** Resolves once a step stands at the gate. */
    arrived: Effect.promise(() => arrived),
    wait: () => {
      arrive()
      return opened
    }
  }
}

const ordered = <A>(items: Iterable<A>, key: (item: A) => string): Array<A> => [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1))

/** What a run ends with, apart from times, attempts, decisions and the numbers of generations. */
export const ending = Effect.fnUntraced(function*(runId: string) {
  const { run: record, steps, series, artifacts, checkpoints } = yield* snapshot(runId)
  const answering = new Map(steps.map(({ address, outcome }) => [address, outcome.generation]))
  const curves: Array<readonly [string, ReadonlyArray<number>, ReadonlyArray<number>]> = []
  for (const one of series) {
    if (answering.get(one.address) !== one.generation) continue
    const { indexes, values } = yield* MetricSeries.points(one)
    curves.push([`${one.address} ${one.key} ${JSON.stringify(one.summary)}`, [...indexes], [...values]])
  }
  const outcome = ({ address, components, fingerprint, output, seed, status, step }: StepRecord) => ({ address, components, fingerprint, output, seed, status, step })
  const artifact = ({ address, name, digest, mediaType }: ArtifactRecord) => ({ address, name, digest, mediaType })
  const checkpoint = ({ address, name, version, seq, output, position, fingerprint }: CheckpointRecord) => ({ address, name, version, seq, output, position, fingerprint })
  return {
    status: record.status,
    params: record.params,
    seed: record.seed,
    steps: ordered(steps, ({ address }) => address).map((state) => outcome(state.outcome)),
    curves: ordered(curves, ([name]) => name),
    artifacts: ordered(artifacts.filter((one) => answering.get(one.address) === one.generation).map(artifact), ({ address, name }) => `${address} ${name}`),
    checkpoints: ordered(checkpoints.map(checkpoint), ({ address, seq }) => `${address} ${String(seq).padStart(6, "0")}`)
  }
})

/** A process that takes every other one for dead, or for alive. */
export const processThatSees = (others: "dead" | "alive", nonce = "another") => ({
  self: { nonce, host: "elsewhere", pid: 4711, bootId: "boot", pidNamespace: "", processStart: "" },
  look: () => Effect.succeed(others),
  monotonicMs: () => 0
})

/** Takes a run as another process would that has found its holder dead, and holds it until the scope closes. */
export const takeOver = Effect.fnUntraced(function*(runId: string) {
  const store = yield* RunStore
  const other = processThatSees("dead")
  const claimed = store.claim({
    runId,
    create: undefined,
    onlyNew: false,
    holder: { ...other.self, sinceMs: 0 },
    environment: { runtime: "test", platform: "test", host: "test", pid: 1, argv: [], packages: {} },
    leaseMs: 15_000,
    startedAtMs: 0
  })
  return yield* Effect.provideService(claimed, ProcessIdentity, other)
})
