/**
 * How many terminal columns a text takes, and fitting text into columns.
 *
 * Counts what a terminal shows: wide East Asian characters and emoji take two columns, combining marks none. Expects
 * one line of text without control characters (see `escapeControls`). Never cuts inside a grapheme.
 */
import stringWidth from "string-width"

const ascii = /^[\x20-\x7e]*$/

/** Columns that a line takes. Adds up: a line's width is that of its parts, wherever it is parted at a space. */
export const displayWidth = (text: string): number => {
  if (ascii.test(text)) return text.length
  // A mark after a space would be taken into the space's own cluster, and a space into that of a prepended sign.
  const words = text.split(" ")
  return words.reduce((width, word) => width + stringWidth(word, { countAnsiEscapeCodes: true }), words.length - 1)
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

/** The graphemes of a text: what a reader sees as one character each. */
const clusters = (text: string): ReadonlyArray<string> => (ascii.test(text) ? [...text] : Array.from(graphemes.segment(text), ({ segment }) => segment))

/** The longest beginning of a text that fits into a width. */
const beginning = (text: string, width: number): string => {
  let taken = ""
  for (const cluster of clusters(text)) {
    if (displayWidth(taken + cluster) > width) break
    taken += cluster
  }
  return taken
}

/** The text, shortened to the width with `…` at its end where it is longer. */
export const truncate = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text
  return width < 1 ? "" : `${beginning(text, width - 1).trimEnd()}…`
}

/** The text with spaces added until it is `width` columns wide. */
export const pad = (text: string, width: number, align: "left" | "right" = "left"): string => {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)))
  return align === "left" ? text + space : space + text
}

const afterSpaces = /(?<= )(?! )/u
// Characters that part names, paths and lists.
const afterPunctuation = /(?<=[-_/.,:;=&|\\])/u

/**
 * Breaks a text into lines of at most `width` columns: at spaces, words that are too long at punctuation, and only
 * then anywhere. The last of at most `maxLines` ends in `…` where more would follow.
 */
export const wrap = (text: string, width: number, maxLines = Number.POSITIVE_INFINITY): ReadonlyArray<string> => {
  if (displayWidth(text) <= width) return [text]
  const lines: Array<string> = []
  let line = ""
  const words = text.split(afterSpaces).flatMap((word) => (displayWidth(word.trimEnd()) <= width ? [word] : word.split(afterPunctuation)))
  for (const word of words) {
    if (displayWidth((line + word).trimEnd()) <= width) {
      line += word
      continue
    }
    if (line !== "") lines.push(line.trimEnd())
    line = word
    while (displayWidth(line.trimEnd()) > width) {
      const head = beginning(line, width)
      // A cluster wider than the whole column cannot be shown in it: the mark stands for it.
      const taken = head === "" ? (clusters(line)[0] ?? line) : head
      lines.push(head === "" ? "…" : head)
      line = line.slice(taken.length)
    }
  }
  if (line.trimEnd() !== "" || lines.length === 0) lines.push(line.trimEnd())
  if (lines.length <= maxLines) return lines
  const last = `${beginning(lines[maxLines - 1] ?? "", width - 1).trimEnd()}…`
  return [...lines.slice(0, maxLines - 1), last]
}
