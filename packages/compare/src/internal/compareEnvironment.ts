/** What runs ran in: runtime, platform, host and packages of the newest attempt, and the seed. */
import type { RunSnapshot } from "@uniflow/core"
import type { ComparedEnvironment } from "../Comparison.ts"
import { allNames, compared, newestAttempt } from "./comparing.ts"

/** Compares the surroundings of runs. */
export const compareEnvironment = (snapshots: ReadonlyArray<RunSnapshot>): ComparedEnvironment => {
  const environments = snapshots.map((snapshot) => newestAttempt(snapshot)?.environment)
  const packages = environments.map((environment) => new Map(Object.entries(environment?.packages ?? {})))
  return {
    runtime: compared(environments.map((environment) => environment?.runtime)),
    platform: compared(environments.map((environment) => environment?.platform)),
    host: compared(environments.map((environment) => environment?.host)),
    seed: compared(snapshots.map(({ run }) => run.seed)),
    packages: allNames(packages.map((one) => one.keys())).toSorted().map((name) => ({
      name,
      ...compared(packages.map((one) => one.get(name)))
    }))
  }
}
