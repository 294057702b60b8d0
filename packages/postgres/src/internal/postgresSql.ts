/**
 * The store's SQL as PostgreSQL takes it: numbered parameters, and every table in its schema, so that nothing depends on
 * the state of a session (a pooler may hand out another one for each transaction).
 */

/** Names of a store's tables, as they stand in its statements. */
const TABLES =
  "meta|runs|held|attempts|steps|outputs|unsettled|active|checkpoints|artifacts|series|chunks|logs|blobs|facts|metrics|flights|writers|objects|object_parts|migrations"

const TABLE = new RegExp(`\\b(FROM|JOIN|INTO|UPDATE|TABLE|TABLE IF NOT EXISTS|ON) ("?)(${TABLES})\\2(?= |\\(|$|\\n|\\))`, "g")

/** An SQL identifier, whatever it holds. */
export const quoted = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`

const literal = (text: string): string => text.replaceAll("'", "''")

/** Rewrites statements of the store for one schema; each text is rewritten once. */
export const inSchema = (schema: string): (sql: string) => string => {
  const prefix = `${quoted(schema)}.`
  const known = new Map<string, string>()
  return (sql) => {
    const before = known.get(sql)
    if (before !== undefined) return before
    let parameters = 0
    const text = sql
      .replace(TABLE, (_, word: string, quote: string, table: string) => `${word} ${prefix}${quote}${table}${quote}`)
      .replace(/to_regclass\((\?|\$\d+)\)/g, (_, parameter: string) => `to_regclass('${literal(prefix)}' || ${parameter})`)
      .replaceAll("pg_get_serial_sequence('", `pg_get_serial_sequence('${literal(prefix)}`)
      .replace(/\?/g, () => `$${++parameters}`)
    if (known.size < 2000) known.set(sql, text)
    return text
  }
}
