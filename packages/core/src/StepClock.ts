/**
 * The time as a step sees it: the machine's, and after a manual checkpoint was loaded the one that the checkpoint was saved
 * at, going on from there. So what a step decides by time goes on as if it had never been stopped.
 *
 * It never goes back, other than by loading a checkpoint. Not for measuring: what is between two readings is the machine's.
 */
export interface StepClock {
  /** Unix time in milliseconds; the time between a checkpoint and the execution that went on from it does not count. */
  now(): number
}

/** A clock whose last reading can be put down with a checkpoint and taken up again. */
export class RewindableClock implements StepClock {
  private readonly machine: () => number
  private offset = 0
  private last: number | undefined

  constructor(machine: () => number) {
    this.machine = machine
  }

  now(): number {
    return this.last = Math.max(this.last ?? -Infinity, this.machine() + this.offset)
  }

  /** The reading to put down; null where nobody has read the clock. */
  get position(): number | null {
    return this.last === undefined ? null : this.now()
  }

  /** Goes on from a reading that was put down; from the machine's time where there is none. */
  restore(position: number | null): void {
    this.last = position ?? undefined
    this.offset = position === null ? 0 : position - this.machine()
  }
}
