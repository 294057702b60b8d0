/**
 * The grammar of filters, orders and lists of fields:
 *
 *     filter    = all { "or" all }
 *     all       = one { "and" one }
 *     one       = "not" one | "(" filter ")" | condition
 *     condition = field ("=" | "!=" | "<" | "<=" | ">" | ">=") value
 *               | field ["not"] "in" "(" value { "," value } ")"
 *               | field ["not"] "like" string
 *               | field "is" ["not"] ("null" | "nan")
 *     field     = ("params" | "metrics" | "tags" | "run") "." name { "." name }
 *     value     = string | ["-"] number | "true" | "false" | date | duration | "now" [("+" | "-") duration]
 */
import { type Comparison, type Field, type Filter, type FilterValue, InvalidFilter, LIMITS, type MetricFigure, type Order, RUN_FIELDS, type RunFieldName } from "./filterModel.ts"
import { kindOf, refusal, type ValueKind } from "./filterKinds.ts"
import { type Token, tokensOf } from "./filterText.ts"

const FIGURES: ReadonlySet<string> = new Set(["last", "min", "max", "best"])
const ROOTS = ["params", "metrics", "tags", "run"]
const COMPARISONS: ReadonlySet<string> = new Set(["=", "!=", "<", "<=", ">", ">="])
const INSTEAD: { readonly [sign: string]: string } = { "==": "=", "<>": "!=", "&&": "and", "||": "or", "!": "not" }

export class FilterParser {
  private readonly what: string
  private readonly text: string
  private readonly nowMs: number
  private readonly tokens: ReadonlyArray<Token>
  private next = 0
  private depth = 0
  private terms = 0

  constructor(what: string, text: string, nowMs: number) {
    this.what = what
    this.text = text
    this.nowMs = nowMs
    if (text.length > LIMITS.length) {
      throw new InvalidFilter({ what, text, position: LIMITS.length, issue: `it is longer than ${LIMITS.length} characters` })
    }
    this.tokens = tokensOf(what, text)
  }

  filter(): Filter {
    return this.whole(() => this.any())
  }

  order(): ReadonlyArray<Order> {
    return this.whole(() =>
      this.list(() => {
        const field = this.oneField()
        const direction = this.word("desc") ? "desc" : (this.word("asc"), "asc")
        return { field, direction }
      })
    )
  }

  fields(): ReadonlyArray<Field> {
    return this.whole(() => this.list(() => this.oneField()))
  }

  field(): Field {
    return this.whole(() => this.oneField())
  }

  private whole<A>(read: () => A): A {
    const result = read()
    if (this.peek().kind !== "end") this.refuse(`${this.shown()} is not expected here${this.hint()}`)
    return result
  }

  private list<A>(read: () => A): ReadonlyArray<A> {
    const all = [read()]
    while (this.sign(",")) all.push(read())
    return all
  }

  private peek(): Token {
    return this.tokens[this.next]!
  }

  private refuse(issue: string, at: number = this.peek().at): never {
    throw new InvalidFilter({ what: this.what, text: this.text, position: at, issue })
  }

  private shown(): string {
    return this.peek().kind === "end" ? "the end" : `"${this.text.slice(this.peek().at, this.peek().end)}"`
  }

  private hint(): string {
    const token = this.peek()
    if (token.kind === "sign" && Object.hasOwn(INSTEAD, token.text)) return `; write ${INSTEAD[token.text]!}`
    return token.kind === "end" ? "" : "; conditions are joined by and, or"
  }

  private isSign(text: string): boolean {
    const token = this.peek()
    return token.kind === "sign" && token.text === text
  }

  private sign(text: string): boolean {
    if (!this.isSign(text)) return false
    this.next++
    return true
  }

  private isWord(word: string): boolean {
    const token = this.peek()
    return token.kind === "name" && !token.quoted && token.text.toLowerCase() === word
  }

  private word(word: string): boolean {
    if (!this.isWord(word)) return false
    this.next++
    return true
  }

  private any(): Filter {
    const filters = [this.all()]
    while (this.word("or")) filters.push(this.all())
    return filters.length === 1 ? filters[0]! : { _tag: "Or", filters }
  }

  private all(): Filter {
    const filters = [this.one()]
    while (this.word("and")) filters.push(this.one())
    return filters.length === 1 ? filters[0]! : { _tag: "And", filters }
  }

  private one(): Filter {
    if (!this.isWord("not") && !this.isSign("(")) return this.condition()
    if (++this.depth > LIMITS.depth) this.refuse(`more than ${LIMITS.depth} brackets and "not" stand inside each other`)
    let filter: Filter
    if (this.word("not")) filter = { _tag: "Not", filter: this.one() }
    else {
      const open = this.peek().at
      this.next++
      filter = this.any()
      if (!this.sign(")")) this.refuse(this.peek().kind === "end" ? "this ( is not closed" : `expected ) instead of ${this.shown()}${this.hint()}`, this.peek().kind === "end" ? open : undefined)
    }
    this.depth--
    return filter
  }

  private count(): void {
    if (++this.terms > LIMITS.terms) this.refuse(`it has more than ${LIMITS.terms} conditions and values`)
  }

