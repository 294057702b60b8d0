/**
 * Every figure against R 4.2.2 or SciPy 1.17.1. The calls that gave the reference values stand beside them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  differenceInterval,
  holm,
  leastP,
  leastPairedP,
  leastRepeats,
  pairedInterval,
  pairedPermutationTest,
  permutationTest,
  repeatsNeeded,
  summarize
} from "../src/index.ts"
import { studentQuantile } from "../src/internal/studentT.ts"
import { plants, sleep } from "./statisticalData.ts"

const near = (actual: number | undefined, expected: number, tolerance: number): void => {
  assert.isDefined(actual)
  assert.isAtMost(Math.abs(actual! - expected), tolerance * Math.max(1, Math.abs(expected)), `${actual} is not near ${expected}`)
}

const changes = sleep.second.map((value, at) => value - sleep.first[at]!)

describe("Student's t", () => {
  it("has the quantiles of R: qt(p, df)", () => {
    const reference: ReadonlyArray<readonly [p: number, df: number, q: number]> = [
      [0.975, 1, 12.7062047361746941],
      [0.975, 2, 4.3026527297494619],
      [0.975, 4, 2.7764451051977934],
      [0.975, 9, 2.2621571627982049],
      [0.9995, 4, 8.6103015813795221],
      [0.975, 1e6, 1.9599663568141066],
      [0.975, 2.5, 3.5746548420036719],
      [0.8, 1, 1.376381920471174],
      [0.8, 30, 0.8537672614712979],
      [0.99875, 8, 4.3335498459753445]
    ]
    for (const [p, df, q] of reference) near(studentQuantile(p, df), q, 1e-9)
  })
})

describe("summaries", () => {
  it("have the mean, the standard deviation and the interval of R: mean, sd, t.test(x)$conf.int", () => {
    const control = summarize(plants.control)
    assert.strictEqual(control.n, 10)
    near(control.mean, 5.032, 1e-14)
    near(control.sd, 0.583091378392406, 1e-14)
    near(control.interval?.low, 4.614881555655039, 1e-12)
    near(control.interval?.high, 5.449118444344961, 1e-12)
    const wide = summarize(plants.control, 0.99).interval
    near(wide?.low, 4.432763851522549, 1e-12)
    near(wide?.high, 5.63123614847745, 1e-12)
    const second = summarize(sleep.second)
    near(second.mean, 2.33, 1e-14)
    near(second.sd, 2.002248735796829, 1e-14)
    near(second.interval?.low, 0.897677539376705, 1e-12)
    near(second.interval?.high, 3.762322460623294, 1e-12)
  })

  it("keep a small spread of large values", () => {
    near(summarize([1e9 + 1, 1e9 + 2, 1e9 + 3]).sd, 1, 1e-9)
  })

  it("say nothing of a spread that one value does not have", () => {
    assert.deepStrictEqual(summarize([3]), { n: 1, mean: 3, sd: undefined, interval: undefined, min: 3, max: 3 })
    assert.isNaN(summarize([]).mean)
  })
})

describe("the permutation test", () => {
  // scipy.stats.permutation_test((a, b), abs_welch_t, alternative="greater", n_resamples=inf), where abs_welch_t is the size of
  // the difference of means over sqrt(var(a, ddof=1) / len(a) + var(b, ddof=1) / len(b)): every way to deal the values is looked at.
  const reference: ReadonlyArray<readonly [name: string, a: ReadonlyArray<number>, b: ReadonlyArray<number>, p: number]> = [
    ["control, first", plants.control, plants.first, 0.2479269956050142],
    ["control, second", plants.control, plants.second, 0.04833401892225422],
    ["first, second", plants.first, plants.second, 0.008616770226677348],
    ["5 against 6", plants.control.slice(0, 5), plants.second.slice(0, 6), 0.31385281385281383],
    ["4 against 4", plants.control.slice(0, 4), plants.second.slice(0, 4), 0.5142857142857142],
    ["3 against 7", plants.first.slice(0, 3), plants.second.slice(0, 7), 0.008333333333333333]
  ]

  it("gives the exact p of SciPy", () => {
    for (const [name, a, b, p] of reference) {
      const result = permutationTest(a, b)
      assert.strictEqual(result.method, "exact", name)
      near(result.p, p, 1e-12)
    }
  })

  it("comes near it where it draws ways at random", () => {
    for (const [name, a, b, p] of reference) {
      const result = permutationTest(a, b, { exactUpTo: 1 })
      assert.strictEqual(result.method, "sampled", name)
      // Five standard errors of 9,999 draws.
      assert.isAtMost(Math.abs(result.p - p), 5 * Math.sqrt((p * (1 - p)) / 9_999) + 2e-4, name)
    }
  })

  it("of pairs gives the exact p of SciPy: permutation_test((d,), abs_mean, permutation_type=\"samples\", n_resamples=inf)", () => {
    assert.deepStrictEqual(pairedPermutationTest(changes), { p: 0.00390625, method: "exact" })
    near(pairedPermutationTest(changes, { exactUpTo: 1 }).p, 0.00390625, 0.004)
  })

  it("cannot be surer than its number of ways: three against three never reach 5 percent", () => {
    assert.strictEqual(leastP(3, 3), 0.1)
    assert.strictEqual(permutationTest([1, 2, 3], [101, 102, 103]).p, 0.1)
    assert.strictEqual(leastP(4, 4), 2 / 70)
    assert.strictEqual(leastP(3, 4), 1 / 35)
    assert.strictEqual(leastPairedP(5), 0.0625)
    assert.strictEqual(leastRepeats(0.05, false), 4)
    assert.strictEqual(leastRepeats(0.05, true), 6)
  })

  it("finds nothing in equal values, and everything in constant ones that differ", () => {
    assert.strictEqual(permutationTest([0.3, 0.3, 0.3, 0.1 + 0.2], [0.3, 0.1 + 0.2, 0.3, 0.3]).p, 1)
    assert.strictEqual(permutationTest([1, 1, 1, 1], [2, 2, 2, 2]).p, 2 / 70)
    assert.strictEqual(pairedPermutationTest([0, 0, 0]).p, 1)
    assert.strictEqual(permutationTest([1], [2, 3]).p, 1)
  })

  const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 2, maxLength: 6 })

  it("does not depend on the order of values and groups, nor on their unit", () => {
    fc.assert(fc.property(values, values, fc.constantFrom(1, 1000, 2 ** -20), (a, b, unit) => {
      const { p } = permutationTest(a, b)
      assert.isAtLeast(p, leastP(a.length, b.length) - 1e-12)
      assert.isAtMost(p, 1)
      near(permutationTest(b, a).p, p, 1e-12)
      near(permutationTest(a.toReversed(), b).p, p, 1e-12)
      if ([...a, ...b].every((value) => Math.abs(value) < 1e300 && (value === 0 || Math.abs(value) > 1e-290))) {
        near(permutationTest(a.map((value) => value * unit), b.map((value) => value * unit)).p, p, 1e-12)
      }
    }))
  })
})

describe("Holm's correction", () => {
  it("is that of R: p.adjust(p, \"holm\")", () => {
    const close = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>): void => expected.forEach((value, at) => near(actual[at], value, 1e-15))
    close(holm([0.01, 0.04, 0.03, 0.005, 0.5]), [0.04, 0.09, 0.09, 0.025, 0.5])
    close(holm([0.02, 0.02, 0.02]), [0.06, 0.06, 0.06])
    assert.deepStrictEqual(holm([]), [])
  })
})

describe("the bootstrap-t interval", () => {
  // boot::boot.ci(boot(data, statistic, R = 99999, strata = group), type = "stud") after set.seed(1), where the statistic gives the
  // difference of means and its squared standard error. Bounds of 9,999 draws scatter: a twentieth of the interval's width is allowed.
  const bounds = (actual: { readonly low: number; readonly high: number } | undefined, low: number, high: number): void => {
    assert.isDefined(actual)
    assert.isAtMost(Math.abs(actual!.low - low), (high - low) / 20)
    assert.isAtMost(Math.abs(actual!.high - high), (high - low) / 20)
  }

  it("of a difference of means has the bounds of R's boot.ci", () => {
    bounds(differenceInterval(plants.control, plants.first), -0.99518611359921, 0.339258124757975)
    bounds(differenceInterval(plants.control, plants.second), 0.00526092551889329, 0.989912993419517)
    bounds(differenceInterval(plants.first, plants.second), 0.167973615619745, 1.43143529760371)
    bounds(differenceInterval(plants.control.slice(0, 5), plants.second.slice(0, 6)), -0.580133320053587, 1.58049786453459)
  })

  it("of paired differences has the bounds of R's boot.ci", () => {
    bounds(pairedInterval(changes), 0.945870622827358, 3.10891140798214)
  })

  it("is the same each time, in whatever order the values come", () => {
    assert.deepStrictEqual(differenceInterval(plants.control, plants.first), differenceInterval(plants.control, plants.first))
    assert.deepStrictEqual(differenceInterval(plants.control.toReversed(), plants.first), differenceInterval(plants.control, plants.first.toReversed()))
    assert.deepStrictEqual(pairedInterval(changes.toReversed()), pairedInterval(changes))
    const sampled = { exactUpTo: 1 }
    assert.strictEqual(permutationTest(plants.control.toReversed(), plants.first, sampled).p, permutationTest(plants.control, plants.first.toReversed(), sampled).p)
  })

  it("says nothing where there is nothing to say", () => {
    assert.isUndefined(differenceInterval([1], [2, 3]))
    assert.isUndefined(differenceInterval([1, 2], [2, 3]))
    assert.deepStrictEqual(differenceInterval([1, 1, 1], [2, 2, 2]), { low: 1, high: 1 })
    assert.isUndefined(pairedInterval([1]))
  })
})

describe("the repeats that are needed", () => {
  // ceiling(power.t.test(delta = d, sd = s, sig.level = level, power = 0.8, type = …)$n) of R: two-sample, paired.
  const reference: ReadonlyArray<readonly [delta: number, sd: number, level: number, unpaired: number, paired: number]> = [
    [1, 1, 0.05, 17, 10],
    [0.5, 1, 0.05, 64, 34],
    [1, 1, 0.0125, 24, 15],
    [0.1, 1, 0.05, 1571, 787]
  ]

  it("are those of R's power.t.test, to one repeat", () => {
    for (const [difference, sd, level, unpaired, paired] of reference) {
      assert.isAtMost(Math.abs(repeatsNeeded({ difference, variance: 2 * sd * sd, level, paired: false })! - unpaired), 1)
      assert.isAtMost(Math.abs(repeatsNeeded({ difference, variance: sd * sd, level, paired: true })! - paired), 1)
    }
  })

  it("are never fewer than a permutation test can decide by", () => {
    assert.strictEqual(repeatsNeeded({ difference: 100, variance: 1, level: 0.05, paired: false }), 4)
    assert.strictEqual(repeatsNeeded({ difference: 100, variance: 1, level: 0.05, paired: true }), 6)
  })

  it("are unknown where no number would do", () => {
    assert.isUndefined(repeatsNeeded({ difference: 0, variance: 1, level: 0.05, paired: false }))
    assert.isUndefined(repeatsNeeded({ difference: 1e-6, variance: 1, level: 0.05, paired: false }))
  })
})
