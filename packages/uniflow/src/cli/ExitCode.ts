/**
 * How the command ends, as scripts see it: 0 only when what was asked for was done.
 *
 * `uniflow --help` lists the codes; they are part of the public interface.
 */
export const ExitCode = {
  /** What was asked for was done; of a run: it is completed. */
  success: 0,
  /** A step failed, or something unexpected happened. */
  failed: 1,
  /** The command line, a param, the config or another input is not acceptable; nothing was started. */
  usage: 2,
  /** Another living process works on the run. */
  active: 3,
  /** There is no such run, step or artifact. */
  notFound: 4,
  /** A person has to decide: a `once` step's outcome is unknown, `strict` refused, or the run crashes again and again. */
  decision: 5,
  /** The store cannot be used: locked, damaged, full, of a newer format, or in a folder that is refused. */
  store: 6,
  /** `compare --fail-on`: a condition holds. */
  regressed: 7,
  /** `reproduce`: the run was executed again, and something came out otherwise. */
  different: 8,
  /** `reproduce`: the run could not be executed again; its code or what it needs is not there. */
  notReproducible: 9,
  /** Interrupted by Ctrl-C or cancelled; the run resumes. */
  interrupted: 130,
  /** Interrupted by SIGTERM; the run resumes. */
  terminated: 143
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

const byTag: { readonly [tag: string]: ExitCode } = {
  CopyRefused: ExitCode.usage,
  InvalidArchive: ExitCode.usage,
  InvalidFilter: ExitCode.usage,
  InvalidInput: ExitCode.usage,
  InvalidPipeline: ExitCode.usage,
  RunParamsChanged: ExitCode.usage,
  ConfigError: ExitCode.usage,
  UsageError: ExitCode.usage,
  RunIsActive: ExitCode.active,
  RunNotFound: ExitCode.notFound,
  NotFound: ExitCode.notFound,
  OutcomeUnknown: ExitCode.decision,
  StrictMismatch: ExitCode.decision,
  CrashLoop: ExitCode.decision,
  StoreError: ExitCode.store,
  NotReproducible: ExitCode.notReproducible,
  RunInterrupted: ExitCode.interrupted
}

/** The exit code for an error, by its tag; `failed` for everything that is not known. */
export const exitCodeOf = (tag: string | undefined): ExitCode => (tag !== undefined && Object.hasOwn(byTag, tag) ? byTag[tag]! : ExitCode.failed)

/** What the codes mean, for the help. */
export const meanings: ReadonlyArray<readonly [code: ExitCode, meaning: string]> = [
  [ExitCode.success, "done; of a run: it is completed"],
  [ExitCode.failed, "a step failed, or something unexpected happened"],
  [ExitCode.usage, "bad usage or input; nothing was started"],
  [ExitCode.active, "another process works on the run"],
  [ExitCode.notFound, "no such run, step or artifact"],
  [ExitCode.decision, "a person has to decide (once, strict, crash loop)"],
  [ExitCode.store, "the store cannot be used"],
  [ExitCode.regressed, "compare: a condition of --fail-on holds"],
  [ExitCode.different, "reproduce: something came out otherwise"],
  [ExitCode.notReproducible, "reproduce: it could not be executed again"],
  [ExitCode.interrupted, "interrupted by Ctrl-C or cancelled (143: SIGTERM); it resumes"]
]
