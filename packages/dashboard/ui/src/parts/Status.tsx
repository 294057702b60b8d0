/** The state of a run or step, told by shape, colour and word. */
const looks: Record<string, readonly [symbol: string, className: string]> = {
  completed: ["✓", "text-good"],
  failed: ["✗", "text-bad"],
  crashed: ["✗", "text-bad"],
  running: ["●", "text-accent"],
  interrupted: ["‖", "text-warning"],
  pending: ["○", "text-soft"],
  skipped: ["–", "text-soft"]
}

export const Status = ({ status, word = true }: { readonly status: string; readonly word?: boolean }) => {
  const [symbol, className] = looks[status] ?? ["?", "text-soft"]
  return (
    <span className={`whitespace-nowrap ${className}`}>
      <span aria-hidden="true" className="inline-block w-4 text-center">{symbol}</span>
      <span className={word ? "" : "sr-only"}>{word ? ` ${status}` : status}</span>
    </span>
  )
}
