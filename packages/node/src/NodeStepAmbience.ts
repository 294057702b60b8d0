/**
 * Which step the present code belongs to, by Node's asynchronous context.
 *
 * `console` is wrapped once, when the first step asks for its output to be kept; it goes on to print as before.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { formatWithOptions } from "node:util"
import { type Ambient, type LogLevel, StepAmbience, type StepContext } from "@uniflow/core"
import { Layer } from "effect"

const storage = new AsyncLocalStorage<Ambient>()

const levels = { debug: "debug", log: "info", info: "info", warn: "warn", error: "error" } as const satisfies Record<string, LogLevel>

/** Consoles that are wrapped. Not a variable that is assigned anew: steps may reach this module, and such a one hides what a result depends on. */
const wrapped = new WeakSet<Console>()

const wrapConsole = (): void => {
  if (wrapped.has(console)) return
  wrapped.add(console)
  for (const [method, level] of Object.entries(levels) as ReadonlyArray<[keyof typeof levels, LogLevel]>) {
    const print = console[method].bind(console)
    console[method] = (...values: ReadonlyArray<unknown>) => {
      storage.getStore()?.print?.(level, formatWithOptions({ colors: false }, ...values))
      print(...values)
    }
  }
}

/** The context of the step that the calling code belongs to, or undefined outside of one. */
export const current = (): StepContext | undefined => storage.getStore()?.context

/** Tells which step code belongs to. */
export const layer: Layer.Layer<never> = Layer.succeed(StepAmbience, {
  around: (ambient, f) => {
    if (ambient.print !== undefined) wrapConsole()
    return storage.run(ambient, f)
  }
})
