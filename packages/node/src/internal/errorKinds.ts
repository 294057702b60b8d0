/**
 * The errors of the language, by name. An error of another class is not among them: it would come back as one of
 * these, which is a change.
 */

export interface ErrorKind {
  readonly name: string
  readonly prototype: object
  readonly make: () => Error
}

const kind = (constructor: ErrorConstructor): ErrorKind => ({
  name: constructor.name,
  prototype: constructor.prototype,
  make: () => new constructor()
})

export const errorKinds: ReadonlyArray<ErrorKind> = [
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(kind),
  { name: "AggregateError", prototype: AggregateError.prototype, make: () => new AggregateError([]) }
]

/** Newer V8 gives every error its stack through this one getter; older ones as a data property. */
export const stackGetter: (() => unknown) | undefined = Object.getOwnPropertyDescriptor(new Error(), "stack")?.get

/** Own properties that errors have without their being enumerable. */
export const hiddenOfErrors: ReadonlySet<string> = new Set(["name", "message", "stack", "cause", "errors"])
