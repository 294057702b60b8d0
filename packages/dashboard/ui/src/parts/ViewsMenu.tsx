/** Views that have a name: one is chosen, saved, renamed or deleted. */
import { Popover } from "@base-ui/react/popover"
import { useState } from "react"
import { EditText } from "./EditText.tsx"
import type { useNamedViews } from "./runsView.ts"

export const ViewsMenu = ({ className, views: { changed, choose, current, remove, rename, save, views } }: { readonly className: string; readonly views: ReturnType<typeof useNamedViews> }) => {
  const [open, setOpen] = useState(false)
  const [name, setName] = useState("")
  const [editing, setEditing] = useState(false)
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className={`${className} max-w-48 truncate`}>{current === undefined ? "Views" : `View: ${current.name}${changed ? " (changed)" : ""}`}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="end" className="z-30">
          <Popover.Popup aria-label="Views" className="flex max-h-96 w-72 max-w-[calc(100vw-2rem)] flex-col rounded border border-line bg-paper p-1 text-small shadow-lg">
            {views.length === 0 ? <p className="px-2 py-1 text-soft">A view keeps the columns, the filter, the order and the charts under a name, in this browser.</p> : (
              <ul aria-label="Saved views" className="overflow-y-auto">
                {views.map((view) => (
                  <li key={view.name} className="flex items-center gap-1 rounded px-1 hover:bg-band">
                    {editing
                      ? <div className="min-w-0 grow"><EditText label={`Name of the view ${view.name}`} value={view.name} placeholder="A name" onSave={(text) => (text === "" ? undefined : rename(view.name, text))} /></div>
                      : (
                        <button
                          type="button"
                          aria-current={view.name === current?.name ? "true" : undefined}
                          className={`min-w-0 grow truncate px-1 py-1 text-left ${view.name === current?.name ? "font-semibold" : ""}`}
                          onClick={() => {
                            choose(view)
                            setOpen(false)
                          }}
                        >
                          {view.name}
                        </button>
                      )}
                    {editing ? <button type="button" aria-label={`Delete the view ${view.name}`} className="size-6 shrink-0 rounded text-soft hover:text-bad" onClick={() => remove(view.name)}>×</button> : null}
                  </li>
                ))}
              </ul>
            )}
            <form
              className="mt-1 flex gap-1 border-t border-line p-1 pt-2"
              onSubmit={(event) => {
                event.preventDefault()
                if (name.trim() === "") return
                save(name.trim())
                setName("")
                setOpen(false)
              }}
            >
              <input aria-label="Name of the view" placeholder="Save this view as" maxLength={100} value={name} onChange={(event) => setName(event.target.value)} className="min-w-0 grow rounded border border-line bg-paper px-2 py-1" />
              <button type="submit" disabled={name.trim() === ""} className="rounded border border-line px-2 hover:bg-band disabled:opacity-50">Save</button>
            </form>
            <div className="flex justify-between gap-1 px-1 pb-1">
              {current !== undefined && changed ? <button type="button" className="px-1 py-1 text-accent" onClick={() => save(current.name)}>Save what changed</button> : <span />}
              {views.length === 0 ? null : <button type="button" className="px-1 py-1 text-soft hover:text-ink" aria-pressed={editing} onClick={() => setEditing(!editing)}>{editing ? "Done" : "Rename or delete"}</button>}
            </div>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  )
}
