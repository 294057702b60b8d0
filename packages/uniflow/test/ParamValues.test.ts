import { Pipeline, Step } from "@uniflow/core"
import { Redacted, Schema } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parsePairs, readRunParams } from "../src/cli/ParamValues.ts"

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "uniflow-params-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A Standard Schema that takes numbers. */
const standardNumber = {
  "~standard": {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) => (typeof value === "number" ? { value } : { issues: [{ message: "expected a number" }] })
  }
}

const pipeline = Pipeline.make("p", {
  steps: [
    Step.make("s", {
      version: "1",
      params: {
        text: Schema.optionalKey(Schema.String),
        rate: Schema.optionalKey(Schema.Number),
        flag: Schema.optionalKey(Schema.Boolean),
        list: Schema.optionalKey(Schema.Array(Schema.Number)),
        kind: Schema.optionalKey(Schema.Literals(["sgd", "adam"])),
        either: Schema.optionalKey(Schema.Union([Schema.Number, Schema.String])),
        from: Schema.optionalKey(Schema.NumberFromString),
        day: Schema.optionalKey(Schema.Date),
        epochs: Step.withDefault(Schema.Int, 3),
        token: Schema.optionalKey(Schema.Redacted(Schema.String)),
        other: standardNumber
      },
      run: () => 1
    })
  ]
})

const read = (...pairs: ReadonlyArray<string>) => readRunParams(pipeline, { pairs, cwd: folder })
const refusal = async (...pairs: ReadonlyArray<string>) => read(...pairs).then((params) => `accepted ${JSON.stringify(params)}`, (error: Error) => error.message)

describe("a param's text becomes what its schema takes", () => {
  it.each([
    ["text=hello", { text: "hello" }],
    ["text=5", { text: "5" }],
    ["text=", { text: "" }],
    ["text=a=b=c", { text: "a=b=c" }],
    ["text=-x", { text: "-x" }],
    ["rate=-1", { rate: -1 }],
    ["rate=1e-3", { rate: 0.001 }],
    ["flag=true", { flag: true }],
    ["list=[1, 2]", { list: [1, 2] }],
    ["kind=adam", { kind: "adam" }],
    ["either=5", { either: "5" }],
    ["from=5", { from: "5" }],
    ["epochs=12", { epochs: 12 }],
    ["other=7", { other: 7 }]
  ])("%s", async (pair, expected) => {
    expect({ ...(await read(pair)) }).toEqual(expected)
  })

  it("a date is given as ISO text, a secret as text", async () => {
    const params = await read("day=2023-10-27T00:00:00.000Z", "token=hush")
    expect(params["day"]).toEqual(new Date("2023-10-27T00:00:00.000Z"))
    expect(Redacted.isRedacted(params["token"])).toBe(true)
  })
})

describe("what does not fit is refused with the param's name and what it expects", () => {
  it.each([
    [["rate=fast"], /--param rate: .*number.*fast/i],
    [["epochs=1.5"], /--param epochs: .*(int|whole)/i],
    [["kind=rmsprop"], /--param kind: .*"sgd".*"adam"/],
    [["other=x"], /--param other: expected a number/],
    [["rtae=1"], /no such param. Did you mean "rate"\?/],
    [["rate"], /must have the form name=value/],
    [["=1"], /must have the form name=value/],
    [["rate=1", "rate=2"], /--param rate: it is given twice/],
    [["__proto__=1"], /no such param/]
  ])("%j", async (pairs, expected) => {
    expect(await refusal(...pairs)).toMatch(expected)
  })
})

it("a file of params is decoded likewise, and the command line wins over it", async () => {
  writeFileSync(join(folder, "params.json"), JSON.stringify({ rate: 0.1, day: "2023-10-27T00:00:00.000Z", text: "file" }))
  const params = await readRunParams(pipeline, { pairs: ["text=typed"], file: "params.json", cwd: folder })
  expect({ ...params }).toEqual({ rate: 0.1, day: new Date("2023-10-27T00:00:00.000Z"), text: "typed" })
  for (const [text, issue] of [["[1]", /must hold a JSON object/], ["{", /does not hold JSON/], ["{\"rate\":\"x\"}", /Param "rate" in bad.json: .*number/i]] as const) {
    writeFileSync(join(folder, "bad.json"), text)
    await expect(readRunParams(pipeline, { pairs: [], file: "bad.json", cwd: folder })).rejects.toThrow(issue)
  }
  await expect(readRunParams(pipeline, { pairs: [], file: "nowhere.json", cwd: folder })).rejects.toThrow(/cannot be read/)
})

it("tags are pairs of texts, each name once", () => {
  expect([...parsePairs("--tag", ["a=1", "b==="])]).toEqual([["a", "1"], ["b", "=="]])
  expect(() => parsePairs("--tag", ["a=1", "a=2"])).toThrow(/given twice/)
})
