/** A text that is edited where it stands: Enter or leaving it saves, Escape takes back. */
import { type ReactNode, useRef, useState } from "react"

export interface EditTextProps {
  readonly label: string
  readonly value: string
  readonly placeholder: string
  readonly onSave: (text: string) => void
  /** What is shown when it is not edited; the text itself by default. */
  readonly children?: ReactNode
}

export const EditText = ({ children, label, onSave, placeholder, value }: EditTextProps) => {
  const [draft, setDraft] = useState<string>()
  const button = useRef<HTMLButtonElement>(null)
  const end = (save: boolean): void => {
    if (save && draft !== undefined && draft.trim() !== value) onSave(draft.trim())
    setDraft(undefined)
    requestAnimationFrame(() => document.activeElement === document.body ? button.current?.focus() : undefined)
  }
  if (draft !== undefined) {
    return (
      <input
        autoFocus
        aria-label={label}
        value={draft}
        maxLength={20_000}
        className="w-full rounded border border-accent bg-paper px-1.5 py-0.5"
        onChange={(event) => setDraft(event.target.value)}
        onBlur={() => end(true)}
        onKeyDown={(event) => {
          if (event.key === "Enter") end(true)
          if (event.key === "Escape") end(false)
        }}
      />
    )
  }
  return (
    <button ref={button} type="button" aria-label={`${label}: ${value === "" ? "none" : value}`} title={value || placeholder} className="group/edit block w-full cursor-text truncate rounded px-1 text-left hover:bg-band focus-visible:bg-band" onClick={() => setDraft(value)}>
      {value === "" ? <span className="text-soft opacity-0 group-hover/edit:opacity-100 group-focus-visible/edit:opacity-100">{placeholder}</span> : children ?? value}
    </button>
  )
}
