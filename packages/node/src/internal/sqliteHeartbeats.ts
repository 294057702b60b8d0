/**
 * Heartbeats from a thread of its own, so that a synchronous loop keeps its leases.
 *
 * One thread serves all runs of one database in this process. It starts with the first claim, has its own connection
 * (without fsync: a heartbeat need not survive a power loss), never keeps the process alive, and is started again when
 * it fails. A heartbeat that could not be written is written by the next beat; whether the run is still held is for the
 * fence to say.
 */
import process from "node:process"
import { Worker } from "node:worker_threads"
import type { SqlValue } from "@uniflow/sql"

interface Beat {
  readonly everyMs: number
  readonly sql: string
  readonly params: ReadonlyArray<SqlValue>
  /** What to add to this machine's monotonic clock, in milliseconds. */
  readonly offsetMs: number
}

/** Milliseconds of the clock that all threads and processes of one boot share. */
export const hrtimeMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

// Inline, as CommonJS: a file of its own would be lost in a bundle.
const source = `
const { parentPort, workerData } = require("node:worker_threads")
process.emitWarning = () => {}
const { DatabaseSync } = require("node:sqlite")
const beats = new Map()
let database
const write = ({ sql, params, offsetMs }) => {
  if (database === undefined) {
    database = new DatabaseSync(new URL(workerData.url))
    database.exec("PRAGMA busy_timeout = 2000; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
  }
  database.prepare(sql).run(Number(process.hrtime.bigint() / 1000n) / 1000 + offsetMs, ...params)
}
const close = () => {
  try { database?.close() } catch {}
  database = undefined
}
const beat = (id) => {
  const one = beats.get(id)
  if (one === undefined) return
  let wait = one.everyMs
  try { write(one) } catch { close(); wait = Math.min(wait, 500) }
  one.timer = setTimeout(beat, wait, id)
}
parentPort.on("message", ({ add, remove, end }) => {
  if (add !== undefined) {
    beats.set(add.id, add)
    add.timer = setTimeout(beat, add.everyMs, add.id)
  }
  for (const id of remove ?? []) {
    clearTimeout(beats.get(id)?.timer)
    beats.delete(id)
  }
  if (end) {
    for (const { timer } of beats.values()) clearTimeout(timer)
    beats.clear()
    close()
    parentPort.close()
  }
})
`

const RESTART_MS = 1000
const END_MS = 2000
const REMOVE_MS = 100

interface Message {
  readonly add?: Beat & { readonly id: number }
  readonly remove?: ReadonlyArray<number>
  readonly end?: boolean
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window and has no origin
const post = (worker: Worker, message: Message): void => worker.postMessage(message)

export interface SqliteHeartbeats {
  /** Begins to beat, and gives what ends it. */
  readonly add: (beat: Beat) => () => void
  /** Ends the thread; resolves when its connection is closed. */
  readonly close: () => Promise<void>
}

/** Heartbeats into the database of this URL; the thread starts when the first is added. */
export const make = (url: string): SqliteHeartbeats => {
  const beats = new Map<number, Beat>()
  let worker: Worker | undefined
  let lastId = 0
  let closed = false

  const start = (): Worker => {
    // Neither flags nor preloaded modules of the main thread concern this one.
    const started = new Worker(source, { eval: true, workerData: { url }, execArgv: [], env: {}, name: "uniflow-heartbeats" })
    started.unref()
    const ended = (): void => {
      if (worker !== started) return
      worker = undefined
      if (!closed && beats.size > 0) setTimeout(restart, RESTART_MS).unref()
    }
    started.on("error", ended)
    started.on("exit", ended)
    return started
  }
  const restart = (): void => {
    if (closed || worker !== undefined || beats.size === 0) return
    worker = start()
    for (const [id, beat] of beats) post(worker, { add: { id, ...beat } })
  }

  let removed: Array<number> = []
  const tellRemoved = (): void => {
    if (worker !== undefined) post(worker, { remove: removed })
    removed = []
  }

  return {
    add: (beat) => {
      const id = ++lastId
      beats.set(id, beat)
      if (worker === undefined) restart()
      else post(worker, { add: { id, ...beat } })
      return () => {
        beats.delete(id)
        // A heartbeat of a run that was given back changes nothing: the thread may hear of many at once.
        if (removed.push(id) === 1) setTimeout(tellRemoved, REMOVE_MS).unref()
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
