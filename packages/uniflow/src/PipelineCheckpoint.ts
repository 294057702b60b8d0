/**
 * Manual checkpoints without a context at hand: `PipelineCheckpoint.save("model", model)` anywhere below a step's
 * function belongs to that step. Used outside of a step every function rejects with `CheckpointMisuse`.
 *
 * The same name is the service for steps written as Effects: `const checkpoint = yield* PipelineCheckpoint`.
 */
import { type CheckpointInfo, CheckpointMisuse, type Checkpoints, PipelineCheckpoint as Service } from "@uniflow/core"
import { NodeStepAmbience } from "@uniflow/node"

const within = async <A>(what: string, f: (checkpoint: Checkpoints) => Promise<A>): Promise<A> => {
  const context = NodeStepAmbience.current()
  if (context === undefined) {
    throw new CheckpointMisuse({
      issue: `PipelineCheckpoint.${what} was called outside of a step. A manual checkpoint belongs to the step that saves it: call it inside a step's run function.`
    })
  }
  return f(context.checkpoint)
}

const functions = {
  /** Saves a new version of a named value; it survives a crash from the moment the Promise resolves. */
  save: (name: string, value: unknown): Promise<void> => within("save", (checkpoint) => checkpoint.save(name, value)),
  /** The newest version; rejects with `CheckpointNotFound` when none answers. */
  load: <T = unknown>(name: string): Promise<T> => within("load", (checkpoint) => checkpoint.load<T>(name)),
  /** The newest version, or undefined when none answers. */
  latest: <T = unknown>(name: string): Promise<T | undefined> => within("latest", (checkpoint) => checkpoint.latest<T>(name)),
  /** Whether a version answers. */
  exists: (name: string): Promise<boolean> => within("exists", (checkpoint) => checkpoint.exists(name)),
  /** The versions that answer, oldest first. */
  list: (name?: string): Promise<ReadonlyArray<CheckpointInfo>> => within("list", (checkpoint) => checkpoint.list(name)),
  /** Removes all versions of a name. */
  remove: (name: string): Promise<void> => within("remove", (checkpoint) => checkpoint.remove(name))
}

export const PipelineCheckpoint: typeof Service & typeof functions = Object.assign(Service, functions)
