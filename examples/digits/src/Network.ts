/**
 * A small neural network in plain TypeScript: 784 pixels, one hidden layer, ten digits.
 *
 * Trained by stochastic gradient descent, one image at a time. A network is plain data, so a step can return it.
 */
import { type Images, PIXELS } from "./Images.ts"

const HIDDEN = 48
const DIGITS = 10

/** Weights of each layer, the row of an input after the other. */
export interface Network {
  readonly hidden: { readonly weights: Float64Array; readonly biases: Float64Array }
  readonly output: { readonly weights: Float64Array; readonly biases: Float64Array }
}

const layer = (inputs: number, outputs: number, normal: () => number): Network["hidden"] => ({
  weights: Float64Array.from({ length: inputs * outputs }, () => normal() * Math.sqrt(2 / inputs)),
  biases: new Float64Array(outputs)
})

/** A network that has learned nothing. */
export const make = (random: { normal(): number }): Network => {
  const normal = () => random.normal()
  return { hidden: layer(PIXELS, HIDDEN, normal), output: layer(HIDDEN, DIGITS, normal) }
}

/** What the network sees in one image: the hidden layer, and how probable each digit is. */
const forward = ({ hidden, output }: Network, image: Uint8Array): { readonly seen: Float64Array; readonly probable: Float64Array } => {
  const seen = Float64Array.from(hidden.biases)
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    if (image[pixel] === 0) continue
    const brightness = image[pixel]! / 255
    for (let h = 0; h < HIDDEN; h++) seen[h]! += brightness * hidden.weights[pixel * HIDDEN + h]!
  }
  const probable = Float64Array.from(output.biases)
  for (let h = 0; h < HIDDEN; h++) {
    seen[h] = Math.max(0, seen[h]!)
    for (let d = 0; d < DIGITS; d++) probable[d]! += seen[h]! * output.weights[h * DIGITS + d]!
  }
  const highest = Math.max(...probable)
  let sum = 0
  for (let d = 0; d < DIGITS; d++) sum += probable[d] = Math.exp(probable[d]! - highest)
  return { seen, probable: probable.map((p) => p / sum) }
}

const mostProbable = (probable: Float64Array): number => probable.indexOf(Math.max(...probable))

const imageAt = (images: Images, at: number): Uint8Array => images.pixels.subarray(at * PIXELS, (at + 1) * PIXELS)

/** Shows the network every image once, in the given order, and lets it learn from each; its mean loss and share of right answers. */
export const trainOneEpoch = (
  network: Network,
  images: Images,
  order: ReadonlyArray<number>,
  learningRate: number
): { readonly loss: number; readonly accuracy: number } => {
  const { hidden, output } = network
  let loss = 0
  let right = 0
  for (const at of order) {
    const image = imageAt(images, at)
    const label = images.labels[at]!
    const { seen, probable } = forward(network, image)
    loss -= Math.log(Math.max(probable[label]!, 1e-12))
    if (mostProbable(probable) === label) right++
    const outputError = probable
    outputError[label]! -= 1
    const hiddenError = new Float64Array(HIDDEN)
    for (let h = 0; h < HIDDEN; h++) {
      if (seen[h] === 0) continue
      for (let d = 0; d < DIGITS; d++) {
        hiddenError[h]! += outputError[d]! * output.weights[h * DIGITS + d]!
        output.weights[h * DIGITS + d]! -= learningRate * outputError[d]! * seen[h]!
      }
    }
    for (let d = 0; d < DIGITS; d++) output.biases[d]! -= learningRate * outputError[d]!
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      if (image[pixel] === 0) continue
      const step = (learningRate * image[pixel]!) / 255
      for (let h = 0; h < HIDDEN; h++) hidden.weights[pixel * HIDDEN + h]! -= step * hiddenError[h]!
    }
    for (let h = 0; h < HIDDEN; h++) hidden.biases[h]! -= learningRate * hiddenError[h]!
  }
  return { loss: loss / order.length, accuracy: right / order.length }
}

/** How often each digit (row) was read as each digit (column). */
export const confusion = (network: Network, images: Images): ReadonlyArray<ReadonlyArray<number>> => {
  const counts = Array.from({ length: DIGITS }, () => Array<number>(DIGITS).fill(0))
  images.labels.forEach((label, at) => counts[label]![mostProbable(forward(network, imageAt(images, at)).probable)]!++)
  return counts
}
