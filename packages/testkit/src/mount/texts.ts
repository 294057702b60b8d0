/** What people and programs wrote comes back as it is, as data, and never as something that a browser would run. */
import { expect, test } from "vitest"
import type { MountDoor } from "./Door.ts"
import { ALIKE, FILES, MARKUP, METRICS, PARAM } from "./hostileRuns.ts"

const enc = encodeURIComponent

export const textPromises = (door: () => MountDoor): void => {
  const ask = async <A>(path: string): Promise<A> => {
    const { headers, status, text } = await door().send({ path })
    expect(status, text.slice(0, 200)).toBe(200)
    expect(headers.get("content-type")).toContain("application/json")
    return JSON.parse(text) as A
  }

  test("names, tags, notes, params and errors come back as they were written", async () => {
    const run = await ask<{ readonly pipeline: string; readonly tags: Record<string, string>; readonly note: string; readonly params: Record<string, unknown>; readonly steps: ReadonlyArray<{ readonly name: string }> }>("api/runs/run-1")
    expect(run.pipeline).toBe(MARKUP)
    expect(run.tags[MARKUP]).toBe(MARKUP)
    expect(run.note).toContain("javascript:alert(1)")
    expect(run.params["text"]).toBe(PARAM)
    expect(run.steps[0]!.name).toBe("step {{7*7}} ${7*7} <%= 1 %>")
    expect((await ask<{ readonly error: { readonly message: string } }>("api/runs/failed")).error.message).toContain(MARKUP)
  })

  test("names that look alike are different ones", async () => {
    const { experiments } = await ask<{ readonly experiments: ReadonlyArray<{ readonly experiment: string; readonly runs: number }> }>("api/experiments")
    for (const name of ALIKE) expect(experiments.find(({ experiment }) => experiment === name)).toMatchObject({ runs: 1 })
  })

  test("metrics of any name are found, and drawn, by exactly that name", async () => {
    const { metrics } = await ask<{ readonly metrics: Record<string, number> }>("api/runs/run-3")
    for (const name of METRICS) {
      expect(Object.hasOwn(metrics, name), name).toBe(true)
      const { curves } = await ask<{ readonly curves: ReadonlyArray<{ readonly points: number }> }>(`api/curves?runs=run-3&name=${enc(name)}`)
      expect(curves).toMatchObject([{ points: 3 }])
    }
  })

  test("NaN matches no comparison, and is found when it is asked for", async () => {
    const found = async (where: string) => (await ask<{ readonly runs: ReadonlyArray<{ readonly id: string }> }>(`api/runs?where=${enc(where)}`)).runs.map(({ id }) => id)
    for (const sign of ["<", "<=", ">", ">=", "="]) expect(await found(`metrics.loss ${sign} 0.15`)).not.toContain("run-1")
    expect(await found("metrics.loss is nan")).toEqual(["run-1"])
    expect(await found("metrics.loss is null")).not.toContain("run-1")
    expect(await found("params.rate = \"0.1\"")).toEqual([])
    expect(await found("params.rate = 0.1")).toEqual(["run-1"])
  })

  test.each(FILES.map(([name, mediaType, text]) => [JSON.stringify(name.slice(0, 30)), { name, mediaType, text }] as const))("the artifact %s is a file to be saved", async (_, { mediaType, name, text }) => {
    const answer = await door().send({ path: `api/artifacts/run-1?name=${enc(name)}` })
    expect([answer.status, answer.text]).toEqual([200, text])
    expect(answer.headers.get("content-security-policy")).toBe("sandbox; default-src 'none'")
    expect(answer.headers.get("content-disposition")).toMatch(/^attachment; filename="[\w.-]{1,100}"(?:; filename\*=UTF-8''[\w.%!~*'()-]+)?$/)
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff")
    expect(answer.headers.get("set-cookie")).toBeNull()
    const type = answer.headers.get("content-type")!
    expect(type).not.toMatch(/html|svg|xml|pdf|script|utf-7/)
    if (mediaType === "text/plain") expect(type).toContain("text/plain")
  })

  test("changes of text come back the same, whatever is in them", async () => {
    const note = `${"\u0301".repeat(1000)}\u202e\u0000\u200d${MARKUP}${"\n".repeat(100)}`
    const answer = await door().send({ method: "PATCH", path: "api/runs/run-3", headers: [["content-type", "application/json"]], body: `{"note":${JSON.stringify(note)},"tags":{"__proto__":"mine","constructor":"too"}}` })
    expect(answer.status, answer.text.slice(0, 200)).toBe(200)
    const run = JSON.parse((await door().send({ path: "api/runs/run-3" })).text) as { readonly note: string; readonly tags: Record<string, string> }
    expect(run.note).toBe(note)
    expect(Object.entries(run.tags)).toEqual(expect.arrayContaining([["__proto__", "mine"], ["constructor", "too"]]))
  })
}
