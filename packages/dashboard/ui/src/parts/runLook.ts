/**
 * How a run looks wherever it is drawn: its colour, whether its curves are hidden, and whether it is pointed at.
 *
 * A run gets the next of twelve colours when it is first drawn and keeps it in this browser; `theme.css` has them for light and dark. Whether it is
 * hidden lasts as long as the tab.
 */
import { useSyncExternalStore } from "react"

const COLORS = 12
const MOST_REMEMBERED = 1_000
const COLORS_KEY = "uniflow.runColors"
const HIDDEN_KEY = "uniflow.hiddenRuns"

/** A browser may forbid storage: then nothing outlives the page. */
export const remembered = (storage: "localStorage" | "sessionStorage", key: string): unknown => {
  try {
    return JSON.parse(window[storage].getItem(key) ?? "null") as unknown
  } catch {
    return null
  }
}
export const remember = (storage: "localStorage" | "sessionStorage", key: string, value: unknown): void => {
  try {
    window[storage].setItem(key, JSON.stringify(value))
  } catch {
    // It is a convenience alone.
  }
}

const isEntry = (entry: unknown): entry is readonly [string, number] => Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number"

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const colors = new Map(listOf(remembered("localStorage", COLORS_KEY)).filter(isEntry))
let hidden: ReadonlySet<string> = new Set(listOf(remembered("sessionStorage", HIDDEN_KEY)).filter((id) => typeof id === "string"))
let pointed: string | undefined

const listeners = new Set<() => void>()
const subscribe = (listener: () => void): () => void => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
const changed = (): void => listeners.forEach((listener) => listener())

const slotOf = (id: string): number => {
  const known = colors.get(id)
  if (known !== undefined) return known
  const slot = ([...colors.values()].at(-1) ?? -1) + 1
  colors.set(id, slot % COLORS)
  for (const old of colors.keys()) {
    if (colors.size <= MOST_REMEMBERED) break
    colors.delete(old)
  }
  remember("localStorage", COLORS_KEY, [...colors])
  return slot % COLORS
}

/** The run's colour, for styles. */
export const runColor = (id: string): string => `var(--run-${slotOf(id)})`

/** The run's colour as it is at the moment, for a canvas. */
export const runColorValue = (id: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--run-${slotOf(id)}`).trim()

/** That colour, of a run that has one. */
export const knownColorValue = (id: string): string | undefined => (colors.has(id) ? runColorValue(id) : undefined)

export const useHiddenRuns = (): ReadonlySet<string> => useSyncExternalStore(subscribe, () => hidden)

export const toggleRun = (id: string): void => {
  hidden = hidden.has(id) ? new Set([...hidden].filter((one) => one !== id)) : new Set([...hidden, id])
  remember("sessionStorage", HIDDEN_KEY, [...hidden])
  changed()
}

/** The run that is pointed at anywhere on the page. */
export const usePointedRun = (): string | undefined => useSyncExternalStore(subscribe, () => pointed)

export const pointAtRun = (id: string | undefined): void => {
  if (pointed === id) return
  pointed = id
  changed()
}
