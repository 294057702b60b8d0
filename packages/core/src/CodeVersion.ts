/**
 * Which code a step is: the part of its fingerprint that changes when the code does.
 *
 * An explicit `version` always wins and is dealt with before this service is asked. Without one the service tells
 * what can be seen: `deep` (everything the step reaches was read) or `shallow` (only the function's own text, and the
 * identity of the project's sources or of the loaded bundle). A shallow version answers only within its run.
 * Where nothing trustworthy can be said the step is `unknown` and is never reused.
 */
import { Context, Effect } from "effect"
import type { CodePart } from "./CodeParts.ts"

/** What is known of a step's code. */
export type Code =
  | { readonly kind: "explicit"; readonly version: string }
  /** `parts`: what it was made of, kept so that a change can be named later (`codeParts`). */
  | { readonly kind: "deep"; readonly hash: string; readonly parts?: ReadonlyArray<CodePart> }
  /** `why`: what kept it from being seen whole. */
  | { readonly kind: "shallow"; readonly text: string; readonly project: string; readonly why?: string }
  | { readonly kind: "unknown"; readonly why: string }

/** What the service is asked about. */
export interface CodeSubject {
  readonly step: string
  /** The functions of the step: `run`, and `when`, `over`, `key`, `files` where they are given. */
  readonly functions: ReadonlyArray<Function>
  /** Stack of the call that made the step, one frame a line as V8 writes it; empty where there is none. */
  readonly definedAt: string
}

export interface CodeVersionService {
  /** The code of a step. Asked once per step and attempt. */
  readonly of: (subject: CodeSubject) => Effect.Effect<Code>
}

const native = /\{\s*\[native code\]\s*\}\s*$/

/** Whether a function's text can be seen at all; that of native and bound functions cannot. */
export const isReadable = (f: Function): boolean => !native.test(Function.prototype.toString.call(f))

/** How code is seen; without a platform nothing but the explicit version is trusted. */
export const CodeVersion: Context.Reference<CodeVersionService> = Context.Reference<CodeVersionService>("@uniflow/core/CodeVersion", {
  defaultValue: () => ({
    of: () => Effect.succeed({ kind: "unknown", why: "its code cannot be seen here; give the step a version" })
  })
})
