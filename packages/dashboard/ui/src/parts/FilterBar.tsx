/** The filter of a list of runs: completed while it is written, and where it cannot be read, the place is shown. */
import { useQuery } from "@tanstack/react-query"
import { useEffect, useId, useRef, useState } from "react"
import { api, ApiError } from "../api.ts"
import { completions } from "./completions.ts"

const CHECK_MS = 350

const useSettled = (text: string): string => {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), CHECK_MS)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}

/** The text with the place that is wrong underlined. */
const Mistake = ({ message, text }: { readonly message: string; readonly text: string }) => {
  const at = Number(/at character (\d+)/.exec(message)?.[1] ?? NaN) - 1
  return (
    <>
      {Number.isNaN(at) ? null : (
        <p className="truncate font-mono">
          {text.slice(Math.max(0, at - 60), at)}
          <mark className="bg-bad/20 text-bad underline decoration-wavy underline-offset-4">{text.slice(at, at + 1) || "␣"}</mark>
          {text.slice(at + 1, at + 60)}
        </p>
      )}
      <p className="text-bad">{message}</p>
    </>
  )
}

export interface FilterBarProps {
  readonly value: string
  readonly fields: ReadonlyArray<string>
  readonly valuesOf: (field: string) => ReadonlyArray<string>
  readonly onApply: (where: string) => void
}

export const FilterBar = ({ fields, onApply, value, valuesOf }: FilterBarProps) => {
  const [text, setText] = useState(value)
  const [open, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  const [caret, setCaret] = useState(0)
  const input = useRef<HTMLInputElement>(null)
  const id = useId()
  useEffect(() => setText(value), [value])

  const settled = useSettled(text.trim())
  const check = useQuery({ queryKey: ["run", "filter", settled], queryFn: () => api.runs({ where: settled, limit: 1 }), enabled: settled !== "" })
  const failure = text.trim() === settled && check.error instanceof ApiError ? check.error : undefined
  const { from, options } = completions(text, caret, fields, valuesOf)
  const shown = open && options.length > 0

  const accept = (option: string): void => {
    const rest = text.slice(caret)
    const gap = option.endsWith("(") || option.endsWith("\"") && option.startsWith("like") || rest.startsWith(" ") ? "" : " "
    const next = `${text.slice(0, from)}${option}${gap}`
    setText(`${next}${rest}`)
    setActive(-1)
    setCaret(next.length)
    requestAnimationFrame(() => input.current?.setSelectionRange(next.length, next.length))
  }
  const apply = (): void => {
    setOpen(false)
    onApply(text.trim())
  }

  return (
    <form role="search" className="relative" onSubmit={(event) => {
      event.preventDefault()
      apply()
    }}>
      <div className="flex gap-2">
        <input
          ref={input}
          role="combobox"
          aria-label="Filter"
          aria-autocomplete="list"
          aria-expanded={shown}
          aria-controls={`${id}-options`}
          aria-activedescendant={shown && active >= 0 ? `${id}-${active}` : undefined}
          aria-invalid={failure !== undefined}
          aria-describedby={failure === undefined ? undefined : `${id}-mistake`}
          autoComplete="off"
          spellCheck={false}
          maxLength={4096}
          placeholder={"Filter, such as  metrics.accuracy > 0.9 and run.started > now - 7d"}
          value={text}
          className={`min-w-0 grow rounded border bg-paper py-1.5 pr-10 pl-3 font-mono text-small ${failure === undefined ? "border-line" : "border-bad"}`}
          onChange={(event) => {
            setText(event.target.value)
            setCaret(event.target.selectionStart ?? event.target.value.length)
            setOpen(true)
            setActive(-1)
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onClick={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown" || event.key === "ArrowUp") {
              event.preventDefault()
              if (!shown) setOpen(true)
              else setActive((active + (event.key === "ArrowDown" ? 1 : options.length) + (active < 0 && event.key === "ArrowUp" ? 1 : 0)) % options.length)
            } else if (event.key === "Escape") {
              setOpen(false)
              setActive(-1)
            } else if (event.key === "Enter" && shown && active >= 0) {
              event.preventDefault()
              accept(options[active]!)
            }
          }}
        />
        <button type="button" aria-label="Clear the filter" title="Clear the filter" className={`-ml-10 w-8 text-soft hover:text-ink ${value === "" && text === "" ? "invisible" : ""}`} onClick={() => {
          setText("")
          onApply("")
        }}>×</button>
        <button type="submit" className="rounded border border-line px-3 text-small hover:bg-band">Filter</button>
      </div>
      <div className="absolute inset-x-0 top-full z-30 mt-1">
        {failure === undefined ? null : <div id={`${id}-mistake`} role="alert" className="mb-1 rounded border border-bad/40 bg-paper px-3 py-2 text-small shadow-lg"><Mistake message={failure.message} text={settled} /></div>}
        <ul id={`${id}-options`} role="listbox" aria-label="Completions" hidden={!shown} className="max-w-md overflow-hidden rounded border border-line bg-paper py-1 font-mono text-small shadow-lg">
          {shown ? options.map((option, n) => (
            <li
              key={option}
              id={`${id}-${n}`}
              role="option"
              aria-selected={n === active}
              className={`cursor-pointer truncate px-3 py-0.5 ${n === active ? "bg-accent/15 text-ink" : "hover:bg-band"}`}
              onMouseDown={(event) => {
                event.preventDefault()
                accept(option)
              }}
            >
              {option}
            </li>
          )) : null}
        </ul>
      </div>
    </form>
  )
}
