/**
 * What an errno means for whoever uses a store: the reason to act on, and a sentence that says what to do.
 */
import { StoreError, type StoreReason } from "@uniflow/core"

/** A rejection of node:fs, as an Error with the errno's name where it has one. */
export interface FileError extends Error {
  readonly code?: string
}

/** Whatever was thrown, as an Error. */
export const asFileError = (cause: unknown): FileError => cause instanceof Error ? cause : new Error(String(cause))

const meanings: Readonly<Record<string, readonly [reason: StoreReason, advice: string]>> = {
  ENOSPC: ["Full", "the disk is full; free some space (uniflow gc removes what no run uses)"],
  EDQUOT: ["Full", "the disk quota is used up; free some space (uniflow gc removes what no run uses)"],
  EFBIG: ["Full", "it is larger than a file may be here"],
  EROFS: ["NotPermitted", "the file system is read-only; set UNIFLOW_DIR to a folder that can be written"],
  EACCES: ["NotPermitted", "permission was denied; check who owns the folder, or set UNIFLOW_DIR to another"],
  EPERM: ["NotPermitted", "permission was denied; check who owns the folder, or set UNIFLOW_DIR to another"],
  EMFILE: ["Busy", "this process has too many files open; try again, or raise the limit (ulimit -n)"],
  ENFILE: ["Busy", "this machine has too many files open; try again"],
  EAGAIN: ["Busy", "it is in use; try again"],
  EBUSY: ["Busy", "it is in use; try again"],
  ENOMEM: ["Busy", "there was not enough memory; try again"],
  ETIMEDOUT: ["Unavailable", "the file system did not answer; try again"],
  ESTALE: ["Unavailable", "the file system lost it; is this a network file system?"],
  ENODEV: ["Unavailable", "its device is gone"],
  ENXIO: ["Unavailable", "its device is gone"],
  ENOENT: ["Unavailable", "it, or a folder above it, is gone"],
  ENOTDIR: ["Unavailable", "something on its path is not a folder"],
  EEXIST: ["Unavailable", "something that is not a folder has its name"],
  ENAMETOOLONG: ["NotSupported", "its path is too long for this file system"],
  ENOSYS: ["NotSupported", "this file system cannot do that"],
  ENOTSUP: ["NotSupported", "this file system cannot do that"],
  EOPNOTSUPP: ["NotSupported", "this file system cannot do that"],
  EIO: ["Unknown", "the device failed; look at the system's log before trusting this disk"]
}

/** A `StoreError` for a failed file operation; `what` says in a sentence what could not be done. */
export const storeErrorOf = (what: string) => (cause: FileError): StoreError => {
  const meaning = cause.code === undefined ? undefined : meanings[cause.code]
  return meaning === undefined
    ? new StoreError({ reason: "Unknown", what, cause })
    : new StoreError({ reason: meaning[0], what: `${what}: ${meaning[1]}`, cause })
}
