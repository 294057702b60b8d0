/**
 * The files of the built web UI. The build of the package puts them in the place of this module (ui/build.mjs); from the sources there are those of the last
 * build, if there was one.
 */
import type { Assets } from "./Assets.ts"

const built = "../dist/uiFiles.js"

export const load = (): Promise<Assets | undefined> =>
  (import(/* @vite-ignore */ built) as Promise<{ readonly load: () => Promise<Assets> }>).then((module) => module.load(), () => undefined)
