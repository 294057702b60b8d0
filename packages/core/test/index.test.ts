import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { placeholderCore } from "../src/index.ts"

it.effect("runs Effects as tests", () =>
  Effect.sync(() => {
    expect(placeholderCore).toBe("@uniflow/core")
  })
)
