import { expect, it } from "vitest"
import { liveSweep, renderSweep, type SweepRow } from "../src/cli/SweepTable.ts"

const row = (n: number, status: SweepRow["status"]): SweepRow => ({
  id: `s-${n}`,
  params: { rate: n / 10, epochs: 3 },
  seed: 0,
  status,
  metrics: status === "completed" ? { accuracy: n / 100, "evaluate.accuracy": n / 100 } : {},
  message: status === "failed" ? "no memory" : ""
})
const style = { columns: 80, color: false }

it("shows what varies, bare metrics, and why a run failed", () => {
  const text = renderSweep([row(1, "completed"), row(2, "failed")], style)
  expect(text).toMatch(/run +rate +seed +accuracy/)
  expect(text).not.toMatch(/epochs|evaluate/)
  expect(text).toMatch(/✓ s-1 +0\.1 +0 +0\.01/)
  expect(text).toMatch(/s-2 +0\.2 .*no memory/)
})

it("live: the running ones stand there whatever else there is no room for, then those that ended last", () => {
  const ended = Array.from({ length: 20 }, (_, n) => row(n, "completed"))
  const running = [row(20, "running"), row(21, "running")]
  const all = [...ended, ...running, ...Array.from({ length: 8 }, (_, n) => row(22 + n, "pending"))]
  const lines = liveSweep(all, [...ended.slice(1), ended[0]!], 2_000, 10, style)
  expect(lines.length).toBeLessThan(10)
  const shown = lines.join("\n").match(/s-\d+/g)
  expect(shown).toEqual(["s-0", "s-18", "s-19", "s-20", "s-21"])
  expect(lines.at(-1)).toBe("20 of 30 runs ended  2.0 s")
  const long = { ...row(22, "failed"), message: "a message that would be wrapped ".repeat(5) }
  expect(liveSweep([...all, long], [...ended, long], 2_000, 10, style).length).toBeLessThan(10)
  expect(liveSweep(all, ended, 2_000, 3, style).join("\n").match(/s-\d+/g)).toEqual(["s-21"])
})
