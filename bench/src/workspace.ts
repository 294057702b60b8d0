import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Uniflow } from "uniflow"

/** A folder of its own for a benchmark, removed at the end. */
export const withFolder = async <A>(work: (folder: string) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "uniflow-bench-"))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** UniFlow's embedded default in a folder, closed at the end. */
export const withUniflow = <A>(work: (uniflow: Uniflow.Uniflow, folder: string) => Promise<A>): Promise<A> =>
  withFolder(async (folder) => {
    const uniflow = await Uniflow.open({ directory: join(folder, ".uniflow") })
    try {
      return await work(uniflow, folder)
    } finally {
      await uniflow.close()
    }
  })

/** A database as the raw limit uses it: WAL, every commit synchronised. */
export const rawDatabase = (folder: string): DatabaseSync => {
  const database = new DatabaseSync(join(folder, "raw.db"))
  database.exec("pragma journal_mode=WAL; pragma synchronous=FULL")
  return database
}

/** About 200 bytes as JSON. */
export const payload = (i: number): { readonly i: number; readonly text: string; readonly at: number } => ({ i, text: "x".repeat(160), at: 1795471781967 + i })
