/** The steps of a run as a graph: from left to right, or from top to bottom where there is no room. Each step is a button that selects it. */
import { useLayoutEffect, useRef, useState } from "react"
import { StepLook } from "./StepLook.tsx"

export interface GraphStep {
  readonly name: string
  readonly phase: string
  /** Said under the name, such as how long it took. */
  readonly detail: string
  /** Names of the steps whose outputs it takes. */
  readonly after: ReadonlyArray<string>
  /** It has begun, and what it takes is not recorded yet: it stands at the end. */
  readonly inputsUnknown?: boolean
}

const HEIGHT = 58
/** Between boxes of one layer. */
const BESIDE = 16
/** Boxes and gaps, the most generous first: the first that fits is taken. */
const sizes = [{ width: 184, gap: 52 }, { width: 148, gap: 36 }, { width: 124, gap: 28 }] as const
const DOWN_GAP = 32

type Size = { readonly width: number; readonly gap: number }

interface Placed {
  readonly step: GraphStep
  readonly x: number
  readonly y: number
}

/** Each step one layer after the last of those it takes from; in a layer, beside those it takes from. */
export const layersOf = (steps: ReadonlyArray<GraphStep>): ReadonlyArray<ReadonlyArray<GraphStep>> => {
  const byName = new Map(steps.map((step) => [step.name, step]))
  const depths = new Map<string, number>()
  const depthOf = (step: GraphStep, path: ReadonlySet<string>): number => {
    const known = depths.get(step.name)
    if (known !== undefined) return known
    const before = step.after.flatMap((name) => (path.has(name) ? [] : byName.get(name) ?? []))
    const depth = before.reduce((most, one) => Math.max(most, depthOf(one, new Set([...path, step.name])) + 1), 0)
    depths.set(step.name, depth)
    return depth
  }
  const layers: Array<Array<GraphStep>> = []
  const known = steps.filter(({ inputsUnknown }) => inputsUnknown !== true)
  for (const step of known) (layers[depthOf(step, new Set())] ??= []).push(step)
  if (known.length < steps.length) layers.push(steps.filter(({ inputsUnknown }) => inputsUnknown === true))
  const places = new Map<string, number>()
  return layers.map((layer) => {
    const wish = ({ after }: GraphStep): number => {
      const known = after.flatMap((name) => places.get(name) ?? [])
      return known.length === 0 ? Number.MAX_SAFE_INTEGER : known.reduce((sum, place) => sum + place, 0) / known.length
    }
    const sorted = layer.toSorted((a, b) => wish(a) - wish(b))
    sorted.forEach((step, at) => places.set(step.name, at - (sorted.length - 1) / 2))
    return sorted
  })
}

interface Layout {
  readonly nodes: ReadonlyMap<string, Placed>
  readonly width: number
  readonly height: number
}

const placed = (layers: ReadonlyArray<ReadonlyArray<GraphStep>>, size: Size, down: boolean): Layout => {
  const widest = layers.reduce((most, { length }) => Math.max(most, length), 0)
  const [along, across, gap] = down ? [HEIGHT, size.width, DOWN_GAP] : [size.width, HEIGHT, size.gap]
  const breadthOf = (count: number): number => count * (across + BESIDE) - BESIDE
  const length = layers.length * (along + gap) - gap
  const nodes = new Map<string, Placed>()
  layers.forEach((layer, depth) => {
    const begin = (breadthOf(widest) - breadthOf(layer.length)) / 2
    layer.forEach((step, at) => {
      const beside = begin + at * (across + BESIDE)
      const ahead = depth * (along + gap)
      nodes.set(step.name, { step, x: down ? beside : ahead, y: down ? ahead : beside })
    })
  })
  return { nodes, width: down ? breadthOf(widest) : length, height: down ? length : breadthOf(widest) }
}

const curve = (from: Placed, to: Placed, width: number, down: boolean): string => {
  if (down) {
    const [x1, y1, x2, y2] = [from.x + width / 2, from.y + HEIGHT, to.x + width / 2, to.y - 3]
    return `M${x1} ${y1}C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`
  }
  const [x1, y1, x2, y2] = [from.x + width, from.y + HEIGHT / 2, to.x - 3, to.y + HEIGHT / 2]
  return `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`
}

export const StepGraph = ({ onSelect, selected, steps }: {
  readonly steps: ReadonlyArray<GraphStep>
  readonly selected: string | undefined
  readonly onSelect: (step: string | undefined) => void
}) => {
  const box = useRef<HTMLDivElement>(null)
  const [room, setRoom] = useState(0)
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setRoom(entry?.contentRect.width ?? 0))
    observer.observe(box.current!)
    setRoom(box.current!.clientWidth)
    return () => observer.disconnect()
  }, [])
  const layers = layersOf(steps)
  const fits = (down: boolean) => sizes.find((one) => placed(layers, one, down).width <= room - 8)
  // Where the screen is narrow it goes down; where nothing fits, it is scrolled.
  const beside = fits(false)
  const down = room > 0 && beside === undefined && room < 560
  const size = (down ? fits(true) : beside) ?? sizes[2]
  const { height, nodes, width } = placed(layers, size, down)
  const edges = [...nodes.values()].flatMap((to) => to.step.after.flatMap((name) => {
    const from = nodes.get(name)
    return from === undefined ? [] : [{ from, to }]
  }))
  return (
    <div ref={box} className="max-h-[32rem] overflow-auto p-1">
      <div className="relative" style={{ width, height }}>
        <svg aria-hidden="true" width={width} height={height} className="absolute inset-0 text-soft">
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor" /></marker>
          </defs>
          {edges.map(({ from, to }) => {
            const lit = selected !== undefined && (from.step.name === selected || to.step.name === selected)
            return <path key={`${from.step.name} ${to.step.name}`} d={curve(from, to, size.width, down)} fill="none" stroke="currentColor" markerEnd="url(#arrow)" className={lit ? "text-accent" : ""} strokeWidth={lit ? 2 : 1.25} strokeOpacity={lit ? 1 : 0.6} />
          })}
        </svg>
        <ul>
          {[...nodes.values()].map(({ step, x, y }) => (
            <li key={step.name}>
              <button
                type="button"
                aria-pressed={selected === step.name}
                onClick={() => onSelect(selected === step.name ? undefined : step.name)}
                className={`absolute overflow-hidden rounded-md border bg-paper px-2.5 py-1.5 text-left hover:bg-band ${selected === step.name ? "border-accent outline outline-1 outline-accent" : step.phase === "failed" ? "border-bad" : "border-line"}`}
                style={{ left: x, top: y, width: size.width, height: HEIGHT }}
              >
                <span className="block truncate font-semibold" title={step.name}>{step.name}</span>
                <span className="block truncate text-small"><StepLook phase={step.phase} word={size.width > 160 || step.detail === ""} /> <span className="text-soft">{step.detail}</span></span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  )
}
