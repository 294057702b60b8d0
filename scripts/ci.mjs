// The tests, counted by Vitest, then every wider check, each counted as one. Needs nothing but Node and npm.
// `node scripts/ci.mjs types lint` runs only the named ones (`test` names the tests).
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

// One line per check: its name, and the script of package.json that does it.
const checks = {
  manifests: "manifests",
  types: "typecheck",
  lint: "lint",
  build: "build",
  publint: "publint",
  attw: "attw",
  knip: "knip",
  size: "size",
  consumer: "consumer",
  crash: "crash:ci",
  browser: "browser",
  docs: "docs",
  examples: "demo:run"
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const out = join(root, ".ci", "out")
const only = process.argv.slice(2)
const unknown = only.filter((name) => name !== "test" && !(name in checks))
if (unknown.length > 0) {
  console.error(`There is no check named ${unknown.join(", ")}. There are: test, ${Object.keys(checks).join(", ")}`)
  process.exit(1)
}
const wanted = (name) => only.length === 0 || only.includes(name)

let passed = 0
let failed = 0
const summary = []
/** Failed tests, each with the beginning of its error: told once more at the end, where a log that was cut still has them. */
const told = []

const execute = (name, program, args) => {
  console.log(`\n=== ${name}`)
  const start = Date.now()
  const { status } = spawnSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  return { ok: status === 0, seconds: ((Date.now() - start) / 1000).toFixed(1) }
}

if (wanted("test")) {
  const report = join(out, "vitest.json")
  mkdirSync(out, { recursive: true })
  rmSync(report, { force: true })
  const { ok, seconds } = execute("test", "npm", ["test", "--", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`])
  let counts
  try {
    counts = JSON.parse(readFileSync(report, "utf8"))
  } catch {
    counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] }
  }
  // A file that fails outside its tests (an import, a hook) has no failed test of its own: it counts as one.
  const brokenFiles = counts.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")
  ).length
  const broken = counts.numFailedTests + brokenFiles
  const failures = ok ? broken : Math.max(1, broken)
  for (const file of counts.testResults.filter((file) => file.status === "failed")) {
    const tests = file.assertionResults.filter((test) => test.status === "failed")
    for (const { title, message } of tests.length === 0
      ? [{ title: "did not load", message: file.message }]
      : tests.map((test) => ({ title: test.fullName, message: test.failureMessages.join("\n") }))) {
      told.push(`${relative(root, file.name)}: ${title}\n${(message ?? "").split("\n").slice(0, 12).map((line) => `    ${line}`).join("\n")}`)
    }
  }
  passed += counts.numPassedTests
  failed += failures
  const skipped = (counts.numPendingTests ?? 0) + (counts.numTodoTests ?? 0)
  summary.push(`${failures === 0 ? "ok    " : "FAILED"} test (${counts.numPassedTests} passed, ${failures} failed, ${skipped} skipped, ${seconds} s)`)
}

for (const [name, script] of Object.entries(checks)) {
  if (!wanted(name)) continue
  const { ok, seconds } = execute(name, "npx", ["--prefer-offline", "-y", "pnpm@12.21.0", "run", script])
  if (ok) passed += 1
  else failed += 1
  summary.push(`${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`)
}

if (told.length > 0) console.log(`\nFailed tests:\n\n${told.join("\n\n")}`)
console.log(`\n${summary.join("\n")}\n`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
