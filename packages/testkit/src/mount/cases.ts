/** What is sent to every door, and the only answer that is right. Each case says which promise it is about. */
import type { Uniflow } from "@uniflow/core"
import { MARKUP } from "./hostileRuns.ts"
import type { MountRequest } from "./Door.ts"

export interface MountCase {
  readonly what: string
  readonly request: MountRequest
  /** One of these. */
  readonly status: number | ReadonlyArray<number>
  readonly code?: string
  /** A server may refuse it before the page is asked, in its own words. */
  readonly early?: true
  /** The connection may be ended, and the answer be lost to who still sends. */
  readonly closes?: true
  /** The same by a call: it must be refused, too. */
  readonly sdk?: (uniflow: Pick<Uniflow.Uniflow<never>, "runs">) => Promise<unknown>
}

const enc = encodeURIComponent
const JSON_BODY = [["content-type", "application/json"]] as const
const long = (length: number): string => "a".repeat(length)

const patch = (what: string, body: MountRequest["body"], status: MountCase["status"], headers: MountRequest["headers"] = JSON_BODY, path = "api/runs/run-2"): MountCase => ({
  what, status, request: { method: "PATCH", path, headers, ...body === undefined ? {} : { body } }
})

const ids = [
  "../../etc/passwd", "..\\..\\windows\\win.ini", "C:run", "\\\\srv\\share", "//srv/share", "file:///etc/passwd", "aux.txt", "run.", "run ", " ", long(129), long(4_000),
  "\u00e9", "e\u0301", "-rf", "--help", "__proto__", "constructor.prototype", "run-1\0", "run-1\r\nx: y", "run-1;x", "%2e%2e%2f", "'; DROP TABLE runs;--", MARKUP
]

export const idCases: ReadonlyArray<MountCase> = [
  ...ids.flatMap((id): ReadonlyArray<MountCase> =>
    ["", "/explain", "/logs", "/metric?name=loss"].slice(0, id.length > 500 ? 1 : 4).map((tail): MountCase => ({
      what: `a run id that is ${JSON.stringify(id.slice(0, 40))}, for ${tail === "" ? "the run" : tail.slice(1)}`,
      request: { path: `api/runs/${enc(id)}${tail}` },
      status: 400,
      code: "invalid_run_id",
      sdk: ({ runs }) => runs.get(id)
    }))),
  ...ids.map((id): MountCase => ({ what: `an artifact of ${JSON.stringify(id.slice(0, 40))}`, request: { path: `api/artifacts/${enc(id)}?name=page.html` }, status: 400, code: "invalid_run_id", sdk: ({ runs }) => runs.artifact(id, "page.html") })),
  ...ids.filter((id) => !id.includes(",")).map((id): MountCase => ({ what: `a page that begins after ${JSON.stringify(id.slice(0, 40))}`, request: { path: `api/runs?after=${enc(id)}` }, status: 400, code: "invalid_run_id", sdk: ({ runs }) => runs.find({ after: id }).toArray() })),
  ...ids.filter((id) => id.trim() === id).map((id): MountCase => ({ what: `a curve of ${JSON.stringify(id.slice(0, 40))}`, request: { path: `api/curves?name=loss&runs=run-1,${enc(id)}` }, status: 400, code: "invalid_run_id" })),
  ...ids.filter((id) => id.trim() === id).map((id): MountCase => ({ what: `a comparison with ${JSON.stringify(id.slice(0, 40))}`, request: { path: `api/compare?runs=run-1,${enc(id)}` }, status: 400, code: "invalid_run_id" })),
  ...["..%2f..%2fetc%2fpasswd", "%252e%252e%252f", "%5c..%5c", "%2e%2e%5c", "..%252f..%252f", "..%c0%af", "%u2216"].map((id): MountCase => ({ what: `an id on the wire that is ${id}`, request: { path: `api/runs/${id}` }, status: 400, early: true })),
  ...["../../etc/passwd", "..\\..\\windows\\win.ini", "./../../x", "%2e%2e/%2e%2e/etc/passwd", "..;/..;/etc"].map((path): MountCase => ({ what: `a path on the wire that is api/runs/${path}`, request: { path: `api/runs/${path}` }, status: [200, 308, 400, 404], early: true })),
  { what: "an id of 128 characters that is not there", request: { path: `api/runs/${long(128)}` }, status: 404, code: "not_found", sdk: ({ runs }) => runs.get(long(128)) },
  { what: "an id of a megabyte", request: { path: `api/runs/${long(1_000_000)}` }, status: [400, 414, 431], early: true },
  ...["CON", "nul", "COM1", "AUX"].map((id): MountCase => ({ what: `${id}, which is a name and no device`, request: { path: `api/runs/${id}` }, status: 404, code: "not_found", sdk: ({ runs }) => runs.get(id) }))
]

