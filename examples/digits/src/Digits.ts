/**
 * The pipeline: load the images, train a network on most of them, and see how it reads the rest.
 */
import { Metrics, Pipeline, Schema, Step } from "uniflow"
import { readImages } from "./Images.ts"
import * as Network from "./Network.ts"

/** The same in every run, so runs take it from each other. */
export const load = Step.make("load", {
  cache: true,
  run: readImages
})

/** Where training stands after an epoch. */
interface Progress {
  readonly epoch: number
  readonly network: Network.Network
}

export const train = Step.make("train", {
  inputs: { images: load },
  params: { learningRate: Schema.Number, epochs: Schema.Int },
  // Training for longer goes on from the same checkpoints.
  checkpointsIgnore: ["epochs"],
  run: async ({ inputs, params, checkpoint, metrics, progress, random, signal, log }) => {
    const { training } = inputs.images
    const { epoch: done, network } = (await checkpoint.latest<Progress>("progress")) ?? { epoch: 0, network: Network.make(random) }
    log(`begins after epoch ${done}`)
    for (let epoch = done + 1; epoch <= params.epochs; epoch++) {
      signal.throwIfAborted()
      const order = random.shuffle(training.labels.keys())
      const { loss, accuracy } = Network.trainOneEpoch(network, training, order, params.learningRate)
      metrics.log({ loss, trainingAccuracy: accuracy }, { index: epoch })
      await checkpoint.save("progress", { epoch, network })
      progress(epoch, params.epochs)
    }
    return network
  }
})

export const evaluate = Step.make("evaluate", {
  inputs: { images: load, network: train },
  run: async ({ inputs, artifacts }) => {
    const confusion = Network.confusion(inputs.network, inputs.images.test)
    await artifacts.put("confusion.csv", confusion.map((row) => `${row.join(",")}\n`).join(""))
    const right = confusion.reduce((sum, row, digit) => sum + row[digit]!, 0)
    const total = inputs.images.test.labels.length
    return Metrics.create({ accuracy: right / total, mistakes: total - right })
  }
})

export const digits = Pipeline.make("digits", {
  steps: [evaluate],
  goals: { accuracy: "maximize", mistakes: "minimize", loss: "minimize" }
})
