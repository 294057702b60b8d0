/**
 * Shows, with the real command and the real digits: a run that is killed and resumed, that it ends as one that nobody
 * killed, and a second run that takes over what the first one loaded. Ends with an error when a claim does not hold.
 */
import { rm } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Uniflow } from "uniflow"
import * as Command from "./Command.ts"
import { chapter, claim, claimed, happened, printed, say, typed } from "./Story.ts"

const folder = fileURLToPath(new URL("..", import.meta.url))
const directory = fileURLToPath(new URL("../.uniflow", import.meta.url))
const EPOCHS = 20
const KILL_AFTER = 7

const begun = performance.now()
await rm(directory, { recursive: true, force: true })
const uniflow = await Uniflow.open({ directory })

const begin = (words: ReadonlyArray<string>): Command.Running => {
  typed(words)
  return Command.start(words, { cwd: folder, onLine: printed })
}

const run = async (words: ReadonlyArray<string>): Promise<void> => {
  const { code, signal } = await begin(words).ended
  if (code !== 0) throw new Error(`uniflow ${words.join(" ")} ended with ${signal ?? code}`)
}

/** Resolves when a run has finished an epoch, following it through the store from this other process. */
const reached = async (runId: string, epoch: number, over: AbortSignal): Promise<void> => {
  while ((await uniflow.runs.find({ pipeline: "digits" })).every(({ id }) => id !== runId)) {
    await setTimeout(50, undefined, { signal: over })
  }
  for await (const event of uniflow.watch(runId)) {
    if (event._tag === "Metric" && event.key === "loss" && event.index >= epoch) return
  }
}

const runWords = (runId: string, learningRate: number): ReadonlyArray<string> =>
  ["run", "digits", "--run-id", runId, "--param", `learningRate=${learningRate}`, "--param", `epochs=${EPOCHS}`]

/** What a run came to, as far as another one must come to the same. */
const outcome = async (runId: string) => {
  const { metrics, artifacts, attempts, steps } = await uniflow.runs.get(runId)
  const curve = await uniflow.runs.metric(runId, "loss")
  return {
    attempts: attempts.length,
    decisions: Object.fromEntries(steps.map(({ name, decision }) => [name, decision])),
    loadedFrom: steps.find(({ name }) => name === "load")?.source,
    model: artifacts.find(({ name }) => name === "train")?.digest ?? "none",
    metrics: JSON.stringify(metrics),
    epochs: curve.map(({ fromIndex }) => fromIndex).join(" "),
    curve: JSON.stringify(curve.map(({ fromIndex, last }) => [fromIndex, last]))
  }
}

say("A network learns to read 8,000 handwritten digits. It is killed, resumed and compared.")

chapter("1. Train, and kill the process in the middle of it")
const victim = begin(runWords("killed", 0.03))
const over = new AbortController()
void victim.ended.then(() => over.abort())
await reached("killed", KILL_AFTER, over.signal)
victim.kill("SIGKILL")
const { signal } = await victim.ended
happened(`kill -9 ${victim.pid}`)
const { length: epochsBefore } = await uniflow.runs.metric("killed", "loss")
claim(
  `the process died after ${epochsBefore} of ${EPOCHS} epochs`,
  signal === "SIGKILL" && epochsBefore >= KILL_AFTER && epochsBefore < EPOCHS,
  () => `it ended with ${signal ?? "an exit of its own"} after ${epochsBefore}`
)

chapter("2. The same command goes on from the last epoch")
await run(runWords("killed", 0.03))
await run(["explain", "killed"])
const resumed = await outcome("killed")
const notes = (await uniflow.runs.logs("killed", { step: "train" })).map(({ message }) => message)
claim(`the images were restored, and training went on after epoch ${epochsBefore}`,
  resumed.attempts === 2 && resumed.decisions["load"] === "restored" && notes.at(-1) === `begins after epoch ${epochsBefore}`,
  () => `load was ${resumed.decisions["load"]}, and the step says: ${notes.join(", ")}`)
claim("its loss curve has every epoch once",
  resumed.epochs === Array.from({ length: EPOCHS }, (_, at) => at + 1).join(" "),
  () => `it has the epochs ${resumed.epochs}`)

chapter("3. A run that nobody kills ends in the same model")
await run(runWords("untouched", 0.03))
const untouched = await outcome("untouched")
say()
say(`    killed     model ${resumed.model}`)
say(`    untouched  model ${untouched.model}`)
claim("both models are the same, to the last bit", resumed.model === untouched.model && resumed.model !== "none", () => "they differ")
claim("so are all metrics and every point of the loss curve",
  resumed.metrics === untouched.metrics && resumed.curve === untouched.curve,
  () => `${resumed.metrics} is not ${untouched.metrics}`)

chapter("4. A second learning rate takes the loaded images from the first run")
await run(runWords("slower", 0.01))
await run(["explain", "slower"])
const slower = await outcome("slower")
claim("the images were not loaded again, the network was trained anew",
  slower.decisions["load"] === "cached" && slower.decisions["train"] === "executed",
  () => `load was ${slower.decisions["load"]}, train ${slower.decisions["train"]}`)

chapter("5. Which one was better?")
await run(["experiment", "compare", "killed", "slower"])
await uniflow.close()

chapter(`All ${claimed()} claims hold, after ${((performance.now() - begun) / 1000).toFixed(0)} seconds.`)
