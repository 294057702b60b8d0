/**
 * Takes secrets out of texts that are about to be stored: command lines, errors, logs.
 *
 * Known are the values of environment variables whose names say that they are secret, credentials in URLs, assignments
 * (`password=…`), and tokens that their issuers gave a recognizable form. It errs towards hiding too much; a secret that
 * looks like an ordinary word and stands alone cannot be known.
 */
import { isSecretName } from "@uniflow/core"

const redacted = "[redacted]"

/** A shorter value would take ordinary words and numbers out of texts. */
const shortestValue = 8

const tokens = new RegExp(
  [
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`,
    // JSON Web Tokens
    String.raw`(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?`,
    // OpenAI, Anthropic, OpenRouter; Stripe; xAI; Groq; Hugging Face; Google; Replicate
    String.raw`\bsk-[\w-]{16,}`,
    String.raw`\b(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}`,
    String.raw`\bxai-[A-Za-z0-9]{20,}`,
    String.raw`\bgsk_[A-Za-z0-9]{20,}`,
    String.raw`\bhf_[A-Za-z0-9]{20,}`,
    String.raw`\bAIza[\w-]{30,}`,
    String.raw`\bya29\.[\w-]{20,}`,
    String.raw`\br8_[A-Za-z0-9]{20,}`,
    // GitHub, GitLab, npm, PyPI, Slack, SendGrid, DigitalOcean, AWS key ids
    String.raw`\bgh[pousr]_[A-Za-z0-9]{20,}`,
    String.raw`\bgithub_pat_\w{20,}`,
    String.raw`\bglpat-[\w-]{16,}`,
    String.raw`\bnpm_[A-Za-z0-9]{30,}`,
    String.raw`\bpypi-[\w-]{30,}`,
    String.raw`\bxox[a-z]-[A-Za-z0-9-]{10,}`,
    String.raw`\bSG\.[\w-]{16,}\.[\w-]{16,}`,
    String.raw`\bdo[opr]_v1_[a-f0-9]{32,}`,
    String.raw`\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b`
  ].join("|"),
  "g"
)

/** `scheme://user:password@`, and a user alone that is as long as a token. */
const urlCredentials = /\b([a-z][a-z0-9+.-]{1,20}:\/\/)(?:[^\s/:@"'<>]*:[^\s/@"'<>]+|[^\s/:@"'<>]{16,})@/gi

const scheme = /\b(Bearer|Basic|Digest|Token)(\s+)([\w+/=.~-]{16,})/g

/** Words by which a name says that what follows is a secret; a part of regular expressions. */
export const secretWord = "secret|token|password|passwd|passphrase|api[-_]?key|access[-_]?key|private[-_]?key|credential|signature|authorization"

// Names are matched from their secret word on and up to a length: however long a text, each place is looked at a few times.

/** `api_key=…` in a text, a URL or a command. */
const assignment = new RegExp(String.raw`((?:${secretWord})[\w.-]{0,64}=)(["']?)([^\s"'&;,]{4,})`, "gi")

/** `"apiKey": "…"` in JSON, and in what JavaScript prints of an object. */
const field = new RegExp(String.raw`((?:${secretWord})[\w.-]{0,64}["']?\s{0,16}:\s{0,16})(["'\`])((?:\\.|(?!\2)[^\\\n])+)\2`, "gi")

const isPlainNumber = (text: string): boolean => /^-?\d{1,7}(\.\d+)?$/.test(text)

/** A URL that carries no credentials tells nothing, whatever its variable is called. */
const isPlainUrl = (value: string): boolean => /^[a-z][a-z0-9+.-]*:\/\/[^\s@?#]*$/i.test(value)

const secretNames = new Map<string, boolean>()

const isSecretVariable = (name: string): boolean => {
  const known = secretNames.get(name)
  if (known !== undefined) return known
  const secret = isSecretName(name)
  secretNames.set(name, secret)
  return secret
}

/** The values in a text that environment variables with secret names have at this moment, longest first. */
const secretValues = (text: string, env: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const name in env) {
    if (!isSecretVariable(name)) continue
    const value = env[name]
    // Most lines are short: there is nothing to look for in them.
    if (value === undefined || value.length < shortestValue || value.length > text.length || isPlainUrl(value)) continue
    if (text.includes(value)) found.push(value)
    const escaped = encodeURIComponent(value.toWellFormed())
    if (escaped !== value && text.includes(escaped)) found.push(escaped)
  }
  return found.sort((a, b) => b.length - a.length)
}

/** A text without what is a secret by itself: values of the environment, recognizable tokens, credentials of URLs and headers. */
export const redactCertain = (text: string, env: Readonly<Record<string, string | undefined>>): string => {
  let result = text
  for (const value of secretValues(text, env)) result = result.replaceAll(value, redacted)
  return result
    .replace(tokens, redacted)
    .replace(urlCredentials, `$1${redacted}@`)
    .replace(scheme, `$1$2${redacted}`)
}

/** A text without the secrets that can be known in it. */
export const redactText = (text: string, env: Readonly<Record<string, string | undefined>>): string =>
  redactCertain(text, env)
    .replace(field, (whole, name: string, quote: string, value: string) => isPlainNumber(value) ? whole : `${name}${quote}${redacted}${quote}`)
    .replace(assignment, (whole, name: string, quote: string, value: string) => isPlainNumber(value) || value === redacted ? whole : `${name}${quote}${redacted}`)

/** A command line without its secrets: values of flags and assignments with secret names, and what `redactText` knows. */
export const redactArguments = (argv: ReadonlyArray<string>, env: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> =>
  argv.map((argument, index) => {
    const before = argv[index - 1]
    const isFlagValue = before !== undefined && /^--?[\w.-]+$/.test(before) && isSecretName(before) && !argument.startsWith("-")
    if (isFlagValue && !isPlainNumber(argument)) return redacted
    // In `--param=apiKey=…` the second name is the one that matters.
    const parts = argument.split("=")
    const named = parts.findIndex((part, at) => at < parts.length - 1 && isSecretName(/[\w.-]*$/.exec(part.slice(-128))![0]))
    return named >= 0 && !isPlainNumber(parts.slice(named + 1).join("="))
      ? `${parts.slice(0, named + 1).join("=")}=${redacted}`
      : redactText(argument, env)
  })
