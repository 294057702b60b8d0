export { compare, type Comparison } from "@uniflow/compare"
export {
  type ArtifactContent,
  CheckpointMisuse,
  CheckpointNotFound,
  CorruptArtifact,
  CrashLoop,
  CurrentRun,
  type Decision,
  Explanation,
  Filter,
  type FindRuns,
  InvalidInput,
  InvalidPipeline,
  Metrics,
  OutcomeUnknown,
  Pipeline,
  type Reason,
  RunEvent,
  RunInterrupted,
  RunIsActive,
  RunNotFound,
  RunParamsChanged,
  type RunError,
  type RunRecord,
  type RunResult,
  RunView,
  Step,
  type StepContext,
  StepFailed,
  StepTimedOut,
  StoreError,
  StrictMismatch,
  Tracker,
  UnsavableValue
} from "@uniflow/core"
export { Schema } from "effect"
export * from "./CheckpointEnabledPipeline.ts"
export * from "./CompareRuns.ts"
export { type Config, defineConfig } from "./Config.ts"
export * from "./PipelineCheckpoint.ts"
export * as Uniflow from "./Uniflow.ts"
