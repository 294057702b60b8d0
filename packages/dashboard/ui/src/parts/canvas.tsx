/** What drawing on a canvas needs: colours of the page as they are at the moment, and a canvas as sharp as the screen. */
import { type RefObject, useEffect, useState } from "react"

/** As `#rrggbb`: what minifies styles shortens `#ffffff`. */
export const cssColor = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim().replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3")

/** `#rrggbb` with an opacity. */
export const faint = (color: string, opacity: number): string => `${color}${Math.round(opacity * 255).toString(16).padStart(2, "0")}`

/** Between two of `#rrggbb`. */
export const mixed = (from: string, to: string, part: number): string =>
  `#${[1, 3, 5].map((at) => {
    const [a, b] = [from, to].map((color) => Number.parseInt(color.slice(at, at + 2), 16)) as [number, number]
    return Math.round(a + (b - a) * part).toString(16).padStart(2, "0")
  }).join("")}`

/** Counts up when the colours of the page change. */
export const useScheme = (): number => {
  const [changes, setChanges] = useState(0)
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)")
    const changed = (): void => setChanges((count) => count + 1)
    query.addEventListener("change", changed)
    return () => query.removeEventListener("change", changed)
  }, [])
  return changes
}

/** How wide an element is; 0 before it is there. */
export const useWidth = (place: RefObject<HTMLElement | null>): number => {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const element = place.current!
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [place])
  return width
}

export const canvasFont = (weight = 400): string => `${weight} 12px ${getComputedStyle(document.body).fontFamily}`

/** A text that ends in … where it is wider than its place. */
export const fitted = (context: CanvasRenderingContext2D, text: string, width: number): string => {
  if (context.measureText(text).width <= width) return text
  let length = text.length
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length--
  return `${text.slice(0, length)}…`
}

export interface CanvasProps {
  readonly canvas: RefObject<HTMLCanvasElement | null>
  /** Another function draws again. Its units are pixels of the page. */
  readonly draw: (context: CanvasRenderingContext2D) => void
  readonly width: number
  readonly height: number
  readonly className?: string
}

/** Decoration: what it shows is told by what stands around it. */
export const Canvas = ({ canvas, className = "", draw, height, width }: CanvasProps) => {
  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext("2d")
    if (element === null || context === null || context === undefined || width === 0) return
    const scale = window.devicePixelRatio || 1
    element.width = Math.round(width * scale)
    element.height = Math.round(height * scale)
    context.scale(scale, scale)
    draw(context)
  }, [canvas, draw, height, width])
  return <canvas ref={canvas} aria-hidden="true" style={{ width, height }} className={`absolute inset-0 ${className}`} />
}
