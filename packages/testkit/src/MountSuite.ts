/**
 * The contract of whatever serves the page, as vitest tests: call `mountSuite` in the test file of a mount.
 *
 * The suite sends what somebody who means harm would send, the same to every mount, and asks of each answer what must hold for all of them: it is no fault of
 * the server, has the form of an error and the headers that keep browsers from guessing, tells nothing of the machine, and comes soon. The store behind the mount
 * holds what `recordHostileRuns` recorded.
 */
import type { Uniflow } from "@uniflow/core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Capability } from "./Capability.ts"
import { artifactCases, bodyCases, headerCases, idCases, type MountCase, questionCases } from "./mount/cases.ts"
import type { MountDoor } from "./mount/Door.ts"
import { expectAnswer, expectSafe } from "./mount/invariants.ts"
import { textPromises } from "./mount/texts.ts"
import { wirePromises } from "./mount/wirePromises.ts"

export * from "./mount/Door.ts"
export { expectSafe } from "./mount/invariants.ts"
export { recordHostileRuns } from "./mount/hostileRuns.ts"
export { watched, type WatchedProcess } from "./mount/watched.ts"

/** A mount that is open. */
export interface OpenMount {
  readonly door: MountDoor
  /** Texts that no refusal may hold: folders of the store and the project. */
  readonly secrets: ReadonlyArray<string>
  /** Texts that no answer may hold: what files beside the store hold. */
  readonly canaries?: ReadonlyArray<string> | undefined
  /** The same runs by calls: what the API refuses they must refuse. */
  readonly uniflow?: Pick<Uniflow.Uniflow<never>, "runs"> | undefined
  /** Throws when the process opened, connected or changed what it should not. Called at the end. */
  readonly check?: (() => Promise<void>) | undefined
  readonly close: () => Promise<void>
}

export interface MountCapabilities {
  /** Every answer is the page's own; else the server around it refuses some requests in words of its own. */
  readonly ownAnswers: Capability
  /** Only the hosts that are allowed are answered. */
  readonly hosts: Capability
  /** Paths that are no UTF-8 come through. */
  readonly undecodable: Capability
}

export interface MountSuiteOptions {
  /** Names the mount in the report. */
  readonly name: string
  readonly open: () => Promise<OpenMount>
  /** What cannot be kept by it, with the reason; everything by default can. */
  readonly capabilities?: Partial<MountCapabilities>
  /** The longest time that a refusal may take, in milliseconds; the best of three counts. Default 250. */
  readonly refusalMs?: number
}

/** Registers the whole contract as a `describe` block. */
export const mountSuite = ({ capabilities, name, open, refusalMs = 250 }: MountSuiteOptions): void => {
  const can: MountCapabilities = { ownAnswers: true, hosts: true, undecodable: true, ...capabilities }
  describe(`Mount: ${name}`, { timeout: 60_000 }, () => {
    let mount: OpenMount
    beforeAll(async () => {
      mount = await open()
    }, 300_000)
    afterAll(async () => {
      await mount?.close()
    })
    const safety = () => ({ secrets: mount.secrets, canaries: mount.canaries ?? [], ownAnswers: can.ownAnswers === true, refusalMs })

    const tried = async (one: MountCase): Promise<void> => {
      const first = await mount.door.send(one.request).catch((error: unknown) => {
        if (one.closes === true) return undefined
        throw error
      })
      if (first === undefined) return
      let answer = first
      // The machine may have been busy: a refusal that is slow by itself is slow each time.
      for (let n = 0; n < 2 && answer.status >= 400 && answer.tookMs > refusalMs; n++) answer = await mount.door.send(one.request)
      expectAnswer(one, answer, safety())
      if (one.sdk !== undefined && mount.uniflow !== undefined) await expect(one.sdk(mount.uniflow)).rejects.toThrow()
    }

    for (const [about, cases] of Object.entries({ "run ids": idCases, artifacts: artifactCases, questions: questionCases, bodies: bodyCases, "headers and addresses": headerCases })) {
      describe(about, () => {
        for (const one of cases) {
          const undecodable = /^(?:api\/runs\/)?(?:%ff|\.\.%c0%af|%u2216)/.test(one.request.path)
          if (undecodable && can.undecodable !== true) test.skip(`${one.what} (not here: ${can.undecodable.not})`, () => {})
          else test(one.what, () => tried(one))
        }
      })
    }
    describe("texts", () => textPromises(() => mount.door))
    describe("the wire", () => wirePromises(() => mount.door, safety, can))
    test("at the end: nothing was opened or connected that should not be, and nothing broke", async () => {
      const answer = await mount.door.send({ path: "api/runs/run-1" })
      expect(answer.status).toBe(200)
      expectSafe(answer, safety())
      await mount.check?.()
    })
  })
}
