import * as fc from "fast-check"
import { expect, it } from "vitest"
import { JsonText } from "../src/index.ts"

const name = fc.string({ unit: fc.constantFrom("a", "b", "\\", "\"", "\n", "\u0001", "\u2028", "\ud800"), maxLength: 3 })

it("what was written as JSON comes back with its own keys, whatever was read before", () => {
  fc.assert(fc.property(fc.dictionary(name, fc.oneof(name, fc.integer(), fc.array(fc.dictionary(name, name)))), (value) => {
    const back = JsonText.parse(JSON.stringify(value))
    // Texts and not objects are compared: to compare keys is what goes wrong.
    expect(JSON.stringify(back)).toBe(JSON.stringify(value))
  }), { numRuns: 500 })
})

it("__proto__ is a key like any other, and what is no JSON is refused as JSON.parse does", () => {
  const back = JsonText.parse("{\"__proto__\":{\"a\\\"\":1}}")
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
  expect(JSON.stringify(back)).toBe("{\"__proto__\":{\"a\\\"\":1}}")
  for (const text of ["", "{", "\"\\\"", "{\"a\\\"\":}", "nul"]) expect(() => JsonText.parse(text)).toThrow(SyntaxError)
})
