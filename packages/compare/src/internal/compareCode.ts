/** Which code runs ran: the commit of the newest attempt, and the code part of each step's fingerprint. */
import type { RunSnapshot } from "@uniflow/core"
import type { CodeValue, ComparedCode, GitValue } from "../Comparison.ts"
import { allNames, compared, newestAttempt } from "./comparing.ts"

const gitOf = (snapshot: RunSnapshot): GitValue | undefined => {
  const git = newestAttempt(snapshot)?.environment.git
  if (git === undefined) return undefined
  const commits = snapshot.attempts.flatMap(({ environment }) => environment.git?.commit ?? [])
  return { commit: git.commit, branch: git.branch, dirty: git.dirty, commits: [...new Set(commits)] }
}

/** The code of each step; of a map without a record of its own, that of the item decided last. */
const codeOf = ({ steps }: RunSnapshot): ReadonlyMap<string, CodeValue> => {
  const found = new Map<string, CodeValue>()
  const own = new Set<string>()
  for (const { address, outcome, step } of steps) {
    if (outcome.components === null || (own.has(step) && address !== step)) continue
    if (address === step) own.add(step)
    found.set(step, { version: outcome.components.code, kind: outcome.components.codeKind })
  }
  return found
}

const isSameTree = (a: GitValue, b: GitValue): boolean => a.commit === b.commit && !a.dirty && !b.dirty

/** Compares the code of runs. */
export const compareCode = (snapshots: ReadonlyArray<RunSnapshot>): ComparedCode => {
  const codes = snapshots.map(codeOf)
  return {
    git: compared(snapshots.map(gitOf), isSameTree),
    steps: allNames(codes.map((one) => one.keys())).map((step) => ({ step, ...compared(codes.map((one) => one.get(step))) })),
    changes: []
  }
}
