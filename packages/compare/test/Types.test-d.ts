/** What is wrong use of group comparison is a compile error. */
import { Metrics, Pipeline, type RunStore, Step } from "@uniflow/core"
import { Schema, type Effect } from "effect"
import { expectTypeOf, test } from "vitest"
import { compareGroups, type GroupComparison } from "../src/index.ts"

const train = Step.make("train", { params: { rate: Schema.Number, name: Schema.String }, run: () => Metrics.create({ loss: 1 }) })
const digits = Pipeline.make("digits", { steps: [train] })

test("groups are parted and paired by params of the pipeline, tags and fields of the run", () => {
  const comparison = compareGroups({ pipeline: digits, groupBy: ["params.rate", "tags.model"], pairBy: "run.seed", where: { params: { rate: { ">": 0 } } } })
  expectTypeOf<Effect.Success<typeof comparison>>().toEqualTypeOf<GroupComparison>()
  expectTypeOf<Effect.Services<typeof comparison>>().toEqualTypeOf<RunStore>()
  expectTypeOf<Effect.Error<typeof comparison>["_tag"]>().toEqualTypeOf<"InvalidInput" | "InvalidFilter" | "RunNotFound" | "StoreError">()
  // @ts-expect-error the pipeline has no param of this name
  compareGroups({ pipeline: digits, groupBy: "params.rates" })
  // @ts-expect-error metrics are what is compared
  compareGroups({ groupBy: "metrics.loss" })
  // @ts-expect-error a run has no field of this name
  compareGroups({ groupBy: "params.rate", pairBy: "run.sed" })
  // @ts-expect-error found or listed, not both
  compareGroups({ groupBy: "params.rate", groups: [] })
  // @ts-expect-error one of them there has to be
  compareGroups({ pipeline: digits })
  // @ts-expect-error a rate is a number
  compareGroups({ pipeline: digits, groupBy: "params.rate", where: { params: { rate: "high" } } })
})
