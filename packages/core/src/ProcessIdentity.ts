/**
 * Who holds a run: enough to tell, on the same machine, whether that process still lives.
 *
 * Process ids come again after a restart and inside every container, so a holder also names the machine's boot, the
 * PID namespace, the process's start time and a nonce. Core's own identity knows nothing of processes;
 * `@uniflow/node` supplies the real one.
 */
import { Context, Effect, Schema } from "effect"

/** The process that works on a run. */
export const Holder = Schema.Struct({
  /** Unique to this process (and to this instance of the library in it). */
  nonce: Schema.String,
  host: Schema.String,
  pid: Schema.Int,
  /** Identifies one boot of one kernel; empty where it cannot be known. */
  bootId: Schema.String,
  /** Identifies the PID namespace; empty where it cannot be known. */
  pidNamespace: Schema.String,
  /** Start time of the process in the kernel's own count; empty where it cannot be known. */
  processStart: Schema.String,
  /** When it took the run, Unix time in milliseconds. */
  sinceMs: Schema.Number
})
export type Holder = typeof Holder.Type

export interface ProcessIdentityService {
  /** This process; `sinceMs` is filled in when a run is taken. */
  readonly self: Omit<Holder, "sinceMs">
  /**
   * `dead`: proven, on this very machine. `alive`: proven likewise. `unknown`: another machine, another PID
   * namespace, or no way to look.
   */
  readonly look: (holder: Holder) => Effect.Effect<"dead" | "alive" | "unknown">
  /** A clock that no time change moves, in milliseconds, shared by all processes of one boot (`bootId`). */
  readonly monotonicMs: () => number
}

/** This process, as a holder of runs; without a platform it knows only itself. */
export const ProcessIdentity: Context.Reference<ProcessIdentityService> = Context.Reference<ProcessIdentityService>(
  "@uniflow/core/ProcessIdentity",
  {
    defaultValue: () => {
      const nonce = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`
      return {
        self: { nonce, host: "unknown", pid: 0, bootId: "", pidNamespace: "", processStart: "" },
        look: (holder) => Effect.succeed(holder.nonce === nonce ? "alive" : "unknown"),
        monotonicMs: () => performance.now()
      }
    }
  }
)
