/**
 * Reasons of decisions as sentences for people. What names a part of the fingerprint stays as it is, with hashes
 * shortened: `param learningRate: 0.1 -> 0.5`.
 */
import { shortenHashes } from "@uniflow/compare"
import { formatReason, type Reason } from "@uniflow/core"

const sentences: { readonly [component: string]: (reason: Reason) => string } = {
  first: () => "nothing was saved yet",
  match: () => "nothing that it depends on has changed",
  rerun: () => "asked for by --rerun",
  interrupted: () => "was interrupted before",
  failed: ({ note }) => `failed before${note === undefined ? "" : `: ${note}`}`,
  cache: (reason) => (reason.sourceRun === undefined ? formatReason(reason) : `taken from run ${reason.sourceRun}`),
  fork: (reason) => (reason.sourceRun === undefined ? formatReason(reason) : `taken over from run ${reason.sourceRun}`),
  when: () => "its `when` said no",
  resolved: (reason) => `a person decided: ${reason.new === "output" ? "it took effect" : reason.new === "failed" ? "it did not take effect" : "run it again"}`
}

/** One reason in one line; not escaped. */
const describeReason = (reason: Reason): string => {
  const sentence = Object.hasOwn(sentences, reason.component) ? sentences[reason.component] : undefined
  // Only reasons that say nothing beyond their name are put into other words.
  const saysMore = reason.component !== "resolved" && (reason.old !== undefined || reason.new !== undefined)
  return shortenHashes(sentence === undefined || saysMore ? formatReason(reason) : sentence(reason))
}

const sayEnough = new Set(["when", "items", "cache", "fork"])

/** The reasons of a decision, each in one line; that nothing was saved is left out where something else says it all. */
export const describeReasons = (reasons: ReadonlyArray<Reason>): ReadonlyArray<string> =>
  reasons.filter(({ component }) => component !== "first" || !reasons.some((other) => sayEnough.has(other.component))).map(describeReason)
