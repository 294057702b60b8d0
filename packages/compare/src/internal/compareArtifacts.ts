/** Artifacts of runs by digest: the outputs of steps, and what steps put under a name. Those of a map's items stand together. */
import type { RunSnapshot } from "@uniflow/core"
import type { ArtifactValue, ComparedArtifact } from "../Comparison.ts"
import { allNames, compared, isEqual, stepsByAddress } from "./comparing.ts"

interface Found {
  readonly name: string
  readonly kind: "output" | "named"
  readonly step: string
  readonly value: ArtifactValue
  /** What decides whether two are the same: the digest, or those of all items by their address. */
  readonly identity: unknown
}

const outputsOf = ({ active, steps }: RunSnapshot): ReadonlyArray<Found> => {
  const unfinished = new Set(active.map(({ address }) => address))
  return steps.flatMap(({ address, outcome, step }) => {
    if (address !== step || outcome.output === null || unfinished.has(address)) return []
    const { digest, mediaType, sizeBytes } = outcome.output
    return [{ name: step, kind: "output" as const, step, value: { digest, mediaType, sizeBytes, items: undefined }, identity: digest }]
  })
}

const namedOf = (snapshot: RunSnapshot): ReadonlyArray<Found> => {
  const stepOf = stepsByAddress(snapshot)
  const groups = new Map<string, Map<string, RunSnapshot["artifacts"][number]>>()
  for (const artifact of snapshot.artifacts) {
    const id = JSON.stringify([stepOf(artifact.address), artifact.name])
    const group = groups.get(id) ?? new Map<string, RunSnapshot["artifacts"][number]>()
    groups.set(id, group)
    const other = group.get(artifact.address)
    if (other === undefined || artifact.generation >= other.generation) group.set(artifact.address, artifact)
  }
  return [...groups.values()].flatMap((group) => {
    const artifacts = [...group.values()]
    const first = artifacts[0]
    if (first === undefined) return []
    const step = stepOf(first.address)
    const ofItems = artifacts.some(({ address }) => address !== step)
    return [{
      name: `${step}/${first.name}`,
      kind: "named" as const,
      step,
      value: {
        digest: ofItems ? undefined : first.digest,
        sizeBytes: artifacts.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
        mediaType: first.mediaType,
        items: ofItems ? artifacts.length : undefined
      },
      identity: ofItems ? Object.fromEntries(artifacts.map(({ address, digest }) => [address, digest])) : first.digest
    }]
  })
}

/** Compares the artifacts of runs. */
export const compareArtifacts = (snapshots: ReadonlyArray<RunSnapshot>): ReadonlyArray<ComparedArtifact> => {
  const runs = snapshots.map((snapshot) =>
    new Map([...outputsOf(snapshot), ...namedOf(snapshot)].map((found) => [JSON.stringify([found.kind, found.name]), found]))
  )
  return allNames(runs.map((artifacts) => artifacts.keys())).flatMap((id) => {
    const found = runs.map((artifacts) => artifacts.get(id))
    const any = found.find((one) => one !== undefined)
    if (any === undefined) return []
    const base = found[0]
    const against = found.map((one) =>
      one === undefined && base === undefined
        ? undefined
        : one === undefined || base === undefined
        ? "missing" as const
        : isEqual(one.identity, base.identity)
        ? "same" as const
        : "differs" as const
    )
    return [{
      name: any.name,
      kind: any.kind,
      step: any.step,
      values: found.map((one) => one?.value),
      differs: compared(found.map((one) => one?.identity)).differs,
      against
    }]
  })
}