export const artifactCases: ReadonlyArray<MountCase> = [
  ...[
    "../../../../etc/passwd", "a/../../b", "./../x", "/etc/passwd", "//etc/passwd", "\\etc\\passwd", "C:\\Windows\\win.ini", "C:/Windows/win.ini", "\\\\?\\C:\\x", "..%2f", "%2e%2e/", "..%5c", "..;/", ".\0./", "..%u2216",
    "http:///#/../../../../etc/", "s3://b?x=../../", "file:///etc/passwd", "dbfs:/x?//y", "http://169.254.169.254/latest/meta-data/", "http://[::1]:6379/", "gopher://x/", "http://0x7f000001/"
  ].map((name): MountCase => ({ what: `an artifact named ${JSON.stringify(name)}`, request: { path: `api/artifacts/run-1?name=${enc(name)}` }, status: 400, code: "invalid_artifact_path", sdk: ({ runs }) => runs.artifact("run-1", name) })),
  ...["?name=page.html&path=/etc/passwd", "?name=page.html&uri=file:///etc/passwd&root=/"].map((query): MountCase => ({ what: `a place for an artifact, ${query}: nobody asks for one`, request: { path: `api/artifacts/run-1${query}` }, status: 200 })),
  { what: "a name of %c0%ae%c0%ae/", request: { path: "api/artifacts/run-1?name=%c0%ae%c0%ae/" }, status: [400, 404] },
  { what: "no name", request: { path: "api/artifacts/run-1" }, status: 400, code: "invalid_request" },
  { what: "a name of 4 kB", request: { path: `api/artifacts/run-1?name=${long(4096)}` }, status: 404, code: "not_found", sdk: ({ runs }) => runs.artifact("run-1", long(4096)) },
  ...["..%2f..%2fpackage.json", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "__proto__", "constructor", "x.js"].map((name): MountCase => ({ what: `an asset named ${name}`, request: { path: `assets/${name}` }, status: [400, 404], early: true }))
]

const filters = [
  "metrics.acc > 0.9' OR 1=1 --", "'; DROP TABLE runs;--", "run.__class__.__mro__", "process.exit()", "(()=>{for(;;);})()", "run.name =~ \"(a+)+$\"", "params.a = 1; select 1", "params.a = 1 /* x */", "__proto__ = 1",
  "run.constructor = 1", "params. = 1", "metrics.accuracy >", "not ".repeat(500), "(".repeat(2000), "params.a in (".concat("1,".repeat(300), "1)"), "params.a = \"unclosed", "params.a = 1e", `tags.a like "${long(300)}"`, MARKUP
]
const orders = ["__proto__", "metrics.acc;select", "metrics.accuracy; drop table runs", "run.nothing", "metrics.accuracy sideways", Array.from({ length: 50 }, (_, n) => `params.p${n}`).join(", ")]

export const questionCases: ReadonlyArray<MountCase> = [
  ...filters.map((where): MountCase => ({ what: `a filter that is ${JSON.stringify(where.slice(0, 50))}`, request: { path: `api/runs?where=${enc(where)}` }, status: 400, code: "invalid_filter", sdk: ({ runs }) => runs.find({ where }).toArray() })),
  ...filters.slice(0, 5).map((where): MountCase => ({ what: `groups of runs by ${JSON.stringify(where)}`, request: { path: `api/compare/groups?groupBy=tags.team&where=${enc(where)}` }, status: 400, code: "invalid_filter" })),
  ...orders.map((orderBy): MountCase => ({ what: `an order by ${JSON.stringify(orderBy.slice(0, 50))}`, request: { path: `api/runs?orderBy=${enc(orderBy)}` }, status: 400, sdk: ({ runs }) => runs.find({ orderBy }).toArray() })),
  ...["*", "__proto__", Array.from({ length: 201 }, (_, n) => `params.p${n}`).join()].map((select): MountCase => ({ what: `the fields ${select.slice(0, 30)}`, request: { path: `api/runs?select=${enc(select)}` }, status: 400 })),
  ...["__proto__", "", "process.exit()"].map((groupBy): MountCase => ({ what: `groups by ${JSON.stringify(groupBy)}`, request: { path: `api/compare/groups?groupBy=${enc(groupBy)}` }, status: 400 })),
  ...["0", "-1", "501", "1.5", "NaN", "Infinity", "9e18", "1e400", "ten", "", "1 or 1=1"].map((limit): MountCase => ({ what: `a limit of ${JSON.stringify(limit)}`, request: { path: `api/runs?limit=${enc(limit)}` }, status: 400, code: "invalid_request" })),
  ...["-1e400", "NaN", "x", "1.5", "1e30", "-1"].map((after): MountCase => ({ what: `lines of a log after ${after}`, request: { path: `api/runs/run-1/logs?after=${after}` }, status: 400 })),
  ...["0", "4001", "-5", "1e9", "x"].map((buckets): MountCase => ({ what: `${buckets} buckets`, request: { path: `api/curves?runs=run-1&name=loss&buckets=${buckets}` }, status: 400 })),
  ...["NaN", "x", "Infinity"].map((from): MountCase => ({ what: `a curve from ${from}`, request: { path: `api/curves?runs=run-1&name=loss&from=${from}` }, status: 400 })),
  { what: "offsets, which there are not", request: { path: "api/runs?offset=9e18" }, status: 200 },
  { what: "a limit that is said twice", request: { path: "api/runs?limit=1&limit=2" }, status: 400 },
  { what: "a query named __proto__", request: { path: "api/runs?__proto__=x&__proto__[polluted]=1&constructor[prototype][polluted]=1" }, status: 200 },
  { what: "curves of 51 runs", request: { path: `api/curves?name=loss&runs=${Array.from({ length: 51 }, (_, n) => `r${n}`).join()}` }, status: 400 },
  { what: "a comparison of 21 runs", request: { path: `api/compare?runs=${Array.from({ length: 21 }, (_, n) => `r${n}`).join()}` }, status: 400 },
  { what: "a comparison of one run", request: { path: "api/compare?runs=run-1" }, status: 400 },
  ...["__proto__", "constructor", "a'; --", "nothing"].map((name): MountCase => ({ what: `points of a metric named ${name}`, request: { path: `api/runs/run-3/metric?name=${enc(name)}` }, status: name === "__proto__" ? 200 : 400 }))
]

