/**
 * What a piece of printed text means to its reader, and its colour on a terminal.
 *
 * Tones are named by meaning; only here do they become colours. Nothing is coloured unless the caller asks for it.
 */

/** `good` and `bad` follow the direction of a metric's goal, not the sign of a number. */
export type Tone = "strong" | "faint" | "good" | "bad" | "warning"

const codes: Record<Tone, readonly [on: number, off: number]> = {
  strong: [1, 22],
  faint: [2, 22],
  good: [32, 39],
  bad: [31, 39],
  warning: [33, 39]
}

/** The text in its tone's colour (SGR sequences, ECMA-48); as it is without a tone. */
export const paint = (text: string, tone: Tone | undefined): string =>
  tone === undefined || text === "" ? text : `\x1b[${codes[tone][0]}m${text}\x1b[${codes[tone][1]}m`
