/**
 * `node main.ts --target <module> [--kills 1000] [--seed n] [--parallel n] [--races n] [--no-stops]
 * [--points a,b] [--calls n]`
 *
 * `--calls` adds kills at single system calls, by strace.
 * Progress as lines, then the report as one JSON object; exit code 0 only when nothing was wrong.
 */
import { resolve } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { crash } from "./CrashHarness.ts"

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    kills: { type: "string", default: "1000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    parallel: { type: "string" },
    races: { type: "string", default: "20" },
    stops: { type: "boolean", default: true },
    points: { type: "string" },
    calls: { type: "string", default: "0" }
  },
  allowNegative: true
})

const numberOf = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  console.error(`--${name} must be a whole number, not ${text}`)
  return process.exit(2)
}

if (values.target === undefined) {
  console.error("--target is missing: the module that exports what to let the harness loose on")
  process.exit(2)
}

const seed = numberOf("seed", values.seed)
console.log(`crash: seed ${seed}`)
const { violations, ...report } = await crash({
  target: pathToFileURL(resolve(values.target)).href,
  kills: numberOf("kills", values.kills),
  calls: numberOf("calls", values.calls),
  seed,
  parallel: values.parallel === undefined ? undefined : numberOf("parallel", values.parallel),
  races: numberOf("races", values.races),
  stops: values.stops,
  points: values.points?.split(","),
  onProgress: (line) => console.log(`crash: ${line}`)
})
for (const { kind, what } of violations.filter(({ kind }) => kind === "unhit")) console.log(`crash: ${kind}: ${what}`)
console.log(JSON.stringify({ name: "crash", ...report, violations: violations.length }))
process.exitCode = violations.length === 0 ? 0 : 1