  private condition(): Filter {
    this.count()
    const field = this.oneField()
    const token = this.peek()
    if (token.kind === "sign" && COMPARISONS.has(token.text)) {
      this.next++
      const comparison = token.text as Comparison
      return { _tag: "Compare", field, comparison, value: this.value(field, comparison) }
    }
    if (this.word("is")) {
      const negated = this.word("not")
      const at = this.peek().at
      const filter: Filter = this.word("null") ? { _tag: "IsNull", field } : this.word("nan") ? { _tag: "IsNaN", field } : this.refuse(`expected null or nan instead of ${this.shown()}`)
      if (filter._tag === "IsNaN" && field._tag !== "Metric") this.refuse("only a metric can be NaN", at)
      return negated ? { _tag: "Not", filter } : filter
    }
    const negated = this.word("not")
    if (this.word("in")) {
      if (!this.sign("(")) this.refuse(`expected ( instead of ${this.shown()}`)
      const values = this.list(() => {
        this.count()
        return this.value(field, "=")
      })
      if (!this.sign(")")) this.refuse(`expected , or ) instead of ${this.shown()}`)
      return { _tag: "In", field, values, negated }
    }
    if (this.word("like")) {
      const token = this.peek()
      if (token.kind !== "string") this.refuse(`expected a pattern in quotes instead of ${this.shown()}`)
      const issue = refusal(field, "like", "text")
      if (issue !== undefined) this.refuse(issue)
      const pattern = this.text.slice(token.at, token.end)
      if (pattern.length > LIMITS.pattern + 2) this.refuse(`the pattern is longer than ${LIMITS.pattern} characters`)
      this.next++
      return { _tag: "Like", field, pattern: token.text, negated }
    }
    const flag = kindOf(field) === "boolean" || field._tag === "Param" ? ", such as = true" : ""
    return this.refuse(`expected a comparison${flag} (= != < <= > >= in, like, is null) instead of ${this.shown()}${
      token.kind === "sign" && Object.hasOwn(INSTEAD, token.text) ? `; write ${INSTEAD[token.text]!}` : ""
    }`)
  }

  private value(field: Field, comparison: Comparison): FilterValue {
    const at = this.peek().at
    const [kind, value] = this.literal()
    const issue = refusal(field, comparison, kind, value)
    if (issue !== undefined) this.refuse(issue, at)
    return value
  }

  private literal(): readonly [ValueKind, FilterValue] {
    const token = this.peek()
    if (token.kind === "string") return this.taken("text", token.text)
    if (token.kind === "date" || token.kind === "duration" || token.kind === "number") return this.taken(token.kind, token.value)
    if (this.word("true")) return ["boolean", true]
    if (this.word("false")) return ["boolean", false]
    if (this.isWord("null") || this.isWord("nan")) this.refuse(`nothing is equal to ${this.shown().slice(1, -1)}; write is null, is nan or is not null`)
    if (this.word("now")) {
      if (!this.sign("-")) return ["date", this.nowMs]
      const token = this.peek()
      if (token.kind !== "duration") this.refuse(`expected a duration such as 7d instead of ${this.shown()}`)
      return this.taken("date", this.nowMs - token.value)
    }
    if (this.sign("-")) {
      const token = this.peek()
      if (token.kind !== "number") this.refuse(`expected a number instead of ${this.shown()}`)
      return this.taken("number", -token.value)
    }
    if (token.kind === "name") this.refuse(`text stands in quotes: "${token.text}"`)
    return this.refuse(`expected a value instead of ${this.shown()}${token.kind === "sign" && Object.hasOwn(INSTEAD, token.text) ? `; write ${INSTEAD[token.text]!}` : ""}`)
  }

  private taken(kind: ValueKind, value: FilterValue): readonly [ValueKind, FilterValue] {
    this.next++
    return [kind, value]
  }

  private oneField(): Field {
    const token = this.peek()
    if (token.kind !== "name" || token.quoted) return this.refuse(`expected a field (params. metrics. tags. run.) instead of ${this.shown()}`)
    const root = token.text
    if (!ROOTS.includes(root)) {
      return this.refuse(`a field begins with params. metrics. tags. or run.${ROOTS.includes(`${root}s`) ? `; write ${root}s.` : ""}`)
    }
    this.next++
    const names: Array<Extract<Token, { readonly kind: "name" }>> = []
    while (this.isSign(".")) {
      this.next++
      const token = this.peek()
      // Names may begin with a digit, as those of a list's members do.
      const digits = /^[\p{L}\p{N}_$-]+/u.exec(this.text.slice(token.at))?.[0]
      if (token.kind === "name") names.push(token)
      else if ((token.kind === "number" || token.kind === "duration") && digits?.length === token.end - token.at) {
        names.push({ kind: "name", at: token.at, end: token.end, text: digits, quoted: false })
      } else this.refuse(`expected a name after the dot instead of ${this.shown()}; names with other characters stand in backticks`)
      this.next++
    }
    const last = names.at(-1)
    if (last === undefined) return this.refuse(`expected .name after ${root}`)
    const texts = names.map(({ text }) => text)
    switch (root) {
      case "params":
        return { _tag: "Param", path: texts as [string, ...Array<string>] }
      case "tags":
        return { _tag: "Tag", name: texts.join(".") }
      case "metrics": {
        const figure = names.length > 1 && !last.quoted && FIGURES.has(last.text)
        return { _tag: "Metric", name: (figure ? texts.slice(0, -1) : texts).join("."), figure: figure ? last.text as MetricFigure : "last" }
      }
      default: {
        const name = texts.join(".")
        return Object.hasOwn(RUN_FIELDS, name)
          ? { _tag: "Run", name: name as RunFieldName }
          : this.refuse(`a run has no field "${name}"; it has ${Object.keys(RUN_FIELDS).join(", ")}`, names[0]!.at)
      }
    }
  }
}
