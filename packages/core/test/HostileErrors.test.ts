import { Cause, Effect } from "effect"
import { expect, it } from "vitest"
import { Pipeline, snapshot, Step, type StepFailed } from "../src/index.ts"
import { layer, run } from "./memory.ts"

class NoMessage extends Error {
  override get message(): string {
    throw new Error("there is none")
  }
}

const refuse = (): never => {
  throw new Error("a trap")
}
const refusing = new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse })

const thrown: ReadonlyArray<readonly [string, unknown]> = [
  ["a Proxy whose every trap throws", refusing],
  ["an error whose message throws", new NoMessage()],
  ["an object without a prototype", Object.create(null)],
  ["a symbol", Symbol("x")],
  ["undefined", undefined]
]
const retries = [0, 1]

/** A step that meets what is thrown in one of the places where code of others runs. */
const places: ReadonlyArray<readonly [string, (thrown: unknown, retry: Step.Retry) => Step.Any]> = [
  ["run", (what, retry) => Step.make("s", { version: "1", retry, run: () => { throw what } })],
  ["a rejected promise", (what, retry) => Step.make("s", { version: "1", retry, run: () => Promise.reject(what) })],
  ["an Effect that fails", (what, retry) => Step.make("s", { version: "1", retry, run: () => Effect.fail(what) })],
  ["when", (what, retry) => Step.make("s", { version: "1", retry, when: (): boolean => { throw what }, run: () => 1 })],
  ["files", (what, retry) => Step.make("s", { version: "1", retry, files: () => { throw what }, run: () => 1 })]
]

for (const [what, error] of thrown) {
  it(`${what}, thrown anywhere, is the failure of its step, and the run's record is consistent`, async () => {
    for (const [place, step] of places) {
      for (const times of retries) {
        const ended = Effect.gen(function*() {
          const exit = yield* Effect.exit(run(Pipeline.make("p", { steps: [step(error, { times, delay: 1 })] }), {}, { runId: "r" }))
          const failure = exit._tag === "Failure" ? Cause.squash(exit.cause) as StepFailed : undefined
          const { run: record } = yield* snapshot("r")
          return { place, tag: failure?._tag, message: typeof failure?.message, status: record.status, failedStep: record.failedStep, held: record.holder !== null }
        })
        expect(await Effect.runPromise(Effect.provide(ended, layer) as Effect.Effect<unknown>))
          .toEqual({ place, tag: "StepFailed", message: "string", status: "failed", failedStep: "s", held: false })
      }
    }
  })

  it(`${what}, thrown by an element of a map that collects failures, stands beside the others`, async () => {
    const list = Step.make("list", { version: "1", run: () => [1, 2] })
    const map = Step.map("map", { version: "1", over: list, onItemError: "collect", run: ({ item }) => { if (item === 2) throw error; return item } })
    const { outputs } = await Effect.runPromise(Effect.provide(run(Pipeline.make("p", { steps: [map] }), {}), layer))
    expect(outputs.map.map(({ ok }) => ok)).toEqual([true, false])
  })

  it(`${what}, thrown by a step that runs at most once, leaves its outcome unknown`, async () => {
    const pay = Step.make("pay", { version: "1", once: true, run: () => { throw error } })
    const failed = await Effect.runPromise(Effect.provide(Effect.flip(run(Pipeline.make("p", { steps: [pay] }), {})), layer))
    expect(failed._tag).toBe("OutcomeUnknown")
  })
}
