/**
 * Where buffered metric points go when they are logged faster than they can be recorded, so that memory stays bounded.
 *
 * Synchronous, because `metrics.log` is. What is spilled is not durable: points become final with the step, or with
 * a manual checkpoint. `@uniflow/node` spills to a temporary file; the default keeps the bytes in memory.
 */
import { Context } from "effect"

/** A queue of byte strings: appended by one writer, drained by the same. */
export interface SpillBuffer {
  /** Adds bytes; throws when they cannot be taken. */
  append(bytes: Uint8Array): void
  /** Bytes that wait. */
  readonly sizeBytes: number
  /** Takes everything that waits, oldest first, one by one. */
  drain(): Iterable<Uint8Array>
  /** Gives up what waits and frees what it took. */
  close(): void
}

export interface SpillService {
  readonly open: () => SpillBuffer
}

/** The spill in use. */
export const Spill: Context.Reference<SpillService> = Context.Reference<SpillService>("@uniflow/core/Spill", {
  defaultValue: () => ({
    open: () => {
      let waiting: Array<Uint8Array> = []
      let sizeBytes = 0
      return {
        append(bytes) {
          waiting.push(bytes)
          sizeBytes += bytes.length
        },
        get sizeBytes() {
          return sizeBytes
        },
        *drain() {
          const taken = waiting
          waiting = []
          sizeBytes = 0
          yield* taken
        },
        close() {
          waiting = []
          sizeBytes = 0
        }
      }
    }
  })
})
