/** The run could not be executed again: what it needs is not there any more, or does not work. Nothing was compared. */
export class NotReproducible extends Error {
  readonly _tag = "NotReproducible"
}
