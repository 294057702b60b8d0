import { Schema } from "effect"
import * as C from "@uniflow/core"
const d = Schema.decodeUnknownSync(C.ParamValues)(JSON.parse('{"__proto__":{"a":1},"b":2}'))
console.log(Object.keys(d), Object.getPrototypeOf(d) === Object.prototype, Object.hasOwn(d,"__proto__"), d.a)
const j = Schema.decodeUnknownSync(Schema.Json)(JSON.parse('{"__proto__":{"a":1},"b":{"__proto__":1}}'))
console.log(JSON.stringify(j))
