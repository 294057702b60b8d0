import { describe, expect, it } from "vitest"
import { differences } from "../src/internal/differences.ts"
import { everyPoint, passingsOf, randomKill, randomOf, spread } from "../src/crash/KillPlan.ts"

describe("two values differ", () => {
  it("nowhere when they are equal to the last bit", () => {
    const value = () => ({ a: [1, NaN, -0], b: new Map([["k", { c: Float64Array.of(1, NaN) }]]), d: undefined, e: null })
    expect(differences(value(), value())).toEqual([])
  })

  it("where a number, a key, a length or a kind differs, and it is told where", () => {
    expect(differences({ a: [0] }, { a: [-0] })).toEqual(["$.a[0] is -0, expected 0"])
    expect(differences({ a: undefined }, {})).toEqual(["$.a is missing, expected undefined"])
    expect(differences({}, { a: 1 }, "run")).toEqual(["run.a is 1, expected nothing"])
    expect(differences([1, 2], [1])).toEqual(["$ has 1 elements, expected 2"])
    expect(differences({}, [])).toHaveLength(1)
    expect(differences(new Map([["x", 1]]), new Map([["x", 2]]))).toEqual(["$.x is 2, expected 1"])
    expect(differences(Float64Array.of(1, NaN), Float64Array.of(1, 2))).toEqual(["$[1] is 2, expected NaN"])
  })

  it("at no more than 20 places", () => {
    expect(differences(Array.from({ length: 100 }, () => 0), Array.from({ length: 100 }, () => 1))).toHaveLength(20)
  })
})

describe("a plan of kills", () => {
  it("takes the first and the last passing of every point, and some between", () => {
    expect(spread(1, 3)).toEqual([1])
    expect(spread(2, 3)).toEqual([1, 2])
    expect(spread(9, 3)).toEqual([1, 5, 9])
    const kills = everyPoint(passingsOf("a\nb\na\na\n"), 2)
    expect(kills.map((kill) => kill.at === "point" && `${kill.fault.point}#${kill.fault.nth}`)).toEqual(["a#1", "a#3", "b#1"])
  })

  it("is the same for the same seed", () => {
    const passings = passingsOf("a\nb\na\n")
    const drawn = (seed: number) => {
      const random = randomOf(seed)
      return Array.from({ length: 20 }, () => randomKill(random, passings, 1000))
    }
    expect(drawn(5)).toEqual(drawn(5))
    expect(drawn(5)).not.toEqual(drawn(6))
  })
})
