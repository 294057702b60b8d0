import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { AttemptEnvironment, Environment, isSecretName } from "@uniflow/core"
import { Effect, Schema } from "effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { NodeEnvironment } from "../src/index.ts"
import { parseStatus } from "../src/internal/gitState.ts"
import { redactArguments, redactText } from "../src/internal/redaction.ts"

let folder: string
const path = process.env["PATH"]
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-environment-")))
})
afterEach(() => {
  process.env["PATH"] = path
  rmSync(folder, { recursive: true, force: true })
})

const git = (...parameters: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=trunk", ...parameters], { cwd: folder, encoding: "utf8" }).trim()
const capture = () => Effect.runPromise(Effect.flatMap(Effect.provide(Environment, NodeEnvironment.layer({ cwd: folder })), ({ capture }) => capture))

describe("an attempt records", () => {
  it("commit, branch and whether the tree was dirty, untracked files included", async () => {
    git("init")
    expect((await capture()).git).toBeUndefined()
    writeFileSync(join(folder, "a"), "1")
    git("add", "a")
    git("commit", "-m", "first")
    const commit = git("rev-parse", "HEAD")
    expect((await capture()).git).toEqual({ commit, branch: "trunk", dirty: false })
    writeFileSync(join(folder, "b"), "2")
    expect((await capture()).git).toEqual({ commit, branch: "trunk", dirty: true })
    rmSync(join(folder, "b"))
    writeFileSync(join(folder, "a"), "changed")
    expect((await capture()).git).toMatchObject({ dirty: true })
    git("checkout", "-q", "--force", "--detach")
    expect((await capture()).git).toEqual({ commit, dirty: false })
  })

  it("the rest where there is no repository and no git", async () => {
    process.env["PATH"] = ""
    const environment = await capture()
    expect(environment.git).toBeUndefined()
    expect(environment).toMatchObject({ runtime: `node ${process.versions.node}`, pid: process.pid, cwd: folder, packages: {} })
    expect(Schema.decodeUnknownSync(AttemptEnvironment)(environment)).toEqual(environment)
  })

  it("installed versions of what the project depends on directly, found as Node finds them", async () => {
    const put = (name: string, content: unknown) => {
      mkdirSync(join(folder, name), { recursive: true })
      writeFileSync(join(folder, name, "package.json"), typeof content === "string" ? content : JSON.stringify(content))
    }
    put("packages/a", { dependencies: { near: "^1", "@scope/far": "*", missing: "1" }, devDependencies: { broken: "1" } })
    put("packages/a/node_modules/near", { version: "1.2.3" })
    put("node_modules/near", { version: "9.9.9" })
    put("node_modules/@scope/far", { version: "4.5.6" })
    put("node_modules/broken", "{")
    mkdirSync(join(folder, "packages/a/src"))
    folder = join(folder, "packages/a/src")
    const { packages } = await capture()
    folder = join(folder, "../../..")
    expect(packages).toEqual({ "@scope/far": "4.5.6", near: "1.2.3" })
  })

  it("a broken package.json as none", async () => {
    writeFileSync(join(folder, "package.json"), "not json")
    expect((await capture()).packages).toEqual({})
  })

  it("and 200 attempts that begin at once start git no more often than one", async () => {
    git("init")
    const real = execFileSync("/bin/sh", ["-c", "command -v git"], { encoding: "utf8" }).trim()
    const log = join(folder, ".git", "calls")
    mkdirSync(join(folder, "bin"))
    writeFileSync(join(folder, "bin", "git"), `#!/bin/sh\necho call >> "${log}"\nexec "${real}" "$@"\n`)
    chmodSync(join(folder, "bin", "git"), 0o755)
    process.env["PATH"] = `${join(folder, "bin")}${delimiter}${path}`
    const calls = () => readFileSync(log, "utf8").trim().split("\n").length
    await capture()
    const one = calls()
    const environment = await Effect.runPromise(Effect.provide(Environment, NodeEnvironment.layer({ cwd: folder })))
    await Effect.runPromise(Effect.all(Array.from({ length: 200 }, () => environment.capture), { concurrency: "unbounded" }))
    expect(calls()).toBe(2 * one)
  })

  it("a tree as dirty when its listing was cut off", () => {
    const text = `# branch.oid ${"a".repeat(40)}\n# branch.head main\n`
    expect(parseStatus({ text, complete: true })).toEqual({ commit: "a".repeat(40), branch: "main", dirty: false })
    expect(parseStatus({ text, complete: false })).toMatchObject({ dirty: true })
    expect(parseStatus({ text: "# branch.oid (initial)\n# branch.head main\n", complete: true })).toBeUndefined()
  })
})

describe("nothing secret is stored", () => {
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
  // In halves, so that no scanner takes them for leaked ones.
  const token = (...parts: ReadonlyArray<string>) => parts.join("")
  const secrets = [
    jwt,
    token("sk-", "proj-abcdefghijklmnop1234"),
    token("sk-ant-", "api03-abcdefghijklmnop1234"),
    token("sk_li", "ve_abcdefghijklmnop1234"),
    token("gh", "p_abcdefghijklmnopqrstuvwxyz0123456789"),
    token("github_", "pat_abcdefghijklmnopqrstuvwxyz0123456789"),
    token("glp", "at-abcdefghijklmnopqrst"),
    token("AK", "IAIOSFODNN7EXAMPLE"),
    token("AI", "zaSyabcdefghijklmnopqrstuvwxyz0123456"),
    token("xo", "xb-123456789012-abcdefghijkl"),
    token("h", "f_abcdefghijklmnopqrstuvwxyz"),
    token("np", "m_abcdefghijklmnopqrstuvwxyz0123456789"),
    token("-----BEGIN RSA ", "PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----")
  ]

  it("of tokens with a known form, alone and inside a text", () => {
    for (const secret of secrets) {
      expect(redactText(secret, {})).toBe("[redacted]")
      expect(redactText(`it said "${secret}", then failed`, {})).toBe(`it said "[redacted]", then failed`)
    }
  })

  it("of credentials in URLs, headers, assignments and printed objects", () => {
    expect(redactText("connect postgres://me:pa55word@db.example:5432/x", {})).toBe("connect postgres://[redacted]@db.example:5432/x")
    expect(redactText("GET https://example.com/a?access_token=abcdef&page=2", {})).toBe("GET https://example.com/a?access_token=[redacted]&page=2")
    expect(redactText("authorization: Bearer abcdefghijklmnopqrst", {})).toBe("authorization: Bearer [redacted]")
    expect(redactText("DB_PASSWORD=hunter2 npm start", {})).toBe("DB_PASSWORD=[redacted] npm start")
    expect(redactText(`{"apiKey":"abc\\"def","page":2}`, {})).toBe(`{"apiKey":"[redacted]","page":2}`)
    expect(redactText("{ clientSecret: 'abc def', page: 2 }", {})).toBe("{ clientSecret: '[redacted]', page: 2 }")
  })

  it("of environment variables whose names say it, escaped ones too, read at the time of the call", () => {
    const env = { DB_PASSWORD: "correct horse/battery", SHORT_TOKEN: "abc", HOME: "/home/someone", API_URL: "https://api.example.com/v1" }
    const text = "in /home/someone at https://api.example.com/v1: correct horse/battery, correct%20horse%2Fbattery, abc"
    expect(redactText(text, env)).toBe("in /home/someone at https://api.example.com/v1: [redacted], [redacted], abc")
    expect(redactText("wss://u:p@x is used", { FEED_URL: "wss://u:p@x" })).toBe("[redacted] is used")
  })

  it("of the command line", () => {
    const argv = ["node", "main.ts", "--token", "abcdef", "--api-key=xyz", "--param", "password=a=b", "--param=apiKey=1a", "--verbose", "API_TOKEN=q1w2",
      "--url", "https://me:pw@example.com", secrets[0]!, "--max-tokens", "4096", "--max-tokens=4096", "--auth", "--flag", "plain"]
    expect(redactArguments(argv, {})).toEqual(["node", "main.ts", "--token", "[redacted]", "--api-key=[redacted]", "--param", "password=[redacted]",
      "--param=apiKey=[redacted]", "--verbose", "API_TOKEN=[redacted]", "--url", "https://[redacted]@example.com", "[redacted]", "--max-tokens", "4096",
      "--max-tokens=4096", "--auth", "--flag", "plain"])
  })

  it("and ordinary texts stay as they are", () => {
    const texts = ["step train took 12 ms", "tokens: 1523, max_tokens=4096", "https://example.com:8080/path?q=a@b", "git@github.com:org/repo.git",
      "ssh://git@example.com/x", "authors of the book", "Error: password is required", "sha256 " + "a1".repeat(32), "task-force-one-two-three-four"]
    for (const text of texts) expect(redactText(text, {})).toBe(text)
    for (const name of ["tokenizer", "author", "GIT_AUTHOR_NAME", "keyboard"]) expect(isSecretName(name)).toBe(false)
    for (const name of ["OPENAI_API_KEY", "authorization", "AUTH_HEADER", "GITHUB_TOKEN", "tokens", "DATABASE_URL"]) expect(isSecretName(name)).toBe(true)
  })
})
