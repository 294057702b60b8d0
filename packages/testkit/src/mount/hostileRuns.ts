/** Runs whose names, texts and bytes are what somebody who means harm would record. `mountSuite` finds them behind every door. */
import { Metrics, Pipeline, Step, type Uniflow } from "@uniflow/core"
import { Schema } from "effect"

export const MARKUP = `"><img src=x onerror=alert(1)><script>alert(2)</script>`
export const ZWJ = "\u200d"
/** Names that look alike: with a joiner of no width, and with a Cyrillic letter. */
export const ALIKE = ["train", `tra${ZWJ}in`, "tr\u0430in"] as const
export const METRICS = ["a.b/c d\"e\\", "\u{1f600}", "__proto__", "length", MARKUP.slice(0, 60)] as const
export const FILES: ReadonlyArray<readonly [name: string, mediaType: string, text: string]> = [
  ["page.html", "text/html", "<script>alert(1)</script>"],
  ["picture.svg", "image/svg+xml", "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"><script>alert(1)</script><foreignObject/></svg>"],
  ["sheet.xml", "application/xml", "<?xml-stylesheet href=\"x.xsl\"?><a/>"],
  ["paper.pdf", "application/pdf", "%PDF-1.7 /JavaScript (app.alert(1))"],
  ["x.html\u202egnp", "text/html; charset=utf-7", "+ADw-script+AD4-"],
  ["a\".html", "text/plain\r\nset-cookie: a=b", "quote"],
  ["a\r\nset-cookie: b=c", "image/png\r\n\r\n<script>", "lines"],
  ["n".repeat(256), "text/plain", "long"],
  ["../escape.txt", "text/plain", "a name like a path"],
  ["r\u00e9sum\u00e9 \u{1f600}.txt", "text/plain", "letters"]
]
export const PARAM = "!!js/function 'function(){ return process.exit() }'"

/** Records them. The store has to be empty. */
export const recordHostileRuns = async (uniflow: Pick<Uniflow.Uniflow<never>, "run" | "runs">): Promise<void> => {
  const step = Step.make(`step {{7*7}} \${7*7} <%= 1 %>`, {
    version: "1",
    params: { rate: Schema.Number, text: Schema.String },
    run: async ({ artifacts, log, metrics, params }) => {
      log(`${MARKUP}\u001b[31m`)
      for (const name of METRICS) for (let index = 0; index < 3; index++) metrics.log({ [name]: index * params.rate }, { index })
      metrics.log({ loss: params.rate < 0.15 ? NaN : params.rate }, { index: 0 })
      for (const [name, mediaType, text] of FILES) await artifacts.put(name, text, { mediaType })
      return Metrics.create({ accuracy: params.rate })
    }
  })
  const pipeline = Pipeline.make(MARKUP, { steps: [step], experiment: "hostile", goals: { accuracy: "maximize" } })
  for (const n of [1, 2, 3]) await uniflow.run(pipeline, { runId: `run-${n}`, params: { rate: n / 10, text: PARAM }, tags: { team: n < 3 ? "red" : "blue", [MARKUP]: MARKUP } })
  const broken = Step.make("broken", {
    version: "1",
    run: (): string => {
      throw new Error(MARKUP)
    }
  })
  await uniflow.run(Pipeline.make("broken", { steps: [broken] }), { runId: "failed" }).catch(() => {})
  for (const [n, name] of ALIKE.entries()) await uniflow.run(Pipeline.make(name, { steps: [Step.make("one", { version: "1", run: () => name })] }), { runId: `CON-${n}` })
  await uniflow.runs.note("run-1", `[x](javascript:alert(1)) ![x](http://169.254.169.254/) <iframe srcdoc="x"></iframe> ${MARKUP}`)
}
