// Imports src/main.ts of each folder and prints the codes of its steps and what they give: <folder>...
import type { Code, CodeSubject } from "@uniflow/core"
import { Effect } from "effect"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { DeepCodeVersion } from "../../src/index.ts"

const service = DeepCodeVersion.make()
const all: Array<{ readonly codes: Record<string, Code>; readonly outputs: Record<string, string> }> = []
for (const folder of process.argv.slice(2)) {
  const { steps } = await import(pathToFileURL(join(folder, "src/main.ts")).href)
  const codes: Record<string, Code> = {}
  const values: Record<string, unknown> = {}
  for (const { definition, name } of steps) {
    const { definedAt, files, key, run, when } = definition
    const subject: CodeSubject = { step: name, functions: [run, when, key, files].filter((f) => f !== undefined), definedAt }
    codes[name] = await Effect.runPromise(service.of(subject))
    const inputs = Object.fromEntries(Object.entries(definition.inputs as Record<string, { readonly name: string }>).map(([input, step]) => [input, values[step.name]]))
    try {
      values[name] = when?.({ inputs }) === false ? undefined : await run({ inputs })
    } catch (error) {
      values[name] = error instanceof Error ? error.name : "error"
    }
  }
  all.push({ codes, outputs: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value) ?? "undefined"])) })
}
console.log(JSON.stringify(all))
