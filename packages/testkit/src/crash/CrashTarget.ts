/**
 * What the crash harness is let loose on: UniFlow's services on some place, and the fault points that they pass.
 *
 * A target is a module with a `target` export; processes that are going to be killed import it by its URL. So any store
 * can be put to the test: SQLite and files here, a database server or a bucket elsewhere.
 */
import type { StoreError, Uniflow } from "@uniflow/core"
import type { Layer } from "effect"

export interface CrashTarget {
  readonly name: string
  /** Every fault point that the services pass, those of recovery included: the harness fails when one was never hit. */
  readonly faultPoints: ReadonlyArray<string>
  /** Those where an error that is thrown stands for the failure of what follows: there the disk is full once. Default none. */
  readonly fullPoints?: ReadonlyArray<string> | undefined
  /** All services on a place: a folder of its own, which exists, and whose name nothing else has. */
  readonly layer: (place: string) => Layer.Layer<Uniflow.Services, StoreError>
  /**
   * Whether the whole state is in the folder. Then the harness looks at copies of it, so that the next process finds what
   * the kill left and not what a look at it repaired. Default true.
   */
  readonly inFolder?: boolean | undefined
  /** What should not be there any more once everything is done and garbage was collected: temporary files, say. */
  readonly leftovers?: ((place: string) => Promise<ReadonlyArray<string>>) | undefined
  /** Frees what `place` took outside of its folder. */
  readonly dispose?: ((place: string) => Promise<void>) | undefined
}

/** The target that a module exports. Rejects when there is none. */
export const load = async (url: string): Promise<CrashTarget> => {
  const module: { readonly target?: CrashTarget } = await import(url)
  if (module.target === undefined) throw new Error(`${url} exports no "target"`)
  return module.target
}
