import { placeholderCore } from "@uniflow/core"
import { expect, it } from "vitest"
import { placeholderNode } from "../src/index.ts"

it("reads the packages below it from their sources", () => {
  expect(import.meta.resolve("@uniflow/core")).toMatch(/packages\/core\/src\/index\.ts$/)
  expect(placeholderNode).toContain(placeholderCore)
})
