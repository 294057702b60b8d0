/**
 * What is shown instead of the page where runs cannot be kept: on a disk that is read-only, or gone, or that vanishes with the server. It says what to do.
 *
 * Says no path and no host: who may see the page need not know them. The server's log has them.
 */
import { RunStore, type StoreError, type StoreReason } from "@uniflow/core"
import { Effect } from "effect"
import type { PageUniflow } from "./handlers.ts"

/** What is wrong, for whoever reads the page; any other reason is told by the page itself, which may try again. */
const sentences: { readonly [reason in StoreReason]?: string } = {
  NotPermitted: "Nothing can be written to the folder that holds the runs: its disk is read-only, or it belongs to somebody else.",
  NotSupported: "There is nothing on this server that could hold the runs for long: its disk vanishes with it, the next build deletes the folder, or the database that was named cannot be used.",
  Unavailable: "What holds the runs is gone: its folder was deleted, moved or unmounted, or its database does not answer."
}

/** The failure for which `unusablePage` is shown; undefined where the store can be used. */
export const unusableStore = (uniflow: PageUniflow): Promise<StoreError | undefined> =>
  uniflow.runPromise(Effect.flatMap(RunStore, (store) => store.usable ?? Effect.void)).then(
    () => undefined,
    (error: unknown) => {
      const failure = typeof error === "object" && error !== null && "_tag" in error && error._tag === "StoreError" ? error as StoreError : undefined
      return failure !== undefined && failure.reason in sentences ? failure : undefined
    }
  )

const escaped = (text: string): string => text.replace(/[&<>]/g, (character) => ({ "&": "&amp;", "<": "&lt;" })[character] ?? "&gt;")

const style = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1a1f26; --soft: #5b6675; --line: #dde2e8; --band: #f4f6f8 }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e7eaef; --soft: #9aa5b4; --line: #343b45; --band: #1c2026 } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 0.9375rem/1.5 ui-sans-serif, system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif }
header { border-bottom: 1px solid var(--line); padding: 0.75rem 1.25rem; font-weight: 600 }
main { max-width: 42rem; padding: 1.25rem }
h1 { font-size: 1.375rem; line-height: 1.3; margin: 0.5rem 0 0.75rem }
h2 { font-size: 0.9375rem; margin: 1.5rem 0 0.25rem }
p { margin: 0.25rem 0 }
code { font: 0.8125rem ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace }
pre { margin: 0.5rem 0; padding: 0.625rem 0.75rem; background: var(--band); border: 1px solid var(--line); border-radius: 4px; overflow-x: auto }
footer { margin-top: 1.5rem; color: var(--soft); font-size: 0.8125rem }`

/** The page; `detail` is shown where only developers look. */
export const unusablePage = ({ reason }: StoreError, requestId: string, detail: string | undefined): Response =>
  new Response(
    `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>No place for runs · UniFlow</title><style>${style}</style></head>
<body>
<header>UniFlow</header>
<main>
<h1>There is no place for runs</h1>
<p>${sentences[reason] ?? ""}</p>
<h2>Where disks are read-only or vanish (functions, containers without a volume)</h2>
<p>Runs need a PostgreSQL database, which all instances of the server share. Its address is given to the server as</p>
<pre><code>UNIFLOW_URL=postgres://user:password@host:5432/database</code></pre>
<p>and the package <code>@uniflow/postgres</code> is installed beside <code>uniflow</code>.</p>
<h2>Where there is a disk that stays</h2>
<p>Name a folder on it that the server may write, and start the server again:</p>
<pre><code>UNIFLOW_DIR=/path/to/a/folder</code></pre>
<footer>${detail === undefined ? "The server's log says which place it is." : escaped(detail)} Request ${requestId}</footer>
</main>
</body>
</html>
`,
    { status: 503, headers: { "content-type": "text/html; charset=utf-8" } }
  )
