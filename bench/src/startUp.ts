import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "rolldown"
import { type Line, line, timed } from "./Line.ts"

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..")

/** Bytes of a two-step program on memory stores, as a browser would get it; the limit that CI enforces. */
const CORE_LIMIT = JSON.parse(readFileSync(join(root, ".size-limit.json"), "utf8")) as ReadonlyArray<{ limit: string }>

/** 6: what the core costs in a bundle, and what the command costs to start. */
export const startUp = async (rounds: number): Promise<ReadonlyArray<Line>> => {
  const folder = mkdtempSync(join(tmpdir(), "uniflow-bench-"))
  try {
    const entry = join(root, "packages", "core", "test", "fixtures", "twoSteps.ts")
    const bundled = await build({
      input: entry,
      platform: "browser",
      write: false,
      output: { format: "esm", minify: true },
      resolve: { conditionNames: ["uniflow-source", "import", "browser", "default"] }
    })
    const bytes = gzipSync(bundled.output[0].code, { level: 9 }).length
    const limit = Number(/[\d.]+/.exec(CORE_LIMIT[0]!.limit)?.[0]) * 1000
    const bin = join(root, "packages", "uniflow", "dist", "bin.js")
    if (!existsSync(bin)) throw new Error("packages/uniflow is not built: run pnpm build first")
    const empty = join(folder, "empty.mjs")
    writeFileSync(empty, "")
    const help: Array<{ value: number; against: number }> = []
    const start = (args: ReadonlyArray<string>): Promise<number> =>
      timed(() => {
        const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" })
        if (status !== 0) throw new Error(stderr)
      })
    for (let round = 0; round < Math.max(5, rounds * 2); round++) {
      const nothing = await start(["-e", "0"])
      help.push({ value: await start([bin, "--help"]), against: nothing })
    }
    return [
      line({ name: "core-two-steps-min-gzip", unit: "bytes", against: "the limit in CI", pairs: [{ value: bytes, against: limit }], bar: { most: 1 } }),
      line({ name: "uniflow-help", unit: "ms", against: "node -e 0", pairs: help, bar: null })
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
