import { crash } from "@uniflow/testkit/crash"
import { describe, expect, it } from "vitest"

const found = (module: string, points: ReadonlyArray<string>) => {
  const target = new URL(`./crash/${module}.ts`, import.meta.url).href
  return crash({ target, kills: 0, points, seed: 1, races: 0, stops: false, parallel: 2, keep: false })
}

describe("the crash harness finds out", { timeout: 120_000 }, () => {
  it("a store that reports a step before it is recorded", async () => {
    const { kills, lost } = await found("hasty", ["broken:unrecorded"])
    expect(kills).toBeGreaterThan(0)
    expect(lost).toBeGreaterThan(0)
  })

  it("a store that records a step without its points and artifacts", async () => {
    const { kills, torn } = await found("halves", ["broken:halfway"])
    expect(kills).toBeGreaterThan(0)
    expect(torn).toBeGreaterThan(0)
  })

  it("nothing where there is nothing", async () => {
    const { kills, pointsHit, violations } = await found("target", ["artifact.rename:after"])
    expect(violations).toEqual([])
    expect(kills).toBeGreaterThan(1)
    expect(pointsHit).toBe(1)
  })
})
