import { Effect } from "effect"
import { type Encoded, encodedOf } from "../Codec.ts"
import { CODE_MEDIA_TYPE, encodeParts } from "../CodeParts.ts"
import type { Code } from "../CodeVersion.ts"
import type { EnvironmentService } from "../Environment.ts"
import type { Change } from "../RunStore.ts"
import type { Any as AnyStep } from "../Step.ts"
import type { StoreError } from "../UniflowError.ts"
import type { Objects } from "./Objects.ts"

/** Which attempt names an artifact, and when. */
export interface Naming {
  readonly runId: string
  readonly attempt: number
  readonly createdAtMs: number
}

/** What an attempt names beside its steps: artifacts of no step. */
export class AttemptArtifacts {
  private readonly objects: Objects
  private readonly environment: EnvironmentService
  private last: { readonly key: string; readonly encoded: Encoded | undefined } | undefined

  constructor(objects: Objects, environment: EnvironmentService) {
    this.objects = objects
    this.environment = environment
  }

  /** What the steps' code is made of; its bytes are those of every run of the same code. */
  code(codes: ReadonlyMap<AnyStep, Code>, naming: Naming): Effect.Effect<ReadonlyArray<Change>, StoreError> {
    const encoded = this.encoded(codes)
    return encoded === undefined
      ? Effect.succeed([])
      : this.named(encoded, CODE_MEDIA_TYPE, "json", (digest) => `code ${digest.slice(0, 16)}`, naming)
  }

  private encoded(codes: ReadonlyMap<AnyStep, Code>): Encoded | undefined {
    let key = ""
    for (const code of codes.values()) if (code.kind === "deep") key += `${code.hash},`
    if (key === "") return undefined
    if (this.last?.key !== key) this.last = { key, encoded: encodeParts(codes.values()) }
    return this.last.encoded
  }

  /** What the working tree has beyond its commit. */
  patch(naming: Naming): Effect.Effect<ReadonlyArray<Change>, StoreError> {
    return Effect.flatMap(this.environment.patch ?? Effect.undefined, (patch) =>
      patch === undefined ? Effect.succeed([]) : this.named(encodedOf(patch.bytes), patch.mediaType, "patch", () => `patch ${naming.attempt}`, naming))
  }

  private named(
    encoded: Encoded,
    mediaType: string,
    codec: string,
    name: (digest: string) => string,
    naming: Naming
  ): Effect.Effect<ReadonlyArray<Change>, StoreError> {
    return Effect.map(this.objects.keep(encoded, mediaType, codec), ({ changes, ref: { digest, sizeBytes } }): ReadonlyArray<Change> => [
      ...changes,
      { _tag: "ArtifactNamed", record: { ...naming, address: "", generation: 0, name: name(digest), digest, sizeBytes, mediaType, codec: null } }
    ])
  }
}
