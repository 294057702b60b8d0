import type { Reason } from "../Decision.ts"
import type { StepRecord } from "../RunRecord.ts"

/** Whether a record is an outcome of its own, not a reference to an earlier one. */
export const isGeneration = (record: StepRecord): boolean => record.decision !== "restored" || record.components !== null

/** The record of a decision to restore an earlier outcome. */
export const restored = (record: StepRecord, reasons: ReadonlyArray<Reason>, trusted: boolean, now: number): StepRecord => ({
  ...record,
  decision: "restored",
  reasons,
  components: null,
  trusted,
  cacheable: false,
  source: null,
  retries: 0,
  startedAtMs: now,
  durationMs: 0
})

/** The outcomes recorded for a run so far, by step address. */
export class History {
  private readonly generations = new Map<string, Array<StepRecord>>()
  private readonly decided = new Map<string, StepRecord>()
  lastSeq = 0

  constructor(records: Iterable<StepRecord>) {
    for (const record of records) this.add(record)
  }

  add(record: StepRecord): void {
    this.lastSeq = Math.max(this.lastSeq, record.seq)
    if (record.address === record.step) this.decided.set(record.address, record)
    if (!isGeneration(record)) return
    const known = this.generations.get(record.address)
    if (known === undefined) this.generations.set(record.address, [record])
    else known.push(record)
  }

  /** The newest record of each step, items of maps aside. */
  get latest(): ReadonlyMap<string, StepRecord> {
    return this.decided
  }

  /** Outcomes of an address, oldest first. */
  of(address: string): ReadonlyArray<StepRecord> {
    return this.generations.get(address) ?? []
  }

  /** Number of the generation that the next execution records. */
  next(address: string): number {
    return this.of(address).length + 1
  }
}
