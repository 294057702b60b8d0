// The values that the artifact tests store: number 2 is large enough to be written in pieces and hashed meanwhile.
import type { ArtifactSource } from "@uniflow/core"

export const bytesOf = (number: number): Uint8Array => {
  const bytes = new Uint8Array(number === 2 ? 2_500_000 : 5_000 + number)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + number * 7 + (i >> 8)) & 255
  return bytes
}

export const sourceOf = (number: number): ArtifactSource => {
  const bytes = bytesOf(number)
  return { _tag: "Bytes", bytes: { segments: [bytes], sizeBytes: bytes.length } }
}
