/**
 * The hash that decides whether a step's saved output still answers for the step, and its readable parts.
 *
 * It covers the step's name, code version, declared params, contents of inputs and declared files, declared
 * environment, codec and output schema. The seed counts besides, for executions that drew from `random`.
 */
import type { Code } from "./CodeVersion.ts"
import type { Reason } from "./Decision.ts"
import type { HasherService } from "./Hasher.ts"
import { canonicalJson, jsonString } from "./internal/canonicalJson.ts"
import type { FingerprintComponents, StepRecord } from "./RunRecord.ts"

/** How a code version stands in a fingerprint. */
export const codeText = (hasher: HasherService, code: Code): string => {
  switch (code.kind) {
    case "explicit":
      return code.version
    case "deep":
      return code.hash
    case "shallow":
      return `${hasher.text(code.text).slice(0, 32)}+${code.project}`
    case "unknown":
      return ""
  }
}

/** The hash over a step's components. */
export const hash = (hasher: HasherService, step: string, components: FingerprintComponents): string =>
  hasher.text(`uniflow fingerprint 1\n${jsonString(step)}\n${canonicalText(components)}`)

/** The components as canonical JSON. Written out, because it is done for each step, and their names are known. */
const canonicalText = ({ code, codeKind, codec, env, files, inputs, outputSchema, params }: FingerprintComponents): string =>
  `{"code":${jsonString(code)},"codeKind":"${codeKind}","codec":${jsonString(codec)},"env":${canonicalJson(env)},"files":${canonicalJson(files)},`
  + `"inputs":${canonicalJson(inputs)},"outputSchema":${jsonString(outputSchema)},"params":${canonicalJson(params)}}`

/** The hash that manual checkpoints answer to: that of the step, some params aside. */
export const checkpointHash = (
  hasher: HasherService,
  step: string,
  components: FingerprintComponents,
  ignored: ReadonlyArray<string>
): string => {
  if (ignored.length === 0) return hash(hasher, step, components)
  const params = Object.fromEntries(Object.entries(components.params).filter(([name]) => !ignored.includes(name)))
  return hash(hasher, step, { ...components, params })
}

const short = (text: string): string => (/^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text)

const LONG = 120

const shown = (value: unknown): string => {
  const text = typeof value === "string" ? short(value) : canonicalJson(value)
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text
}

const differences = <A>(
  component: (name: string) => string,
  before: { readonly [name: string]: A },
  now: { readonly [name: string]: A }
): Array<Reason> => {
  const reasons: Array<Reason> = []
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(now)])].sort()) {
    const was = Object.hasOwn(before, name) ? before[name] : undefined
    const is = Object.hasOwn(now, name) ? now[name] : undefined
    if (was === undefined || is === undefined ? was === is : canonicalJson(was) === canonicalJson(is)) continue
    reasons.push({
      component: component(name),
      ...(was === undefined ? {} : { old: shown(was) }),
      ...(is === undefined ? {} : { new: shown(is) }),
      ...(was === undefined ? { note: "new" } : is === undefined ? { note: "no longer there" } : {})
    })
  }
  return reasons
}

const codeDifference = (before: FingerprintComponents, now: FingerprintComponents): Reason => {
  if (before.codeKind !== now.codeKind) {
    return { component: "code", old: before.codeKind, new: now.codeKind, note: "its version is told in another way" }
  }
  if (now.codeKind !== "shallow") return { component: "code", old: shown(before.code), new: shown(now.code) }
  const [oldText = "", oldProject = ""] = before.code.split("+")
  const [newText = "", newProject = ""] = now.code.split("+")
  return oldText === newText
    ? {
      component: "code",
      old: oldProject.slice(0, 12),
      new: newProject.slice(0, 12),
      note: "the project's source files changed; the step's own text did not (shallow code version)"
    }
    : { component: "code", old: oldText.slice(0, 12), new: newText.slice(0, 12), note: "the step's function changed (shallow code version)" }
}

/** Every part in which two fingerprints differ, old and new; empty when they are the same. */
export const diff = (before: FingerprintComponents, now: FingerprintComponents): ReadonlyArray<Reason> => [
  ...(before.code === now.code && before.codeKind === now.codeKind ? [] : [codeDifference(before, now)]),
  ...differences((name) => `param ${name}`, before.params, now.params),
  ...differences((name) => `input ${name}`, before.inputs, now.inputs),
  ...differences((name) => `file ${name}`, before.files, now.files),
  ...differences((name) => `env ${name}`, before.env, now.env),
  ...(before.codec === now.codec ? [] : [{ component: "codec", old: before.codec, new: now.codec }]),
  ...(before.outputSchema === now.outputSchema ? [] : [{ component: "output schema", old: shown(before.outputSchema), new: shown(now.outputSchema) }])
]

/** Whether a recorded outcome answers for a step as it is now. */
export const answers = (record: StepRecord, fingerprint: string, seed: number): boolean =>
  record.status !== "failed"
  && record.output !== null
  && record.fingerprint === fingerprint
  && fingerprint !== ""
  && (record.seed === null || record.seed === seed)
