import { Effect } from "effect"
import * as AnySchema from "../AnySchema.ts"
import type { Code, CodeVersionService } from "../CodeVersion.ts"
import type { EnvironmentService } from "../Environment.ts"
import * as Fingerprint from "../Fingerprint.ts"
import type { HasherService } from "../Hasher.ts"
import type { FingerprintComponents } from "../RunRecord.ts"
import type { SourceFilesService } from "../SourceFiles.ts"
import type { Any as AnyStep } from "../Step.ts"
import type { StoreError } from "../UniflowError.ts"
import type { RunParams } from "./params.ts"

/** What the parts of a fingerprint are read from. */
export interface ComponentSources {
  readonly hasher: HasherService
  readonly codes: ReadonlyMap<AnyStep, Code>
  readonly files: SourceFilesService
  readonly environment: EnvironmentService
  readonly secretKey: Uint8Array
  readonly codecId: string
  readonly params: RunParams
}

/** The parts of a step's fingerprint that do not depend on its inputs. */
export interface OwnComponents {
  readonly code: Code
  readonly components: Omit<FingerprintComponents, "inputs">
}

/**
 * The code of each step. Asked for all of them when a run begins: by then the process has loaded what it runs, and
 * what is edited later, while the run is under way, is not what it runs.
 */
export const codesOf = Effect.fnUntraced(function*(
  steps: ReadonlyArray<AnyStep>,
  codeVersion: CodeVersionService
): Effect.fn.Return<ReadonlyMap<AnyStep, Code>> {
  const codes = new Map<AnyStep, Code>()
  for (const step of steps) {
    const { version, run, when, key, files, definedAt } = step.definition
    codes.set(
      step,
      version === undefined
        ? yield* codeVersion.of({ step: step.name, functions: [run, when, key, files].filter((f) => f !== undefined), definedAt })
        : { kind: "explicit", version }
    )
  }
  return codes
})

/** Reads the parts of a step's fingerprint that do not depend on its inputs. What the step's `files` throws is thrown. */
export const ownComponents = (step: AnyStep, sources: ComponentSources): Effect.Effect<OwnComponents, StoreError> => {
  const { files } = step.definition
  if (files === undefined) return Effect.succeed(componentsWith(step, sources, {}))
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(step.definition.params)) {
    if (name in sources.params.values) define(values, name, sources.params.values[name])
  }
  const digests: Record<string, string> = {}
  const read = Effect.forEach(files({ params: values } as never), (path) =>
    Effect.map(sources.files.digest(path), (digest) => define(digests, path, digest ?? "missing")), { discard: true })
  return Effect.map(read, () => componentsWith(step, sources, digests))
}

const componentsWith = (step: AnyStep, sources: ComponentSources, files: Record<string, string>): OwnComponents => {
  const { definition } = step
  const { hasher, params } = sources
  const code = sources.codes.get(step)!
  const own: Record<string, FingerprintComponents["params"][string]> = {}
  for (const name of Object.keys(definition.params)) {
    if (Object.hasOwn(params.recorded, name)) define(own, name, params.recorded[name]!)
  }
  const env: Record<string, string> = {}
  for (const name of definition.env) {
    const value = sources.environment.variable(name)
    define(env, name, value === undefined ? "unset" : sources.environment.isSecret(name) ? `keyed:${hasher.keyed(sources.secretKey, value).slice(0, 16)}` : `=${value}`)
  }
  return {
    code,
    components: {
      code: Fingerprint.codeText(hasher, code),
      codeKind: code.kind,
      params: own,
      files,
      env,
      codec: sources.codecId,
      outputSchema: definition.output === undefined ? "" : hasher.text(AnySchema.identity(definition.output))
    }
  }
}

/** Sets a property as data, whatever its name. */
export const define = <A>(target: Record<string, A>, name: string, value: A): void => {
  if (name !== "__proto__") target[name] = value
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}
