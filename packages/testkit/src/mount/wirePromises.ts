/** What only a socket can send: hosts that are not this one, and requests that two servers would read as two different things. */
import { expect, test } from "vitest"
import type { MountCapabilities } from "../MountSuite.ts"
import type { MountDoor } from "./Door.ts"
import { expectSafe, type Safety } from "./invariants.ts"

const HOSTS = ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "localhost", "localhost:1", "localhost:", "0x7f000001", "[::1", "localhost@evil.example", "", "LOCALHOST:1", "localhost:80, evil.example"]

export const wirePromises = (door: () => MountDoor, safety: () => Safety, can: MountCapabilities): void => {
  const sent = async (lines: ReadonlyArray<string>, body = "") => {
    const { base, host, raw } = door()
    if (raw === undefined) return []
    const answers = await raw(`${lines.map((line) => line.replaceAll("{base}", base).replaceAll("{host}", host)).join("\r\n")}\r\n\r\n${body}`)
    for (const answer of answers) expectSafe(answer, safety())
    return answers
  }

  if (can.hosts === true) {
    test.each(HOSTS)("the host %j is not answered", async (host) => {
      for (const path of ["", "api/runs", "api/events", "assets/x.js", "nothing"]) {
        let answer
        try {
          answer = await door().send({ path, headers: [["host", host]] })
        } catch (error) {
          // A handler in this process is given no such header at all.
          if (door().raw === undefined) return
          throw error
        }
        expect([400, 403]).toContain(answer.status)
        expectSafe(answer, safety())
      }
    })
  } else test.skip(`other hosts are not answered (not here: ${can.hosts.not})`, () => {})

  const requests: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["two hosts", ["GET {base}/api/runs HTTP/1.1", "Host: {host}", "Host: evil.example", "Connection: close"]],
    ["no host", ["GET {base}/api/runs HTTP/1.1", "Connection: close"]],
    ["an address of another host", ["GET http://evil.example{base}/api/runs/%2e%2e%2f HTTP/1.1", "Host: {host}", "Connection: close"]],
    ["a line that goes on", ["GET {base}/api/runs/%2e%2e%2f HTTP/1.1", "Host: {host}", "X-A: b", " c: d", "Connection: close"]],
    ["a name with a space", ["GET {base}/api/runs HTTP/1.1", "Host : {host}", "Connection: close"]],
    ["NUL in a header", ["GET {base}/api/runs HTTP/1.1", "Host: {host}", "X-A: \0", "Connection: close"]],
    ["a path with a space", ["GET {base}/api/runs x HTTP/1.1", "Host: {host}", "Connection: close"]],
    ["a version that is none", ["GET {base}/api/runs HTTP/9.9", "Host: {host}", "Connection: close"]],
    ["a method that is none", ["G\u0000T {base}/api/runs HTTP/1.1", "Host: {host}", "Connection: close"]],
    ["TRACE", ["TRACE {base}/api/runs HTTP/1.1", "Host: {host}", "Connection: close"]],
    ["a tunnel", ["CONNECT evil.example:443 HTTP/1.1", "Host: evil.example:443", "Connection: close"]],
    ["a greeting in TLS", ["\u0016\u0003\u0001\u0002\u0000\u0001\u0000"]]
  ]
  // What the page is not asked about: the server around it says by itself which host it is, and what it does with a method that it does not know.
  const elsewhere = [...can.hosts === true ? [] : ["two hosts", "an address of another host"], ...can.ownAnswers === true ? [] : ["TRACE"]]
  for (const name of elsewhere) test.skip(`${name} (not here: the server around the page answers)`, () => {})
  test.each(requests.filter(([name]) => !elsewhere.includes(name)))("%s: refused, or answered with no run", async (_, lines) => {
    for (const answer of await sent(lines)) {
      expect(answer.status).toBeGreaterThanOrEqual(300)
      expect(answer.text).not.toContain("run-1")
    }
  })

  const smuggled = "GET {base}/api/runs/run-1 HTTP/1.1\r\nHost: {host}\r\n\r\n"
  test.each<readonly [string, ReadonlyArray<string>, string]>([
    ["a length and chunks", ["Content-Length: 4", "Transfer-Encoding: chunked"], `0\r\n\r\n${smuggled}`],
    ["chunks and a length", ["Transfer-Encoding: chunked", "Content-Length: 4"], `0\r\n\r\n${smuggled}`],
    ["two lengths", ["Content-Length: 2", "Content-Length: 40"], `{}${smuggled}`],
    ["lengths in a list", ["Content-Length: 2, 40"], `{}${smuggled}`],
    ["a length with a sign", ["Content-Length: +2"], `{}${smuggled}`],
    ["a negative length", ["Content-Length: -1"], `{}${smuggled}`],
    ["a coding that is none", ["Transfer-Encoding: xchunked"], `0\r\n\r\n${smuggled}`],
    ["chunks before another coding", ["Transfer-Encoding: chunked, identity"], `0\r\n\r\n${smuggled}`],
    ["chunks behind a space", ["Transfer-Encoding : chunked"], `0\r\n\r\n${smuggled}`],
    ["a chunk of a length that is none", ["Transfer-Encoding: chunked"], `0x2\r\n{}\r\n0\r\n\r\n${smuggled}`]
  ])("a request in a request, by %s: one answer at most, and a refusal", async (_, headers, body) => {
    const { base, host } = door()
    const answers = await sent(
      ["POST {base}/api/runs/nobody/cancel HTTP/1.1", "Host: {host}", "Content-Type: application/json", "Connection: close", ...headers],
      body.replaceAll("{base}", base).replaceAll("{host}", host)
    )
    expect(answers.length).toBeLessThanOrEqual(1)
    for (const answer of answers) expect(answer.status).toBeGreaterThanOrEqual(400)
  })

  test("more streams of one visitor than it may have are refused, and it is answered again when they are gone", async () => {
    const { base, host, raw } = door()
    if (raw === undefined) return
    const request = new AbortController()
    const events = () => fetch(`http://${host}${base}/api/events`, { signal: request.signal })
    const open = []
    for (let n = 0; n < 20; n++) open.push(await events())
    const refused = open.filter(({ status }) => status === 429)
    expect(refused.length).toBe(12)
    await Promise.all(refused.map((response) => response.text()))
    request.abort()
    await expect.poll(async () => (await door().send({ method: "HEAD", path: "api/events" })).status, { timeout: 10_000 }).toBe(200)
  })
}
