/** An error as every part of the API answers it. */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly message: string
}

export const problemResponse = ({ code, message, status }: Problem, requestId: string): Response =>
  new Response(JSON.stringify({ error: { code, message, requestId } }), { status, headers: { "content-type": "application/json; charset=utf-8" } })
