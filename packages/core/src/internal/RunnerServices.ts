import { Effect } from "effect"
import { ArtifactStore, type ArtifactStoreService } from "../ArtifactStore.ts"
import { Codec, type CodecService } from "../Codec.ts"
import { CodeVersion, type CodeVersionService } from "../CodeVersion.ts"
import { Environment, type EnvironmentService } from "../Environment.ts"
import { Hasher, type HasherService } from "../Hasher.ts"
import { ProcessIdentity, type ProcessIdentityService } from "../ProcessIdentity.ts"
import { RunStore, type RunStoreService } from "../RunStore.ts"
import { SourceFiles, type SourceFilesService } from "../SourceFiles.ts"
import { Spill, type SpillService } from "../Spill.ts"
import { StepAmbience, type StepAmbienceService } from "../StepAmbience.ts"
import { AttemptArtifacts } from "./AttemptArtifacts.ts"
import { Flights } from "./Flights.ts"
import { Objects } from "./Objects.ts"

/** What all runs of a runner share. */
export interface RunnerServices {
  readonly store: RunStoreService
  readonly artifactStore: ArtifactStoreService
  readonly codec: CodecService
  readonly hasher: HasherService
  readonly codeVersion: CodeVersionService
  readonly environment: EnvironmentService
  readonly files: SourceFilesService
  readonly identity: ProcessIdentityService
  readonly spill: SpillService
  readonly ambience: StepAmbienceService
  /** What one run found damaged is not tried again by the next. */
  readonly objects: Objects
  readonly artifacts: AttemptArtifacts
  readonly flights: Flights
}

/** The services in use. */
export const gather: Effect.Effect<RunnerServices, never, RunStore | ArtifactStore | Codec> = Effect.gen(function*() {
  const store = yield* RunStore
  const artifactStore = yield* ArtifactStore
  const codec = yield* Codec
  const hasher = yield* Hasher
  const environment = yield* Environment
  const objects = new Objects(store, artifactStore, codec, hasher)
  return {
    store,
    artifactStore,
    codec,
    hasher,
    codeVersion: yield* CodeVersion,
    environment,
    files: yield* SourceFiles,
    identity: yield* ProcessIdentity,
    spill: yield* Spill,
    ambience: yield* StepAmbience,
    objects,
    artifacts: new AttemptArtifacts(objects, environment),
    flights: new Flights()
  }
})
