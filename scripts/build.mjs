// Builds the package it is started in: JavaScript by tsup, declarations by tsc.
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { run } from "./workspace.mjs"

const cwd = process.cwd()

// tsc leaves "./X.ts" in declarations as it stands in the source; consumers get "./X.js", which every TypeScript resolves.
const relativeSpecifier = /((?:from|import)\s*\(?\s*["'])(\.{1,2}\/[^"'\n]*?)\.tsx?(["'])/g

try {
  rmSync("dist", { recursive: true, force: true })
  run("tsup", [], { cwd })
  run("tsc", ["-p", "tsconfig.build.json"], { cwd })
  for (const file of globSync("dist/**/*.d.ts")) {
    const text = readFileSync(file, "utf8")
    const rewritten = text.replace(relativeSpecifier, "$1$2.js$3")
    if (rewritten !== text) writeFileSync(file, rewritten)
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