export const bodyCases: ReadonlyArray<MountCase> = [
  patch("a member named __proto__", `{"__proto__":{"polluted":true},"note":"x"}`, 200),
  patch("a constructor with a prototype", `{"constructor":{"prototype":{"polluted":true}},"note":"x"}`, 200),
  patch("a tag named __proto__ that is an object", `{"tags":{"__proto__":{"polluted":"yes"}}}`, 400),
  patch("a tag named __proto__", `{"tags":{"__proto__":"x"}}`, 200),
  ...[`["$1:__proto__:then"]`, `[{"__proto__":1},{"a":"$@0"}]`, "[7,100000000]", "{\"note\":[7,1e8]}", "null", "1", "\"x\"", "", "{", "{\"note\":}", "{\"note\":NaN}", "[".repeat(200_000)].map((body) => patch(`a body of ${JSON.stringify(body.slice(0, 30))}`, body, body === "[7,100000000]" || body.startsWith("[\"$1") || body.startsWith("[{") ? [200, 400] : 400)),
  patch("a tag with NUL in its name", `{"tags":{"a\\u0000b":"x"}}`, 400),
  patch("a tag whose name is half a character", `{"tags":{"\\ud800":"x"}}`, 400),
  patch("a tag without a name", `{"tags":{"":"x"}}`, 400),
  patch("a tag with a name of 257 characters", JSON.stringify({ tags: { [long(257)]: "x" } }), 400),
  patch("a tag of 1,001 characters", JSON.stringify({ tags: { a: long(1001) } }), 400),
  patch("a note of 20,001 characters", JSON.stringify({ note: long(20_001) }), 400),
  patch("a body of 2 MiB", JSON.stringify({ note: long(2 * 1024 * 1024) }), 413),
  patch("a body that is said to be 1 GB", "{}", 413, [...JSON_BODY, ["content-length", "1000000000"]]),
  { ...patch("a body that never ends", { *[Symbol.iterator]() { while (true) yield new Uint8Array(65_536).fill(32) } }, 413), early: true, closes: true },
  ...["gzip", "br", "deflate", "identity, gzip"].map((encoding) => patch(`a body in ${encoding}`, "{}", 415, [...JSON_BODY, ["content-encoding", encoding]])),
  ...["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream", "application/json+x", "text/json", "application/jsonp"].map((type) => patch(`a body of ${type}`, "{\"note\":\"x\"}", 415, [["content-type", type]])),
  patch("a body without a type", "{\"note\":\"x\"}", 415, []),
  ...["cancel", "pin"].map((action): MountCase => ({ what: `${action} with a form`, request: { method: "POST", path: `api/runs/run-1/${action}`, headers: [["content-type", "text/plain"]], body: "{}" }, status: 415 })),
  patch("invalid UTF-8", new Uint8Array([0x7b, 0x22, 0x6e, 0x6f, 0x74, 0x65, 0x22, 0x3a, 0x22, 0xc0, 0xae, 0x22, 0x7d]), 400),
  patch("UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), 400),
  patch("a byte order mark", "\ufeff{\"note\":\"x\"}", [200, 400]),
  patch("values of v8.serialize", new Uint8Array([0xff, 0x0f, 0x6f, 0x7b, 0x00]), 415, [["content-type", "application/x-v8"]]),
  patch("of a run that is not there", "{}", 404, JSON_BODY, "api/runs/nobody"),
  ...["api/runs/run-1/cancel", "api/runs/run-1/pin"].map((path): MountCase => ({ what: `GET ${path} changes nothing`, request: { path }, status: 405, code: "method" })),
  ...["DELETE api/runs/run-1", "POST api/runs", "PATCH api/experiments", "POST api/events", "POST api/artifacts/run-1?name=page.html", "POST ", "PATCH runs/run-1"].map((line): MountCase => ({
    what: `${line}, which is not there`, request: { method: line.split(" ")[0]!, path: line.slice(line.indexOf(" ") + 1), headers: JSON_BODY, body: "{}" }, status: 405, code: "method"
  })),
  ...["PUT", "PROPFIND"].map((method): MountCase => ({ what: `the method ${method}`, request: { method, path: "api/runs" }, status: [400, 405], early: true })),
  ...["", "api/runs", "api/runs/run-1", "api/events", "api/artifacts/run-1?name=page.html", "api/openapi.json"].map((path): MountCase => ({ what: `OPTIONS of ${path}`, request: { method: "OPTIONS", path }, status: [204, 405], early: true }))
]

const escapes = ["?a=%0d%0aset-cookie:%20a=b", "?redirect=//evil.example", "?next=https://evil.example/"]

export const headerCases: ReadonlyArray<MountCase> = [
  ...["api/experiments", "api/runs", "api/events", "api/openapi.json", "api/artifacts/run-1?name=page.html"].flatMap((path) =>
    ["cross-site", "same-site"].map((site): MountCase => ({ what: `${path} from a page that is ${site}`, request: { path, headers: [["sec-fetch-site", site]] }, status: 403, code: "cross_site" }))),
  { what: "a page in a frame of another site", request: { path: "", headers: [["sec-fetch-site", "cross-site"], ["sec-fetch-dest", "iframe"]] }, status: 403, code: "cross_site" },
  ...["https://evil.example", "null", "http://localhost:1", "http://localhost.evil.example", "file://", "x"].map((origin) => ({ ...patch(`a change from the origin ${origin}`, "{}", 403, [...JSON_BODY, ["origin", origin]]), code: "cross_site" })),
  { what: "a header named __proto__", request: { path: "api/openapi.json", headers: [["__proto__", "x"], ["constructor", "y"]] }, status: 200 },
  { what: "10,000 etags", request: { path: "api/openapi.json", headers: [["if-none-match", Array.from({ length: 10_000 }, (_, n) => `"${n}"`).join(", ")]] }, status: [200, 304, 431], early: true },
  { what: "64 kB of accept-encoding", request: { path: "api/openapi.json", headers: [["accept-encoding", long(65_536)]] }, status: [200, 431], early: true },
  { what: "64 kB of cookies", request: { path: "api/openapi.json", headers: [["cookie", `a=${long(65_536)}`]] }, status: [200, 431], early: true },
  ...[["x-middleware-subrequest", "middleware:middleware:middleware:middleware:middleware"], ["x-forwarded-host", "evil.example"], ["x-original-url", "/../../etc/passwd"], ["x-rewrite-url", "/etc/passwd"], ["x-http-method-override", "DELETE"], ["forwarded", "host=evil.example"], ["next-action", "x"], ["rsc", "1"]].map(([name, value]): MountCase => ({
    what: `the header ${name}`, request: { path: "api/runs/%2e%2e%2fetc", headers: [[name!, value!]] }, status: 400, code: "invalid_run_id"
  })),
  ...["?nxtPpath=api&nxtPpath=runs", "?__nextLocale=x", "?_rsc=1"].map((query): MountCase => ({ what: `a route in the query, ${query}`, request: { path: `api/nothing${query}` }, status: 404, code: "not_found" })),
  ...["../../x", "-1", "9".repeat(300), "run-9", "\u00e9"].map((id): MountCase => ({ what: `a HEAD of events with Last-Event-ID ${id.slice(0, 10)}`, request: { method: "HEAD", path: "api/events", headers: [["last-event-id", id]] }, status: 200, early: true })),
  ...["%5cevil.example", "/evil.example", "%2f%2fevil.example", "..%2f..", "%00", "runs/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E", "login?next=//evil.example", ...escapes].map((path): MountCase => ({ what: `a page at ${path}`, request: { path }, status: [200, 308, 400, 404], early: true })),
  { what: "half an escape", request: { path: "api/runs/%ff" }, status: 400, early: true },
  { what: "a page at half an escape", request: { path: "%ff" }, status: [200, 400, 404], early: true }
]
