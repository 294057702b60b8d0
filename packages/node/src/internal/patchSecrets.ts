/**
 * What of a working tree may be stored: files that hold secrets by their name, and secrets inside of texts.
 *
 * Stricter than what is done to logs in one way (whole files are left out), milder in another: source code is full of
 * words such as `token:`, and a patch in which they were all taken for secrets would be of no use. So beside what is
 * certain only literals count that could be a secret.
 */
import { redactCertain, secretWord } from "./redaction.ts"

const secretFiles = new RegExp(
  [
    String.raw`\.env(?!\.(?:example|sample|template|dist)$)(?:\..+)?`,
    String.raw`.+\.env`,
    String.raw`\.(?:npmrc|yarnrc|netrc|pypirc|pgpass|htpasswd|git-credentials|dockercfg)`,
    String.raw`_netrc`,
    String.raw`.+\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg|tfstate|tfvars|ovpn)`,
    String.raw`id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?`,
    String.raw`(?:service[-_]?account|client[-_]secret|application_default_credentials).*\.json`,
    // By such a word, unless it is code.
    String.raw`(?!.*\.(?:[cm]?[jt]sx?|vue|svelte|py|rs|go|md|mdx|html|css)$).*(?:secret|credential|passw).*`
  ].map((one) => `^(?:${one})$`).join("|"),
  "i"
)

const secretFolders = new Set([".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure", ".gcloud"])

/** Whether a file (by its path, with `/`) holds secrets by its name. */
export const isSecretFile = (path: string): boolean => {
  const parts = path.split("/")
  return secretFiles.test(parts.at(-1)!) || parts.slice(0, -1).some((part) => secretFolders.has(part.toLowerCase()))
}

const literal = new RegExp(String.raw`((?:${secretWord})(?!iz)[\w.-]{0,64}["']?\s{0,16}[:=]\s{0,16})(["'${"`"}])((?:\\.|(?!\2)[^\\\s]){8,})\2`, "gi")

const assignment = new RegExp(String.raw`((?:${secretWord})(?!iz)[\w.-]{0,64}=)(["']?)([\w+/=~-]{12,})`, "gi")

type Variables = Readonly<Record<string, string | undefined>>

/** A text of added lines without its secrets. */
export const withoutSecrets = (text: string, env: Variables): string =>
  redactCertain(text, env)
    .replace(literal, (whole, name: string, quote: string, value: string) => value.includes("${") || value.startsWith("[redacted]") ? whole : `${name}${quote}[redacted]${quote}`)
    .replace(assignment, (whole, name: string, quote: string, value: string) => /\d/.test(value) ? `${name}${quote}[redacted]` : whole)

/** Whether bytes, or lines that are committed, hold what is certainly a secret. */
export const holdsSecret = (text: string, env: Variables): boolean => redactCertain(text, env) !== text
