/** Text as it may be stored by anyone: every Unicode character, and what terminals and Markdown interpret. */
import * as fc from "fast-check"

const fragments = [
  "\n", "\r\n", "\t", "\0", "\x1b[31m", "\x1b]8;;https://example.invalid\x07", "\x9b2J", "\x7f", "\u202e", "\u2066", "\u200b", "\u2028", "\ufeff",
  "\ud800", "|", "\\|", "\\", "`", "``", "<b>", "</td>", "<!--", "&amp;", "&#124;", "*", "_", "~~", "[a](b)", "![a](b)", "@team", "#1", "$x$", ":+1:",
  "https://example.invalid", " ", "  ", "---", "- ", "日本語", "한국어", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "❤️", "e\u0301", "\u0301", "\u200d", "\u0600", "ｱﾞ", "ᄀ", "ก็", "अ"
]

export const anyText = fc.array(fc.oneof(fc.constantFrom(...fragments), fc.string({ unit: "binary", maxLength: 8 }), fc.string({ maxLength: 12 })), {
  maxLength: 8
}).map((parts) => parts.join(""))
