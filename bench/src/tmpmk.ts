import { Uniflow } from "uniflow"
import { make } from "./findingRuns.ts"
const uniflow = await Uniflow.open({ directory: "/tmp/fb/.uniflow" })
for (let n = 0; n < 100_000; n += 10_000) await make(uniflow, n, n + 10_000)
await uniflow.close()
