// The embedded default, for the crash harness of @uniflow/testkit: SQLite and files in a folder.
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { CrashTarget } from "@uniflow/testkit/crash"
import { FileArtifactStore, NodeUniflow, SqliteDriver, UniflowDirectory } from "../../src/index.ts"

const namesIn = (folder: string): Promise<ReadonlyArray<string>> => readdir(folder).catch(() => [])

export const target: CrashTarget = {
  name: "SQLite and files",
  faultPoints: [...UniflowDirectory.faultPoints, ...SqliteDriver.faultPoints, ...FileArtifactStore.faultPoints],
  fullPoints: ["commit:begun", "commit:written", "artifact.write:before"],
  layer: (directory) => NodeUniflow.layer({ directory }),
  leftovers: async (directory) => [
    ...(await namesIn(join(directory, "objects", "tmp"))).map((name) => `objects/tmp/${name}`),
    ...(await namesIn(join(directory, "objects", "trash"))).map((name) => `objects/trash/${name}`),
    ...(await readFile(join(directory, ".gitignore"), "utf8").catch(() => "")) === "*\n" ? [] : ["a .gitignore that hides nothing"],
    // A database that was never finished is swept after an hour.
    ...(await namesIn(directory)).filter((name) => !/^(\.gitignore|objects|uniflow\.db(-wal|-shm|\..*\.new(-wal|-journal)?)?)$/.test(name))
  ]
}
