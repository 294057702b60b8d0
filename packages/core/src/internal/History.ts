import type { StepRecord } from "../RunRecord.ts"

/** Whether a record is an outcome of its own, not a reference to an earlier one. */
export const isGeneration = (record: StepRecord): boolean => record.decision !== "restored" || record.components !== null

/** The outcomes recorded for a run so far, by step address. */
export class History {
  private readonly generations = new Map<string, Array<StepRecord>>()
  lastSeq = 0

  constructor(records: Iterable<StepRecord>) {
    for (const record of records) this.add(record)
  }

  add(record: StepRecord): void {
    this.lastSeq = Math.max(this.lastSeq, record.seq)
    if (!isGeneration(record)) return
    const known = this.generations.get(record.address)
    if (known === undefined) this.generations.set(record.address, [record])
    else known.push(record)
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
