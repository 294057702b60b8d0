import { uniflowRoute } from "@uniflow/next"

// An application of yours asks its session here; this one is for looking, and shows everybody everything.
export const { GET, HEAD, POST, PATCH, DELETE } = uniflowRoute({ dangerouslyAllowUnauthenticated: true })
