import { spawnSync } from "node:child_process"
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { changedParts, type Code } from "@uniflow/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { edited, edits } from "./corpus/edits.ts"
import { files, write } from "./corpus/project.ts"

const program = fileURLToPath(new URL("programs/manyCodes.ts", import.meta.url))

interface Seen {
  readonly codes: Readonly<Record<string, Code>>
  /** What each step gives, as JSON. */
  readonly outputs: Readonly<Record<string, string>>
}
let folder: string
let before: Seen
let after: ReadonlyArray<Seen>

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-corpus-")))
  const folders = [files, ...edits.map(edited)].map((content, i) => {
    write(join(folder, String(i)), content)
    return join(folder, String(i))
  })
  const { stderr, stdout } = spawnSync(process.execPath, ["--conditions=uniflow-source", program, ...folders], { encoding: "utf8", maxBuffer: 1 << 28 })
  expect(stderr.trim()).toBe("")
  const [first, ...others] = JSON.parse(stdout) as ReadonlyArray<Seen>
  before = first!
  after = others
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it("every step of the project is seen whole", () => {
  expect(Object.fromEntries(Object.entries(before.codes).map(([name, code]) => [name, code.kind === "shallow" || code.kind === "unknown" ? code.why : code.kind])))
    .toEqual(Object.fromEntries(Object.keys(before.codes).map((name) => [name, "deep"])))
})

describe("exactly these steps run again, and what changed is named, after", () => {
  it.each(edits.map((edit, i) => [edit.what, edit, i] as const))("%s", (_, edit, i) => {
    const changed = Object.entries(before.codes).flatMap(([name, code]): ReadonlyArray<readonly [string, ReadonlyArray<string>]> => {
      const now = after[i]!.codes[name]!
      if (code.kind !== "deep" || now.kind !== "deep") return [[name, [now.kind]]]
      return code.hash === now.hash ? [] : [[name, changedParts(code.parts!, now.parts!).map((part) => part.name)]]
    })
    const sorted = (all: Readonly<Record<string, ReadonlyArray<string>>>) => Object.fromEntries(Object.entries(all).map(([name, parts]) => [name, [...parts].sort()]))
    const named = sorted(Object.fromEntries(changed))
    expect(Object.keys(named)).toEqual(Object.keys(sorted(edit.runs)))
    for (const [name, parts] of Object.entries(edit.runs)) expect(named[name]).toEqual(expect.arrayContaining([...parts]))
  })
})

it("no step that would give something else is taken for unchanged", () => {
  const inputs: Readonly<Record<string, string>> = { clean: "load", train: "clean", evaluate: "train" }
  const stale: Array<string> = []
  let differing = 0
  for (const [i, { codes, outputs }] of after.entries()) {
    for (const [name, output] of Object.entries(outputs)) {
      const from = inputs[name]
      const sameInput = from === undefined || outputs[from] === before.outputs[from]
      if (output === before.outputs[name] || before.outputs[name] === undefined || !sameInput) continue
      differing++
      const [was, is] = [before.codes[name], codes[name]]
      if (was?.kind === "deep" && is?.kind === "deep" && was.hash === is.hash) stale.push(`${name} after ${edits[i]!.what}`)
    }
  }
  expect(stale).toEqual([])
  expect(differing).toBeGreaterThan(20)
})

it("of at least 60 edits at most 5 % make a step run again without need", () => {
  expect(edits.length).toBeGreaterThanOrEqual(60)
  expect(edits.filter(({ needless }) => needless !== undefined).length / edits.length).toBeLessThanOrEqual(0.05)
})
