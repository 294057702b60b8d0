/** How somebody arranged the table of an experiment, as this browser remembers it. An address that says otherwise comes first. */
import { remember, remembered } from "./runLook.ts"

export interface RunsView {
  readonly columns?: ReadonlyArray<string>
  readonly widths?: { readonly [field: string]: number }
}

const keyOf = (experiment: string | undefined): string => `uniflow.view.${experiment ?? ""}`

export const viewOf = (experiment: string | undefined): RunsView => {
  const value = remembered("localStorage", keyOf(experiment))
  if (typeof value !== "object" || value === null) return {}
  const { columns, widths } = value as { readonly columns?: unknown; readonly widths?: unknown }
  return {
    ...Array.isArray(columns) && columns.every((column) => typeof column === "string") ? { columns } : {},
    ...typeof widths === "object" && widths !== null ? { widths: Object.fromEntries(Object.entries(widths).filter((entry): entry is [string, number] => typeof entry[1] === "number" && entry[1] > 0)) } : {}
  }
}

export const keepView = (experiment: string | undefined, change: { readonly [K in keyof RunsView]: RunsView[K] | undefined }): void => {
  const { columns, widths } = { ...viewOf(experiment), ...change }
  remember("localStorage", keyOf(experiment), { columns, widths })
}
