/**
 * The help of a command: what it does, how it is called, commands, arguments, flags and examples, fitted to the
 * terminal's width.
 */
import { displayWidth, type Tone, wrap } from "@uniflow/compare"
import { Option } from "effect"
import type { HelpDoc } from "effect/cli"

export interface HelpOptions {
  /** Columns to fit into; 100 where the output is no terminal. */
  readonly columns?: number | undefined
  readonly tone: (text: string, tone: Tone | undefined) => string
  /** Code and meaning, for the page of the whole command. */
  readonly exitCodes: ReadonlyArray<readonly [code: number, meaning: string]>
}

type Entry = readonly [name: string, description: string]

const described = (description: Option.Option<string>): string => Option.getOrElse(description, () => "").replace(/ \(choices: .*\)$/, "")

const choicesOf = (description: Option.Option<string>): string | undefined =>
  / \(choices: (.*)\)$/.exec(Option.getOrElse(description, () => ""))?.[1]?.split(", ").join("|")

const flagEntry = ({ aliases, description, name, type }: HelpDoc.FlagDoc): Entry => {
  const value = choicesOf(description) ?? type
  return [`${[...aliases, `--${name}`].join(", ")}${type === "boolean" ? "" : ` <${value.replace(/^<|>$/g, "")}>`}`, described(description)]
}

const argumentEntry = ({ description, name, required, variadic }: HelpDoc.ArgDoc): Entry =>
  [`${required ? `<${name}>` : `[${name}]`}${variadic ? "..." : ""}`, described(description)]

/** The page as text. */
export const renderHelp = (doc: HelpDoc.HelpDoc, { columns, exitCodes, tone }: HelpOptions): string => {
  const width = Math.max(40, columns ?? 100)
  const sections: Array<string> = []

  const paragraph = (text: string, indent: number): string => wrap(text, width - indent).map((line) => " ".repeat(indent) + line).join("\n")

  const entries = (rows: ReadonlyArray<Entry>, names: number): string =>
    rows.map(([name, description]) => {
      const below = displayWidth(name) > names
      const lines = wrap(description, Math.max(20, width - names - 4))
      const [first = "", ...others] = below ? ["", ...lines] : lines
      const rest = others.map((line) => `\n${" ".repeat(names + 4)}${line}`).join("")
      return `  ${tone(name, "strong")}${first === "" ? "" : `${" ".repeat(names - displayWidth(name) + 2)}${first}`}${rest}`
    }).join("\n")

  const section = (title: string, body: string): void => {
    if (body !== "") sections.push(`${tone(title, "strong")}\n${body}`)
  }
  const list = (title: string, rows: ReadonlyArray<Entry>): void =>
    section(title, entries(rows, Math.min(Math.max(0, ...rows.map(([name]) => displayWidth(name))), Math.floor(width * 0.36))))

  const groups = doc.subcommands ?? []
  const commandWidth = Math.max(0, ...groups.flatMap(({ commands }) => commands.map(({ name }) => displayWidth(name))))
  sections.push(paragraph(doc.description, 0))
  section("Usage", `  ${doc.usage.replace("<subcommand>", "<command>").replace("[flags]", "[options]")}`)
  for (const { commands, group } of groups) section(group ?? "Commands", entries(commands.map(({ description, name }) => [name, description]), commandWidth))
  list("Arguments", (doc.args ?? []).map(argumentEntry))
  list("Options", doc.flags.map(flagEntry))
  if ((doc.commandPath?.length ?? 1) === 1) {
    list("Options of every command", (doc.globalFlags ?? []).map(flagEntry))
    list("Exit codes", exitCodes.map(([code, meaning]) => [String(code), meaning]))
  }
  section("Examples", (doc.examples ?? []).map(({ command, description }) => {
    const comment = description === undefined ? "" : `${paragraph(`# ${description}`, 2).split("\n").map((line) => tone(line, "faint")).join("\n")}\n`
    return `${comment}  ${command}`
  }).join("\n"))
  if ((doc.commandPath?.length ?? 1) > 1) sections.push(tone(`uniflow --help shows the options of every command (--json, --quiet, --directory, …)`, "faint"))
  return sections.join("\n\n")
}
