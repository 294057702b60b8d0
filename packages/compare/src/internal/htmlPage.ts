/**
 * One HTML file that holds all it needs: no script, no font, no request. A content security policy inside it says so, so that it can be
 * opened, sent and attached without a thought.
 */
import { escapeControls } from "../Escape.ts"

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;" }

/** Stored text as HTML text, also inside an attribute. */
export const html = (text: string): string => escapeControls(text).replace(/[&<>"']/g, (character) => entities[character]!)

const STYLE = `
:root{color-scheme:light dark;--ink:#1b2026;--soft:#667080;--line:#dde2e8;--paper:#fff;--band:#f5f7f9;--good:#0a7a3d;--bad:#b3261e;--warning:#8a5a00;--mark:#3460c2}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#98a2b0;--line:#343b45;--paper:#15181c;--band:#1c2026;--good:#5fce8d;--bad:#ff8f84;--warning:#e0b050;--mark:#8fb0ff}}
*{box-sizing:border-box}
body{margin:0;padding:2rem clamp(1rem,4vw,3rem);background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.35rem;margin:0 0 1.2rem;overflow-wrap:anywhere}
h2{font-size:1.02rem;margin:2rem 0 .5rem}
tr.section th{padding:1.6rem .8rem .35rem 0;font-size:1.02rem;font-weight:650;color:var(--ink)}
tr.section:hover{background:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:500;white-space:nowrap}
thead th,thead td{border-bottom:1px solid var(--soft)}
tbody th{font-weight:500;overflow-wrap:break-word;min-width:6rem;max-width:22rem}
td{overflow-wrap:break-word;max-width:26rem}
.n,.r{text-align:right}
td.n,td.verdict{white-space:nowrap}
tr.detail th{padding-left:2rem;color:var(--soft);font-weight:400}
tbody tr:hover{background:var(--band)}
.faint{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}.warning{color:var(--warning)}.strong{font-weight:600}
pre{background:var(--band);padding:.8rem 1rem;overflow-x:auto;border-radius:6px;font:13px/1.45 ui-monospace,monospace}
pre .add{color:var(--good)}pre .cut{color:var(--bad)}
svg{display:block}
svg .axis{stroke:var(--line)}svg .bar{stroke:var(--mark);stroke-width:2}svg .dot{fill:var(--mark)}svg .run{fill:var(--soft);fill-opacity:.45}
footer{margin-top:2rem;color:var(--soft);max-width:70ch}
@media print{body{padding:0}}
`.trim()

/** A whole page around a body, which is HTML already. */
export const htmlPage = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${html(title)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>${html(title)}</h1>
${body}
</body>
</html>
`

/** Paragraphs at the end of a page. */
export const htmlNotes = (notes: ReadonlyArray<string>): string => (notes.length === 0 ? "" : `<footer>${notes.map((note) => `<p>${html(note)}</p>`).join("")}</footer>`)
