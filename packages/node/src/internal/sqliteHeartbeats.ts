/**
 * Heartbeats from a thread of its own, so that a synchronous loop keeps its leases.
 *
 * One thread serves all runs of one database in this process. It starts with the first claim, has its own connection
 * (without fsync: a heartbeat need not survive a power loss), never keeps the process alive, and is started again when
 * it fails. What it has to beat for stands in shared memory: to begin and to end costs a run next to nothing, and counts
 * at once. A heartbeat that could not be written is written by the next beat; whether the run is still held is for the
 * fence to say.
 */
import process from "node:process"
import { Worker } from "node:worker_threads"

interface Beat {
  readonly everyMs: number
  /** Its parameters: the time, and these two. */
  readonly sql: string
  readonly params: readonly [bigint, bigint]
  /** What to add to this machine's monotonic clock, in milliseconds. */
  readonly offsetMs: number
}

/** Milliseconds of the clock that all threads and processes of one boot share. */
export const hrtimeMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

// A slot: two parameters (the first is 0 while the slot is free), everyMs and offsetMs, 8 bytes each.
const SLOT = 4
const SLOTS = 1024

// Inline, as CommonJS: a file of its own would be lost in a bundle.
const source = `
const { parentPort, workerData } = require("node:worker_threads")
process.emitWarning = () => {}
const { DatabaseSync } = require("node:sqlite")
let { memory, everyMs } = workerData
let database
let beat
let timer
const now = () => Number(process.hrtime.bigint() / 1000n) / 1000
const write = (offsetMs, a, b) => {
  if (database === undefined) {
    database = new DatabaseSync(new URL(workerData.url))
    database.exec("PRAGMA busy_timeout = 2000; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
    beat = database.prepare(workerData.sql)
  }
  beat.run(now() + offsetMs, a, b)
}
const close = () => {
  try { database?.close() } catch {}
  database = undefined
}
// By slot: whom it is for, and when the next beat is due.
const known = new Map()
const look = () => {
  let wait = everyMs / 2
  const integers = new BigInt64Array(memory)
  const floats = new Float64Array(memory)
  for (let at = 0; at < integers.length; at += ${SLOT}) {
    const a = Atomics.load(integers, at)
    if (a === 0n) { known.delete(at); continue }
    const b = integers[at + 1]
    const one = known.get(at)
    const time = now()
    if (one === undefined || one.a !== a || one.b !== b) known.set(at, { a, b, due: time + floats[at + 2] / 2 })
    else if (time >= one.due) {
      try {
        write(floats[at + 3], a, b)
        one.due = time + floats[at + 2]
      } catch {
        close()
        wait = Math.min(wait, 500)
      }
    }
  }
  timer = setTimeout(look, wait)
}
parentPort.on("message", (message) => {
  clearTimeout(timer)
  if (message.end) {
    close()
    return parentPort.close()
  }
  memory = message.memory
  everyMs = message.everyMs
  look()
})
look()
`

const RESTART_MS = 1000
const END_MS = 2000

type Message = { readonly memory: SharedArrayBuffer; readonly everyMs: number } | { readonly end: true }

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window and has no origin
const post = (worker: Worker, message: Message): void => worker.postMessage(message)

export interface SqliteHeartbeats {
  /** Begins to beat, and gives what ends it. All beats of one database have one statement. */
  readonly add: (beat: Beat) => () => void
  /** Ends the thread; resolves when its connection is closed. */
  readonly close: () => Promise<void>
}

/** Heartbeats into the database of this URL; the thread starts when the first is added. */
export const make = (url: string): SqliteHeartbeats => {
  let memory = new SharedArrayBuffer(SLOTS * SLOT * 8)
  let integers = new BigInt64Array(memory)
  let floats = new Float64Array(memory)
  let used = 0
  const free: Array<number> = []
  let beating = 0
  let everyMs = Infinity
  let statement = ""
  let worker: Worker | undefined
  let closed = false

  const start = (): void => {
    if (closed || worker !== undefined || beating === 0) return
    // Neither flags nor preloaded modules of the main thread concern this one.
    const started = new Worker(source, { eval: true, workerData: { url, memory, everyMs, sql: statement }, execArgv: [], env: {}, name: "uniflow-heartbeats" })
    worker = started
    started.unref()
    const ended = (): void => {
      if (worker !== started) return
      worker = undefined
      if (!closed && beating > 0) setTimeout(start, RESTART_MS).unref()
    }
    started.on("error", ended)
    started.on("exit", ended)
  }

  const grow = (): void => {
    const before = integers
    memory = new SharedArrayBuffer(memory.byteLength * 2)
    integers = new BigInt64Array(memory)
    floats = new Float64Array(memory)
    integers.set(before)
  }

  return {
    add: (beat) => {
      const full = free.length === 0 && used * SLOT === integers.length
      if (full) grow()
      const at = (free.pop() ?? used++) * SLOT
      const [a, b] = beat.params
      integers[at + 1] = b
      floats[at + 2] = beat.everyMs
      floats[at + 3] = beat.offsetMs
      Atomics.store(integers, at, a)
      beating++
      const sooner = beat.everyMs < everyMs
      if (sooner) everyMs = beat.everyMs
      statement = beat.sql
      if (worker === undefined) start()
      else if (full || sooner) post(worker, { memory, everyMs })
      return () => {
        Atomics.store(integers, at, 0n)
        free.push(at / SLOT)
        beating--
      }
    },
    close: () =>
      new Promise((resolve) => {
        closed = true
        if (worker === undefined) return resolve()
        const ending = worker
        worker = undefined
        const timer = setTimeout(() => void ending.terminate(), END_MS)
        ending.ref()
        ending.once("exit", () => {
          clearTimeout(timer)
          resolve()
        })
        post(ending, { end: true })
      })
  }
}
