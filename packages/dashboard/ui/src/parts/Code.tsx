/** Lines of code to copy. */
import { useState } from "react"

export const Code = ({ text }: { readonly text: string }) => {
  const [copied, setCopied] = useState(false)
  return (
    <div className="relative rounded border border-line bg-band text-left">
      <pre tabIndex={0} className="overflow-x-auto px-4 py-3 pr-20 font-mono text-small text-ink">{text}</pre>
      <button
        type="button"
        className="absolute top-2 right-2 rounded border border-line bg-paper px-2 py-0.5 text-small text-soft hover:text-ink"
        onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(false))}
      >
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  )
}
