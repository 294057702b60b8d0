/**
 * The code version of a step that has none written down: its functions' own text, and the digest of the project's sources.
 *
 * Shallow, because the text alone stays the same when a helper changes: it answers only while the project's sources are
 * the same too, and only within its run. For code that runs from a bundle (`.next` and the like) the bundle's files are
 * what counts, not the sources it was once built from.
 *
 * A step is `unknown`, and never reused, when its functions capture what neither shows (`CapturedBindings`), or when the
 * code that runs may not be what is on disk, because something was changed after the process began. `DeepCodeVersion`
 * reads just what a step reaches, and gives this one where it cannot.
 */
import { CodeVersion, type CodeVersionService } from "@uniflow/core"
import { Layer } from "effect"
import { make as see, type SeeingOptions } from "./internal/seeing.ts"

export type ShallowCodeVersionOptions = SeeingOptions

/** The service; keeps stamps, digests and parsed modules for this process. */
export const make = (options: ShallowCodeVersionOptions = {}): CodeVersionService => see(options, undefined)

/** Replaces core's code version by this one. */
export const layer = (options?: ShallowCodeVersionOptions): Layer.Layer<never> => Layer.sync(CodeVersion, () => make(options))
