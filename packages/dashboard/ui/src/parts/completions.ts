/** What may come next in a filter (docs/finding.md) at the place where somebody writes. */

export interface Completions {
  /** What is replaced begins here and ends where the caret is. */
  readonly from: number
  readonly options: ReadonlyArray<string>
}

const MOST = 12
const FIELD = "(?:[A-Za-z_$][\\w$-]*|`(?:[^`]|``)*`)(?:\\.(?:[\\w$-]+|`(?:[^`]|``)*`))*"
const OPERATORS = ["=", "!=", "<", "<=", ">", ">=", "in (", "not in (", "like \"", "is null", "is not null", "is nan"]
const STATUSES = ["completed", "failed", "running", "interrupted", "crashed", "pending"]
const RUN_FIELDS = ["run.status", "run.started", "run.created", "run.ended", "run.duration", "run.id", "run.experiment", "run.pipeline", "run.parent", "run.seed", "run.attempts", "run.failedStep", "run.git", "run.git.branch", "run.git.dirty"]

const atEnd = (pattern: string): RegExp => new RegExp(`${pattern}$`)
const VALUE = atEnd(`(${FIELD})\\s*(?:=|!=|<=|>=|<|>|in\\s*\\((?:[^()"']|"[^"]*"|'[^']*')*)\\s*("?[^"'()<>=!,]*)`)
const OPERATOR = atEnd(`(?:^|[(\\s])(${FIELD})\\s+([<>=!a-z]*)`)
const NAME = atEnd("[\\w.$`-]*")
const DONE = /(?:["')]|\b\d[\w.-]*|\b(?:null|nan|true|false|now))\s+([a-z]*)$/
const WORDS = new Set(["and", "or", "not", "in", "like", "is", "null", "nan", "true", "false", "now"])

/** `valuesOf` gives values that runs have of a field, as literals. */
export const completions = (text: string, caret: number, fields: ReadonlyArray<string>, valuesOf: (field: string) => ReadonlyArray<string>): Completions => {
  const before = text.slice(0, caret)
  const starting = (options: ReadonlyArray<string>, typed: string): Completions => {
    const wanted = typed.toLowerCase()
    const begins = options.filter((option) => option.toLowerCase().startsWith(wanted))
    const holds = options.filter((option) => !begins.includes(option) && option.toLowerCase().includes(wanted))
    return { from: caret - typed.length, options: [...begins, ...holds].filter((option) => option !== typed).slice(0, MOST) }
  }
  // What stands in open quotes is text, whatever it looks like.
  const value = VALUE.exec(before)
  if (value !== null && !WORDS.has(value[1]!)) {
    const field = value[1]!
    return starting(field === "run.status" ? STATUSES.map((status) => JSON.stringify(status)) : valuesOf(field), value[2]!)
  }
  const done = DONE.exec(before)
  if (done !== null) return starting(["and", "or"], done[1]!)
  const operator = OPERATOR.exec(before)
  if (operator !== null && !WORDS.has(operator[1]!)) return starting(OPERATORS, operator[2]!)
  return starting([...fields, ...RUN_FIELDS], NAME.exec(before)![0])
}
