/** Bytes of artifacts, as files to be saved: never as something that a browser would run. */
import type { Filter } from "@uniflow/core"
import type { Address } from "./address.ts"
import type { PageUniflow } from "./handlers.ts"
import { problemResponse } from "./problem.ts"
import { runOf } from "./Visitor.ts"

/** Types that a browser shows as nothing but a picture or text. */
const harmless = /^(?:image\/(?:png|jpeg|gif|webp|avif)|text\/(?:plain|csv)|application\/(?:json|cbor|octet-stream))(?:;|$)/

/** What leads out of a folder, or begins at a root. Names of artifacts may hold it, as names; where none has the name, it was meant as a path. */
const pathLike = /^[/\\]|^[a-z]:|^[a-z][\w+.-]*:\/|\\|(?:^|\/)\.\.?;?(?:\/|$)|%|\0/i

/** `api/artifacts/<runId>?name=<artifact>` */
export const download = async (uniflow: PageUniflow, request: Request, { runId }: Address, where: Filter.Filter | undefined, requestId: string): Promise<Response> => {
  const problem = (status: number, code: string, message: string): Response => problemResponse({ status, code, message }, requestId)
  const name = new URL(request.url).searchParams.get("name")
  if (runId === undefined || name === null || name === "") return problem(400, "invalid_request", "Ask for api/artifacts/<runId>?name=<artifact>.")
  try {
    await uniflow.runPromise(runOf(runId, where))
    const view = await uniflow.runs.get(runId)
    const artifact = view.artifacts.find((one) => one.name === name)
    if (artifact === undefined && pathLike.test(name)) return problem(400, "invalid_artifact_path", "Artifacts are found by their names; this looks like the path of a file.")
    if (artifact === undefined) return problem(404, "not_found", "The run has no artifact of this name.")
    const bytes = await uniflow.runs.artifact(runId, name)
    const fileName = (name.split(/[/\\]/).at(-1) ?? "").replace(/[^\w.-]+/g, "_").slice(0, 100) || "artifact"
    return new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: {
        "content-type": harmless.test(artifact.mediaType) ? artifact.mediaType : "application/octet-stream",
        "content-disposition": `attachment; filename="${fileName}"`,
        "content-security-policy": "sandbox; default-src 'none'",
        "content-length": String(bytes.length)
      }
    })
  } catch (error) {
    const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
    if (tag === "RunNotFound") return problem(404, "not_found", "There is no such run.")
    if (tag === "CorruptArtifact") return problem(404, "damaged", "The bytes of this artifact are missing or damaged.")
    throw error
  }
}

