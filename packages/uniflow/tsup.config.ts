import { dirname, relative, resolve } from "node:path"
import { defineConfig, type Options } from "tsup"
import { library } from "../../scripts/tsup.mjs"

/** What the command shows before it does anything: the tree of commands with the parts of Effect that parse it. */
const shell = ["cli/main"]
const inShell = /^cli\/(main$|HelpPage$|Invocation$|commands\/)/

const base: Options = library({ platform: "node" })
const entries = Object.entries(base.entry as Record<string, string>)

type Plugin = NonNullable<Options["esbuildPlugins"]>[number]

/** One file, so that the help is there at once; bodies of commands stay files of their own, imported when they run. */
const shellImports: Plugin = {
  name: "shell-imports",
  setup: (build) => {
    build.onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      if (kind !== "dynamic-import") return undefined
      const target = relative(resolve("src", dirname(shell[0]!)), resolve(resolveDir, path)).replaceAll("\\", "/")
      return { path: `./${target.replace(/\.ts$/, ".js")}`, external: true }
    })
    build.onResolve({ filter: /^@uniflow\/core$/ }, ({ path }) => ({ path, external: true, sideEffects: false }))
  }
}

export default defineConfig([
  { ...base, entry: Object.fromEntries(entries.filter(([name]) => !inShell.test(name))) },
  {
    ...base,
    entry: Object.fromEntries(entries.filter(([name]) => shell.includes(name))),
    noExternal: [/^effect($|\/)/, "@uniflow/compare", "string-width"],
    minify: true,
    // The licences of what is built into the file ask for this line.
    banner: { js: "/*! With parts of effect (MIT, Effectful Technologies Inc), string-width, get-east-asian-width and strip-ansi (MIT, Sindre Sorhus). */" },
    esbuildPlugins: [shellImports]
  }
])
