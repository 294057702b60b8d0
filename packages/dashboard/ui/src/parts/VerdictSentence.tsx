import type { Sentence } from "./verdictSentences.ts"

const tones = { good: "text-good", bad: "text-bad", warning: "text-warning", faint: "text-body text-soft", strong: "font-semibold" } as const

export const VerdictSentence = ({ sentence }: { readonly sentence: Sentence }) => (
  <>{sentence.map(({ text, tone }, at) => <span key={at} className={tone === undefined ? "" : tones[tone]}>{text}</span>)}</>
)
