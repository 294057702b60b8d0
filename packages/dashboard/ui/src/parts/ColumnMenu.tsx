/** What can be done with a column, at its header: order, pin, move, hide, filter. */
import { Popover } from "@base-ui/react/popover"
import type { RunRow } from "../api.ts"
import { FieldFilter } from "./FieldFilter.tsx"
import { isSortable } from "./fields.ts"

export interface ColumnActions {
  readonly onSortBy: (field: string, direction: "asc" | "desc") => void
  readonly onPin: (field: string, on: boolean) => void
  readonly onMove: (field: string, to: string) => void
  readonly onHide: (field: string) => void
  readonly onFilter: (where: string) => void
}

export interface ColumnMenuProps extends ColumnActions {
  readonly field: string
  readonly anchor: Element
  readonly columns: ReadonlyArray<string>
  readonly pinned: boolean
  readonly rows: ReadonlyArray<RunRow>
  readonly where: string
  readonly onClose: () => void
}

export const ColumnMenu = ({ anchor, columns, field, onClose, onFilter, onHide, onMove, onPin, onSortBy, pinned, rows, where }: ColumnMenuProps) => {
  const at = columns.indexOf(field)
  const action = (label: string, act: () => void, enabled = true) => (
    <button
      type="button"
      disabled={!enabled}
      className="block w-full rounded px-2 py-1 text-left hover:bg-band disabled:text-soft disabled:opacity-60 disabled:hover:bg-paper"
      onClick={() => {
        onClose()
        act()
      }}
    >
      {label}
    </button>
  )
  return (
    <Popover.Root open onOpenChange={(open) => (open ? undefined : onClose())}>
      <Popover.Portal>
        <Popover.Positioner anchor={anchor} sideOffset={4} align="end" className="z-30">
          <Popover.Popup aria-label={`Column ${field}`} className="max-h-[28rem] w-64 max-w-[calc(100vw-2rem)] overflow-y-auto rounded border border-line bg-paper p-1 text-small shadow-lg">
            <p className="truncate px-2 py-1 font-semibold" title={field}>{field}</p>
            {isSortable(field) ? <>{action("Smallest first", () => onSortBy(field, "asc"))}{action("Largest first", () => onSortBy(field, "desc"))}</> : null}
            {action(pinned ? "Unpin" : "Pin to the left", () => onPin(field, !pinned))}
            {action("Move left", () => onMove(field, columns[at - 1]!), at > 0)}
            {action("Move right", () => onMove(field, columns[at + 1]!), at < columns.length - 1)}
            {action("Hide", () => onHide(field), columns.length > 1)}
            {field === "note" ? null : (
              <div className="mt-1 border-t border-line pt-1">
                <p className="px-2 py-1 text-soft">Only runs</p>
                <FieldFilter
                  field={field}
                  rows={rows}
                  where={where}
                  onApply={(next) => {
                    onClose()
                    onFilter(next)
                  }}
                />
              </div>
            )}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  )
}
