// Imports a module and prints the code of each step in its export `steps`: <module> [shallow | <file for what is found>]
import { CodeVersion, type CodeSubject } from "@uniflow/core"
import { Effect } from "effect"
import { pathToFileURL } from "node:url"
import { DeepCodeVersion, ShallowCodeVersion } from "../../src/index.ts"

interface Made {
  readonly name: string
  readonly definition: { readonly run: Function; readonly when?: Function; readonly key?: Function; readonly files?: Function; readonly definedAt: string }
}

const [, , module, how] = process.argv
const loaded = await import(pathToFileURL(module!).href)
// Not every compiler writes CommonJS so that Node sees its exports.
const steps: ReadonlyArray<Made> = loaded.steps ?? loaded.default.steps
const program = Effect.gen(function*() {
  const service = yield* CodeVersion
  const codes: Record<string, unknown> = {}
  for (const { definition, name } of steps) {
    const { definedAt, files, key, run, when } = definition
    const subject: CodeSubject = { step: name, functions: [run, when, key, files].filter((f) => f !== undefined), definedAt }
    codes[name] = yield* service.of(subject)
  }
  return codes
})
const layer = how === "shallow" ? ShallowCodeVersion.layer() : DeepCodeVersion.layer({ reachedFile: how })
console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, layer))))
