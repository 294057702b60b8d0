/**
 * Shows, with the real command and real digits: a run that is killed and resumed, that it ends as one that nobody
 * killed, a second run that takes over what the first one loaded, and which of two learning rates is better by more than
 * chance. Ends with an error when a claim does not hold.
 */
import { rm } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Uniflow } from "uniflow"
import * as Command from "./Command.ts"
import { chapter, claim, claimed, happened, printed, say, suggest, typed } from "./Story.ts"

const example = fileURLToPath(new URL("..", import.meta.url))
const repository = join(example, "../..")
const EPOCHS = 12
const KILL_AFTER = 5

const runWords = (runId: string, learningRate: number, ...more: ReadonlyArray<string>): ReadonlyArray<string> =>
  ["run", "digits", "--run-id", runId, "--param", `learningRate=${learningRate}`, "--param", `epochs=${EPOCHS}`, ...more]

const begin = (words: ReadonlyArray<string>): Command.Running => {
  typed(words)
  return Command.start(words, { cwd: example, onLine: printed })
}

const run = async (words: ReadonlyArray<string>): Promise<string> => {
  const { code, signal, output } = await begin(words).ended
  if (code !== 0) throw new Error(`uniflow ${words.join(" ")} ended with ${signal ?? code}`)
  return output
}

/** Resolves when a run of another process has finished an epoch. */
const reached = async (uniflow: Uniflow.Uniflow, runId: string, epoch: number): Promise<void> => {
  while ((await uniflow.runs.find({ pipeline: "digits" }).toArray()).every(({ id }) => id !== runId)) await setTimeout(50)
  for await (const event of uniflow.watch(runId)) {
    if (event._tag === "Metric" && event.key === "loss" && event.index >= epoch) return
  }
}

/** What a run came to. */
const outcome = async (uniflow: Uniflow.Uniflow, runId: string) => {
  const { metrics, artifacts, attempts, steps } = await uniflow.runs.get(runId)
  const curve = await uniflow.runs.metric(runId, "loss")
  const [load, train] = ["load", "train"].map((name) => steps.find((step) => step.name === name))
  return {
    attempts: attempts.length,
    load,
    train,
    model: artifacts.find(({ name }) => name === "train")?.digest ?? "none",
    metrics: JSON.stringify(metrics),
    epochs: curve.map(({ fromIndex }) => fromIndex).join(" "),
    curve: JSON.stringify(curve.map(({ fromIndex, last }) => [fromIndex, last]))
  }
}

