/** A plot as a picture to keep: its title, the canvas as it is, and which line is which run. */
import { runColorValue } from "./runLook.ts"
import { save } from "./save.ts"

export const savePicture = (canvas: HTMLCanvasElement, title: string, runs: ReadonlyArray<string>): void => {
  const scale = canvas.width / canvas.clientWidth
  const line = 18 * scale
  const picture = document.createElement("canvas")
  picture.width = canvas.width
  picture.height = canvas.height + line * (2 + runs.length)
  const context = picture.getContext("2d")!
  const style = getComputedStyle(document.documentElement)
  context.fillStyle = style.getPropertyValue("--paper")
  context.fillRect(0, 0, picture.width, picture.height)
  context.textBaseline = "middle"
  const family = getComputedStyle(document.body).fontFamily
  const ink = style.getPropertyValue("--ink")
  context.fillStyle = ink
  context.font = `600 ${14 * scale}px ${family}`
  context.fillText(title, 12 * scale, line * 0.75)
  context.drawImage(canvas, 0, line * 1.25)
  context.font = `${12 * scale}px ${family}`
  runs.forEach((run, n) => {
    const y = line * 1.75 + canvas.height + n * line
    context.fillStyle = runColorValue(run)
    context.fillRect(12 * scale, y - scale, 16 * scale, 2 * scale)
    context.fillStyle = ink
    context.fillText(run, 36 * scale, y)
  })
  picture.toBlob((content) => content === null ? undefined : save(`${title}.png`, content))
}
