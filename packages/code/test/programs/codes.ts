// Imports a module and prints the code of each step in its export `steps`: <module>
import { CodeVersion, type CodeSubject } from "@uniflow/core"
import { Effect } from "effect"
import { pathToFileURL } from "node:url"
import { ShallowCodeVersion } from "../../src/index.ts"

interface Made {
  readonly name: string
  readonly definition: { readonly run: Function; readonly when?: Function; readonly key?: Function; readonly files?: Function; readonly definedAt: string }
}

const { steps } = await import(pathToFileURL(process.argv[2]!).href) as { readonly steps: ReadonlyArray<Made> }
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
console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, ShallowCodeVersion.layer()))))
