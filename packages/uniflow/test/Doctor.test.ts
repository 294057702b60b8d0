import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeProject, type Project } from "./project.ts"

let project: Project
beforeAll(() => {
  project = makeProject()
})
afterAll(() => project.remove())

/** A place for a store, with a database of these bytes. */
const place = (name: string, bytes: string): string => {
  const folder = join(project.folder, name)
  mkdirSync(folder)
  writeFileSync(join(folder, "uniflow.db"), bytes)
  return folder
}

describe("doctor, and every other command, tells of a place that is no store", () => {
  it("what stands there, in one line, with 6", async () => {
    project.write("file", "")
    for (const [folder, told] of [
      [place("text", "hello"), /text.uniflow\.db is not a UniFlow database/],
      [place("empty", ""), /empty.uniflow\.db is empty/],
      [join(project.folder, "file"), /file is not a folder|file cannot be made: something that is not a folder has its name/],
      ["", /`directory` is an empty text/]
    ] as const) {
      const doctor = await project.invoke("doctor", "--directory", folder)
      expect([folder, doctor.code, doctor.stderr]).toEqual([folder, 6, ""])
      expect(doctor.stdout).toMatch(told)
      const list = await project.invoke("experiment", "list", "--directory", folder)
      expect([list.code, list.stdout]).toEqual([6, ""])
      expect(list.stderr).toMatch(told)
      expect(list.stderr).toMatch(/^error: [^\n]*\n$/)
    }
    expect(project.has("uniflow.db")).toBe(false)
  })
})
