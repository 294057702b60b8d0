// The embedded default, for the crash harness of @uniflow/testkit: SQLite and files in a folder.
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import type { CrashTarget } from "@uniflow/testkit/crash"
import { FileArtifactStore, NodeUniflow, SqliteDriver } from "../../src/index.ts"

const namesIn = (folder: string): Promise<ReadonlyArray<string>> => readdir(folder).catch(() => [])

export const target: CrashTarget = {
  name: "SQLite and files",
  faultPoints: [...SqliteDriver.faultPoints, ...FileArtifactStore.faultPoints],
  layer: (directory) => NodeUniflow.layer({ directory }),
  leftovers: async (directory) => [
    ...(await namesIn(join(directory, "objects", "tmp"))).map((name) => `objects/tmp/${name}`),
    ...(await namesIn(join(directory, "objects", "trash"))).map((name) => `objects/trash/${name}`)
  ]
}
