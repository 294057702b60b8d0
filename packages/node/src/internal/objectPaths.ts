import { join } from "node:path"

/** Where the objects of a folder stand. */
export interface ObjectPaths {
  readonly objects: string
  /** What is being written. */
  readonly temporary: string
  /** What is being removed. */
  readonly trash: string
  readonly pathOf: (digest: string) => string
  readonly trashOf: (digest: string) => string
}

export const objectPaths = (directory: string): ObjectPaths => {
  const objects = join(directory, "objects")
  const trash = join(objects, "trash")
  return {
    objects,
    temporary: join(objects, "tmp"),
    trash,
    pathOf: (digest) => join(objects, digest.slice(0, 2), digest.slice(2)),
    trashOf: (digest) => join(trash, digest)
  }
}

export const isDigest = (digest: string): boolean => /^[0-9a-f]{64}$/.test(digest)
