/** A command to be copied: the page shows how, the terminal does it. */
import { useEffect, useState } from "react"
import { Button } from "./Button.tsx"

/** A word as a shell takes it. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

export const CopyCommand = ({ command, label }: { readonly command: string; readonly label: string }) => {
  const [state, setState] = useState<"" | "Copied" | "Select and copy it">("")
  useEffect(() => {
    if (state === "") return
    const timer = setTimeout(() => setState(""), 2_000)
    return () => clearTimeout(timer)
  }, [state])
  return (
    <div>
      <div className="flex items-center justify-between gap-2">
        <span className="text-small text-soft">{label}</span>
        <Button
          aria-label={`Copy the command: ${label}`}
          className="border-transparent text-accent"
          onClick={() => void navigator.clipboard.writeText(command).then(() => setState("Copied"), () => setState("Select and copy it"))}
        >
          <span aria-live="polite">{state || "Copy"}</span>
        </Button>
      </div>
      <code tabIndex={0} className="block overflow-x-auto whitespace-nowrap rounded bg-band px-2.5 py-1.5 font-mono text-small">{command}</code>
    </div>
  )
}
