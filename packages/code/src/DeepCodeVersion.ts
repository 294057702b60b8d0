/**
 * The code version of a step that has none written down: everything that its functions reach, declaration by declaration.
 *
 * Its own functions, found at the call that made the step, and from there the functions, constants, classes and modules
 * that they use, over the modules of the workspace; what fills or registers in a value that they use, wherever in the
 * project that stands; files that are imported as data; packages by the versions that are installed, with those they
 * depend on. Comments, formatting, types, names of variables, the file that something stands in and the way it is
 * imported do not count.
 *
 * Where something cannot be seen (an import of a computed name, a bundle) the version is shallow and says why. What no
 * source shows (a captured parameter, a variable that is assigned again) makes the step `unknown`, by name.
 */
import { CodeVersion, type CodeVersionService } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { make as see, type SeeingOptions } from "./internal/seeing.ts"

export interface DeepCodeVersionOptions extends SeeingOptions {
  /** Where it is kept between processes what steps reach; in memory alone by default. */
  readonly reachedFile?: string | undefined
}

/** The service, and `save`, which keeps what was found for the next process. */
export const make = (options: DeepCodeVersionOptions = {}): CodeVersionService & { readonly save: () => void } => see(options, { cacheFile: options.reachedFile })

/** Replaces core's code version by this one. */
export const layer = (options?: DeepCodeVersionOptions): Layer.Layer<never> =>
  Layer.effect(
    CodeVersion,
    Effect.gen(function*() {
      const service = make(options)
      yield* Effect.addFinalizer(() => Effect.sync(service.save))
      return service
    })
  )
