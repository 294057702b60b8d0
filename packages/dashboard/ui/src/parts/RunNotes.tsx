/** Tags and note of a run, changed where they stand. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { useRef, useState } from "react"
import { api, type Run } from "../api.ts"
import { Button } from "./Button.tsx"
import { Section } from "./Section.tsx"
import { Failure } from "./States.tsx"

const useAnnotate = (runId: string) => {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: Parameters<typeof api.annotate>[1]) => api.annotate(runId, change),
    onSuccess: (run) => client.setQueryData(["run", runId], run)
  })
}

const field = "rounded border border-line bg-paper px-2 py-1 text-small"

export const RunTags = ({ run }: { readonly run: Run }) => {
  const annotate = useAnnotate(run.id)
  const [text, setText] = useState("")
  const input = useRef<HTMLInputElement>(null)
  const add = (): void => {
    const at = text.indexOf("=")
    const name = (at < 0 ? text : text.slice(0, at)).trim()
    if (name === "") return
    annotate.mutate({ tags: { [name]: at < 0 ? "" : text.slice(at + 1).trim() } }, { onSuccess: () => setText("") })
  }
  return (
    <Section title="Tags">
      <ul className="mb-2 flex flex-wrap gap-1.5">
        {Object.entries(run.tags).map(([name, value]) => (
          <li key={name} className="flex max-w-full items-center rounded bg-band pl-2 text-small">
            <button
              type="button"
              title="Change this tag"
              className="min-h-6 min-w-0 truncate hover:text-accent"
              onClick={() => {
                setText(`${name}=${value}`)
                input.current?.focus()
              }}
            >
              <span className="text-soft">{name}</span>{value === "" ? "" : ` ${value}`}
            </button>
            <button type="button" aria-label={`Remove the tag ${name}`} disabled={annotate.isPending} onClick={() => annotate.mutate({ tags: { [name]: null } })} className="h-6 w-6 shrink-0 rounded text-soft hover:text-bad">×</button>
          </li>
        ))}
      </ul>
      <form
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          add()
        }}
      >
        <input ref={input} value={text} onChange={({ target }) => setText(target.value)} aria-label="Add a tag as name=value" placeholder="name=value" maxLength={1_200} spellCheck={false} className={`${field} min-w-0 flex-1`} />
        <Button type="submit" disabled={annotate.isPending || text.trim() === ""}>Set tag</Button>
      </form>
      {annotate.error === null ? null : <div className="mt-2"><Failure error={annotate.error} /></div>}
    </Section>
  )
}

export const RunNote = ({ run }: { readonly run: Run }) => {
  const annotate = useAnnotate(run.id)
  const [text, setText] = useState<string>()
  const save = (): void => {
    if (text === undefined) return
    const note = text.trim() === "" ? null : text
    if (note === run.note) setText(undefined)
    else annotate.mutate({ note }, { onSuccess: () => setText(undefined) })
  }
  return (
    <Section title="Note" aside={text === undefined && run.note !== null ? <Button className="border-transparent text-accent" onClick={() => setText(run.note ?? "")}>Edit</Button> : undefined}>
      {text === undefined
        ? run.note === null
          ? <Button onClick={() => setText("")}>Write a note</Button>
          : <p className="whitespace-pre-wrap break-words text-small">{run.note}</p>
        : (
          <form
            onSubmit={(event) => {
              event.preventDefault()
              save()
            }}
          >
            <textarea
              // The person has just asked to write here.
              autoFocus
              aria-label="Note"
              rows={Math.min(12, Math.max(3, text.split("\n").length))}
              maxLength={20_000}
              value={text}
              onChange={({ target }) => setText(target.value)}
              onKeyDown={(event) => {
                if (event.key === "Escape") setText(undefined)
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save()
              }}
              className={`${field} block w-full`}
            />
            <div className="mt-2 flex gap-2">
              <Button type="submit" disabled={annotate.isPending}>Save</Button>
              <Button disabled={annotate.isPending} onClick={() => setText(undefined)}>Leave as it was</Button>
            </div>
          </form>
        )}
      {annotate.error === null ? null : <div className="mt-2"><Failure error={annotate.error} /></div>}
    </Section>
  )
}
