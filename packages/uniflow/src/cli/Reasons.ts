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
  when: () => "its `when` said no"
}

/** One reason in one line; not escaped. */
const describeReason = (reason: Reason): string => {
  const sentence = Object.hasOwn(sentences, reason.component) ? sentences[reason.component] : undefined
  // Only reasons that say nothing beyond their name are put into other words.
  return shortenHashes(sentence === undefined || reason.old !== undefined || reason.new !== undefined ? formatReason(reason) : sentence(reason))
}

const sayEnough = new Set(["when", "items", "cache"])

/** The reasons of a decision, each in one line; that nothing was saved is left out where something else says it all. */
export const describeReasons = (reasons: ReadonlyArray<Reason>): ReadonlyArray<string> =>
  reasons.filter(({ component }) => component !== "first" || !reasons.some((other) => sayEnough.has(other.component))).map(describeReason)
