/**
 * Stored text made safe to print: names, params, tags, errors and logs come from anywhere.
 *
 * For a terminal: nothing moves the cursor, changes colours, hides text or turns its direction. For Markdown: nothing
 * ends a table cell, opens HTML, mentions people or becomes a link.
 */

// Controls (C0, DEL, C1), line and paragraph separators, lone surrogates and other code points that are no characters,
// and invisible formatting: direction marks and overrides, zero width spaces, byte order marks. Joiners stay (emoji, Persian, Indic scripts), as do the tags
// that make flags and the visible Arabic and Kaithi number signs.
const unprintable =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]|(?![\u200c-\u200d\u0600-\u0605\u06dd\u0890\u0891\u08e2\u{110bd}\u{110cd}\u{e0020}-\u{e007f}])\p{Cf}/gu

const short: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escaped = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  return short[character] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`)
}

/** Control and invisible characters as visible escapes (`\n`, `\x1b`, `\u{202e}`); the result is one line. */
export const escapeControls = (text: string): string => text.replace(unprintable, escaped)

const asciiPunctuation = /[!-/:-@[-`{-~]/g
const entity = (character: string): string => `&#${character.charCodeAt(0)};`
const needsEntities = /[`|]|^\s|\s$|^$/

/**
 * Stored text as a code element of Markdown that shows exactly this text, in running text and in cells of tables:
 * a code span, or `<code>` with entities where a span could not hold it.
 */
export const markdownCode = (text: string): string => {
  const line = escapeControls(text)
  if (!needsEntities.test(line)) return `\`${line}\``
  return `<code>${line.replace(asciiPunctuation, entity).replace(/^ | $/g, entity)}</code>`
}
