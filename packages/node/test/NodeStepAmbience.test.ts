import { expect, it } from "@effect/vitest"
import { type Ambient, StepAmbience } from "@uniflow/core"
import { Effect } from "effect"
import { vi } from "vitest"
import { layer } from "../src/NodeStepAmbience.ts"

it.effect("what a step prints is kept once, however many steps asked for it, and printed as before", () =>
  Effect.gen(function*() {
    const printed = vi.spyOn(console, "log").mockImplementation(() => {})
    const ambience = yield* StepAmbience
    const kept: Array<string> = []
    const ambient = (name: string): Ambient => ({ context: {} as Ambient["context"], print: (level, message) => kept.push(`${name} ${level} ${message}`) })
    ambience.around(ambient("first"), () => console.log("a", 1))
    ambience.around(ambient("second"), () => console.log("b"))
    console.log("outside")
    expect(kept).toEqual(["first info a 1", "second info b"])
    expect(printed.mock.calls).toEqual([["a", 1], ["b"], ["outside"]])
  }).pipe(Effect.provide(layer)))
