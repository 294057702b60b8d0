/** A run as its page shows it: the view, and what the graph, the timeline and the list of checkpoints need besides. */
import { jsonified } from "@uniflow/compare"
import { type RunSnapshot, RunView } from "@uniflow/core"
import type { Executed, RunDetail, SavedCheckpoint, StepInput } from "../Api.ts"

/** More than so many are left out, the oldest first. */
const MOST_EXECUTIONS = 2_000
const MOST_CHECKPOINTS = 500

/** Records name an input by its own name and the digest of what came: whose output that was, the other records tell. */
const inputsOf = ({ history, steps }: RunSnapshot): RunDetail["inputs"] => {
  const makers = new Map<string, Set<string>>()
  for (const { address, output, step } of history) {
    if (output === null || address !== step) continue
    makers.set(output.digest, (makers.get(output.digest) ?? new Set()).add(step))
  }
  return Object.fromEntries(
    steps.filter(({ address, step }) => address === step).map(({ address, outcome, record }) => {
      const digests = Object.entries((record.components ?? outcome.components)?.inputs ?? {})
      const inputs = digests.map(([name, digest]): StepInput => {
        const own = [...makers.get(digest) ?? []].filter((maker) => maker !== address)
        // Two steps may have made the same bytes: the one with the input's name is the likelier.
        return { name, step: own.includes(name) ? name : own[0] ?? null }
      })
      return [address, inputs]
    })
  )
}

const executionsOf = ({ history }: RunSnapshot): ReadonlyArray<Executed> =>
  history.filter(({ address, step }) => address === step).slice(-MOST_EXECUTIONS).map(({ attempt, decision, durationMs, startedAtMs, status, step }) => ({ step, attempt, decision, status, startedAtMs, durationMs }))

const checkpointsOf = ({ checkpoints }: RunSnapshot): ReadonlyArray<SavedCheckpoint> =>
  checkpoints.slice(-MOST_CHECKPOINTS).map(({ address, attempt, name, output, savedAtMs, version }) => ({ step: address, name, version, attempt, sizeBytes: output.sizeBytes, savedAtMs }))

const stoppedOf = ({ active, artifacts, checkpoints, run, series, steps }: RunSnapshot): RunDetail["stopped"] => {
  if (run.status === "running") return []
  const decided = new Set(steps.map(({ address }) => address))
  const left = [
    ...steps.filter(({ address, step }) => address !== step && !decided.has(step)).map(({ step }) => step),
    ...[...checkpoints, ...series, ...artifacts, ...active].map(({ address }) => address).filter((address) => !decided.has(address) && !address.endsWith("]"))
  ]
  return [...new Set(left)]
}

/** The detail of a snapshot. */
export const runDetailOf = (snapshot: RunSnapshot): RunDetail => ({
  ...jsonified(RunView.make(snapshot)) as RunDetail,
  inputs: inputsOf(snapshot),
  executions: executionsOf(snapshot),
  checkpoints: checkpointsOf(snapshot),
  stopped: stoppedOf(snapshot)
})
