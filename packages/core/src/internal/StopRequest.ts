/** Asks one run of this process to stop: made before the run begins, heard of once. */
export class StopRequest {
  private why: string | undefined
  private listener: ((why: string) => void) | undefined

  request(why: string): void {
    if (this.why !== undefined) return
    this.why = why
    this.listener?.(why)
  }

  /** Calls back with the reason: now, if there is one already. */
  listen(listener: (why: string) => void): void {
    if (this.why === undefined) this.listener = listener
    else listener(this.why)
  }
}
