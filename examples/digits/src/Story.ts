/**
 * What the demo prints: chapters, commands with their output, and claims that are checked when they are made.
 *
 * Colours on a terminal alone.
 */
import process from "node:process"
import { styleText } from "node:util"

type Style = Parameters<typeof styleText>[0]

const styled = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout })

let claims = 0

/** A line by itself. */
export const say = (text = ""): void => console.log(text)

/** The heading of what comes next. */
export const chapter = (title: string): void => say(`\n${styled("bold", title)}`)

/** A command as one would type it. */
export const typed = (words: ReadonlyArray<string>): void => say(`\n  ${styled("cyan", `$ uniflow ${words.map((word) => (/[\s'"]/.test(word) ? JSON.stringify(word) : word)).join(" ")}`)}`)

/** A line that a command printed. */
export const printed = (line: string): void => say(line === "" ? "" : `    ${line}`)

/** Something that happened to the command that is running. */
export const happened = (text: string): void => say(`  ${styled("yellow", `! ${text}`)}`)

/** Says what is so, having seen that it is; ends the demo where it is not. */
export const claim = (text: string, holds: boolean, instead: () => string): void => {
  if (!holds) throw new Error(`The demo claims that ${text}, but ${instead()}.`)
  claims++
  say(`  ${styled("green", "ok")} ${text}`)
}

/** Lines to type, and what each is for. */
export const suggest = (lines: ReadonlyArray<readonly [command: string, why: string]>): void => {
  const width = Math.max(...lines.map(([command]) => command.length))
  for (const [command, why] of lines) say(`  ${styled("cyan", command.padEnd(width))}  ${why}`)
}

/** How many claims were made, and held. */
export const claimed = (): number => claims
