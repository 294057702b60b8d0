import { Stream } from "effect"
import type { ArtifactSource } from "../ArtifactStore.ts"
import { encodedOf } from "../Codec.ts"
import type { ArtifactContent } from "../StepContext.ts"
import { StoreError } from "../UniflowError.ts"

const failed = (cause: unknown): StoreError => new StoreError({ reason: "Unknown", what: "The stream of an artifact failed", cause })

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.releaseLock()
  }
}

/** What users hand over as an artifact, as stores take it. */
export const artifactSource = (content: ArtifactContent): ArtifactSource => {
  if (typeof content === "string") return { _tag: "Bytes", bytes: encodedOf(new TextEncoder().encode(content)) }
  if (content instanceof Uint8Array) return { _tag: "Bytes", bytes: encodedOf(content) }
  if (Stream.isStream(content)) return { _tag: "Stream", stream: content }
  if ("file" in content) return { _tag: "File", path: content.file }
  if (Symbol.asyncIterator in content) return { _tag: "Stream", stream: Stream.fromAsyncIterable(content, failed) }
  return { _tag: "Stream", stream: Stream.fromAsyncIterable(chunksOf(content), failed) }
}
