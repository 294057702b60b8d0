import { arch, cpus, platform, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Line } from "./Line.ts"

type Benchmark = (rounds: number) => Promise<ReadonlyArray<Line>>

const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  steps: async () => (await import("./durableSteps.ts")).durableSteps,
  postgres: async () => (await import("./postgres.ts")).postgresSteps,
  restore: async () => (await import("./durableSteps.ts")).restore,
  explain: async () => (await import("./explaining.ts")).explaining,
  find: async () => (await import("./findingRuns.ts")).findingRuns([10_000, 100_000]),
  "find-million": async () => (await import("./findingRuns.ts")).findingRuns([1_000_000]),
  large: async () => (await import("./largeValues.ts")).largeValues,
  points: async () => (await import("./metricPoints.ts")).metricPoints,
  code: async () => (await import("./codeVersions.ts")).codeVersions,
  "page-api": async () => (await import("./pageApi.ts")).pageApi([10_000, 100_000]),
  "page-curve": async () => (await import("./pageCurve.ts")).pageCurve,
  "page-paint": async () => (await import("./pagePaint.ts")).pagePaint,
  start: async () => (await import("./startUp.ts")).startUp
}

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, rounds: { type: "string", default: "5" }, help: { type: "boolean", default: false } }
})
// A million runs take minutes to make: only when they are asked for.
const names = values.only ?? Object.keys(benchmarks).filter((name) => name !== "find-million")
const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name))
const rounds = Number(values.rounds)

if (values.help || unknown.length > 0 || !(rounds >= 3)) {
  if (unknown.length > 0) console.error(`There is no benchmark "${unknown.join("\", \"")}".`)
  if (!(rounds >= 3)) console.error("--rounds must be at least 3: the figures are medians.")
  console.error(`npm run bench [-- --only NAME]... [--rounds N]   NAME: ${Object.keys(benchmarks).join(", ")}`)
  process.exitCode = values.help ? 0 : 2
} else {
  console.error(`${cpus().length} x ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}, node ${process.versions.node}`)
  for (const name of names) {
    for (const line of await (await benchmarks[name]!())(rounds)) {
      console.log(JSON.stringify(line))
      if (line.holds === false) process.exitCode = 1
    }
  }
}