/** A command for the reader to type in the repository's root, having seen that it works. */
const works = async (command: string): Promise<string> => {
  const { code, output } = await Command.follow(Command.shell(command, repository))
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`)
  return command
}

const story = async (uniflow: Uniflow.Uniflow, apart: Uniflow.Uniflow): Promise<void> => {
  say("A network learns to read 8,000 handwritten digits. It is killed, resumed and compared.")

  chapter("1. Train, and kill the process in the middle of it")
  const victim = begin(runWords("killed", 0.03))
  await Promise.race([reached(uniflow, "killed", KILL_AFTER), victim.ended])
  victim.kill("SIGKILL")
  const { code, signal } = await victim.ended
  if (signal !== "SIGKILL") throw new Error(`The run was not killed: it ended by itself, with ${signal ?? code}`)
  happened(`kill -9 ${victim.pid}`)
  const done = (await uniflow.runs.metric("killed", "loss")).length
  claim(`${done} of ${EPOCHS} epochs are done`, done >= KILL_AFTER && done < EPOCHS, () => `there are ${done}`)

  chapter("2. The same command goes on from the last epoch")
  await run(runWords("killed", 0.03))
  const explained = await run(["explain", "killed"])
  const resumed = await outcome(uniflow, "killed")
  const lines = (await uniflow.runs.logs("killed", { step: "train" })).map(({ message }) => message)
  // The point of an epoch may be seen just before its checkpoint is durable.
  const from = [done, done - 1].find((epoch) => lines.at(-1) === `begins after epoch ${epoch}`)
  claim(
    "the images were restored, not loaded again",
    resumed.attempts === 2 && resumed.load?.decision === "restored",
    () => `load was ${resumed.load?.decision} in attempt ${resumed.attempts}`
  )
  claim(
    `training went on after epoch ${from}, and explain says so`,
    from !== undefined && explained.includes(`went on from version ${from} of "progress"`),
    () => `the step says: ${lines.join(", ")}`
  )
  claim(
    "its loss curve has each epoch once",
    resumed.epochs === Array.from({ length: EPOCHS }, (_, at) => at + 1).join(" "),
    () => `it has the epochs ${resumed.epochs}`
  )

  chapter("3. A run that nobody kills ends the same, in a folder of its own")
  await run(runWords("untouched", 0.03, "--directory", ".uniflow/apart"))
  const untouched = await outcome(apart, "untouched")
  say(`\n    killed     model ${resumed.model}\n    untouched  model ${untouched.model}\n`)
  claim(
    "it loaded and trained everything by itself",
    untouched.attempts === 1 && untouched.load?.decision === "executed" && untouched.train?.decision === "executed",
    () => `load was ${untouched.load?.decision}`
  )
  claim("both models are the same, to the last bit", resumed.model === untouched.model && resumed.model !== "none", () => "they differ")
  claim(
    "so are all metrics, and every point of the loss curve",
    resumed.metrics === untouched.metrics && resumed.curve === untouched.curve,
    () => `${resumed.metrics} is not ${untouched.metrics}`
  )

  chapter("4. Another learning rate, without loading the images again")
  await run(runWords("slower", 0.01))
  await run(["explain", "slower"])
  const slower = await outcome(uniflow, "slower")
  claim(
    "the images came from the first run, the network was trained anew",
    slower.load?.decision === "cached" && slower.load.source?.runId === "killed" && slower.train?.decision === "executed",
    () => `load was ${slower.load?.decision}, train ${slower.train?.decision}`
  )

  chapter("5. Which one was better?")
  await run(["experiment", "compare", "killed", "slower"])

  chapter("6. And is it real? Both rates again, under five seeds each")
  await run(["sweep", "digits", "--grid", "learningRate=0.01,0.03", "-p", "epochs=2", "--repeats", "5", "--id", "rates"])
  await run(["experiment", "compare", "--where", "tags.sweep = 'rates'", "--group-by", "params.learningRate"])
  const { metrics } = await uniflow.compareGroups({ where: "tags.sweep = 'rates'", groupBy: "params.learningRate" })
  const [accuracy, loss] = ["accuracy", "loss"].map((name) => metrics.find((metric) => metric.name === name)?.groups[1]?.against?.judgement)
  claim("after two epochs the higher rate's loss is worse by more than chance", loss?.verdict === "worse", () => `it is ${loss?.verdict}`)
  claim(
    "its accuracy may be chance, and it says how many repeats would tell",
    accuracy?.verdict === "inconclusive" && (accuracy.repeatsNeeded ?? 0) > 5,
    () => `it is ${accuracy?.verdict}, with ${accuracy?.repeatsNeeded} repeats needed`
  )
}

/** What to try next, each of it tried. */
const next: ReadonlyArray<readonly [command: string, why: string]> = [
  ["npm run uniflow -- experiment list", "all runs"],
  ["npm run uniflow -- experiment show slower", "everything about one"],
  ["npm run uniflow -- artifact get slower confusion.csv", "which digits it confuses"],
  ["npm run uniflow -- run digits -p learningRate=0.02 -p epochs=12", "a run of your own"]
]

const demo = async (): Promise<void> => {
  const begun = performance.now()
  const directory = join(example, ".uniflow")
  await rm(directory, { recursive: true, force: true })
  const uniflow = await Uniflow.open({ directory })
  const apart = await Uniflow.open({ directory: join(directory, "apart") })
  try {
    await story(uniflow, apart)
  } finally {
    await Promise.all([uniflow.close(), apart.close()])
  }
  // The last one would add a run of its own.
  await Promise.all(next.slice(0, -1).map(([command]) => works(command)))
  await works(`${next.at(-1)![0]} --dry-run`)
  chapter(`All ${claimed()} claims hold, after ${((performance.now() - begun) / 1000).toFixed(0)} seconds.`)
  say("The runs are in examples/digits/.uniflow, the pipeline is examples/digits/src/Digits.ts. Try next:\n")
  suggest(next)
}

await demo().catch((error: unknown) => {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
