/**
 * Where runs are kept, by a URL: `postgres://…` for PostgreSQL. `UNIFLOW_URL` holds one for a whole process.
 */
import process from "node:process"
import { type ArtifactStore, describe, type RunStore, StoreError } from "@uniflow/core"
import type { NodeUniflow } from "@uniflow/node"
import { Effect, Layer } from "effect"

/** What the package for PostgreSQL offers. */
interface PostgresPackage {
  readonly PostgresStores: { readonly layer: (options: { readonly url: string; readonly schema?: string | undefined }) => Layer.Layer<RunStore | ArtifactStore, StoreError> }
}

const POSTGRES = "@uniflow/postgres"

/** Loaded when it is needed: whoever keeps runs in a folder does not install it. Bundlers leave the import as it is. */
const postgres: Effect.Effect<PostgresPackage, StoreError> = Effect.tryPromise({
  try: (): Promise<PostgresPackage> => import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ POSTGRES),
  catch: (cause) => new StoreError({ reason: "NotSupported", what: `Runs are to be kept in PostgreSQL, and ${POSTGRES} cannot be loaded (${describe(cause)}). Install it beside uniflow: npm install ${POSTGRES}` })
})

const invalid = (issue: string): StoreError =>
  new StoreError({ reason: "NotSupported", what: `The URL of the store ${issue}. It looks like this: postgres://user:password@host:5432/database` })

/** A URL without what is secret in it. */
export const shownUrl = (url: string): string => {
  try {
    const { host, pathname, protocol, searchParams } = new URL(url)
    const schema = searchParams.get("schema")
    return `${protocol}//${host}${pathname}${schema === null ? "" : `?schema=${schema}`}`
  } catch {
    return "a URL that cannot be read"
  }
}

/** Whether a text is the URL of a store that is no folder. */
export const isStoreUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(text)

/** The stores at a URL; nothing is loaded or connected before they are used. `?schema=` names the schema, `uniflow` by default. */
export const storesAt = (url: string): NodeUniflow.Stores => {
  const stores = (): Effect.Effect<Layer.Layer<RunStore | ArtifactStore, StoreError>, StoreError> => {
    if (!URL.canParse(url)) return Effect.fail(invalid("cannot be read"))
    const parsed = new URL(url)
    if (parsed.protocol !== "postgres:" && parsed.protocol !== "postgresql:") return Effect.fail(invalid(`begins with "${parsed.protocol}", which is no store that UniFlow knows`))
    const schema = parsed.searchParams.get("schema") ?? undefined
    parsed.searchParams.delete("schema")
    return Effect.map(postgres, ({ PostgresStores }) => PostgresStores.layer({ url: parsed.href, schema }))
  }
  return { name: shownUrl(url), layer: Layer.unwrap(Effect.suspend(stores)) }
}

/** The URL that the environment names, where nothing else was asked for. */
export const urlFromEnvironment = (): string | undefined => process.env["UNIFLOW_URL"] || undefined
