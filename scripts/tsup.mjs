// The one tsup configuration: JavaScript only (tsc emits the declarations), one output file per source file, so that
// dist/ mirrors src/, stack traces name modules people know, and bundlers drop what an application does not use.
import { globSync } from "node:fs"

// Sources import each other as "./X.ts" (Node runs them as they are); what is published imports "./X.js".
const relativeImports = {
  name: "relative-imports",
  setup: (build) => {
    build.onResolve({ filter: /^\.{1,2}\/.*\.tsx?$/ }, ({ kind, path }) =>
      kind === "entry-point" ? undefined : { path: path.replace(/\.tsx?$/, ".js"), external: true }
    )
  }
}

/** @param {import("tsup").Options} [overrides] */
export const library = (overrides = {}) => ({
  entry: Object.fromEntries(
    globSync("src/**/*.{ts,tsx}")
      .filter((file) => !file.endsWith(".d.ts"))
      .map((file) => file.replaceAll("\\", "/"))
      .map((file) => [file.replace(/^src\//, "").replace(/\.tsx?$/, ""), file])
  ),
  format: ["esm"],
  target: "es2023",
  platform: "neutral",
  outDir: "dist",
  dts: false,
  splitting: false,
  silent: true,
  esbuildPlugins: [relativeImports],
  ...overrides
})
