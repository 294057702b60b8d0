/** The steps of a run: as a graph, and as a table that says what was decided and why. One is chosen in both. */
import { formatCount, formatDuration, formatNumber } from "@uniflow/compare"
import { Link } from "@tanstack/react-router"
import type { Run } from "../api.ts"
import { figureOf } from "./figures.ts"
import { type GraphStep, StepGraph } from "./StepGraph.tsx"
import { phaseOf, reasonTexts, StepLook } from "./StepLook.tsx"

const itemsText = (items: { readonly [decision: string]: number | string } | undefined): string =>
  items === undefined ? "" : Object.entries(items).map(([what, count]) => `${formatNumber(Number(count))} ${what}`).join(", ")

/** Steps without a record yet: they are being executed, or were when the run stopped. */
export const undecidedOf = (run: Run): ReadonlyArray<{ readonly name: string; readonly phase: "running" | "interrupted" }> => {
  const decided = new Set(run.steps.map(({ name }) => name))
  return [
    ...run.active.filter(({ step }) => !step.includes("[") && !decided.has(step)).map(({ step }) => ({ name: step, phase: "running" as const })),
    ...run.stopped.map((name) => ({ name, phase: "interrupted" as const }))
  ]
}

const graphOf = (run: Run): ReadonlyArray<GraphStep> => {
  const active = new Map(run.active.filter(({ step }) => !step.includes("[")).map((one) => [one.step, one]))
  const progress = (step: string): string => {
    const one = active.get(step)
    const [done, total] = [figureOf(one?.done), figureOf(one?.total)]
    return done === undefined ? "" : `${formatNumber(done)}${total === undefined ? "" : ` of ${formatNumber(total)}`}`
  }
  const known = run.steps.map((step): GraphStep => ({
    name: step.name,
    phase: active.has(step.name) ? "running" : phaseOf(step),
    detail: active.has(step.name) ? progress(step.name) : step.decision === "executed" ? formatDuration(Number(step.durationMs)) : "",
    after: [...new Set((run.inputs[step.name] ?? []).flatMap(({ step: maker }) => maker ?? []))]
  }))
  return [...known, ...undecidedOf(run).map(({ name, phase }): GraphStep => ({ name, phase, detail: progress(name), after: [], inputsUnknown: true }))]
}

interface Selection {
  readonly selected: string | undefined
  readonly onSelect: (step: string | undefined) => void
}

const StepName = ({ name, onSelect, selected }: Selection & { readonly name: string }) => (
  <th scope="row" className="max-w-48 truncate py-1 pr-4 text-left font-normal" title={name}>
    <button type="button" aria-pressed={selected === name} onClick={() => onSelect(selected === name ? undefined : name)} className="min-h-6 hover:text-accent">{name}</button>
  </th>
)

const StepTable = ({ onSelect, run, selected }: Selection & { readonly run: Run }) => (
  <div className="relative overflow-x-auto">
    <table className="w-full text-small">
      <thead>
        <tr className="text-left text-soft">
          <th scope="col" className="py-1 pr-4 font-normal">Step</th>
          <th scope="col" className="py-1 pr-4 font-normal">Decision</th>
          <th scope="col" className="py-1 pr-4 text-right font-normal">Took</th>
          <th scope="col" className="w-full py-1 font-normal">Because</th>
        </tr>
      </thead>
      <tbody>
        {run.steps.map((step) => (
          <tr key={step.name} className={`border-t border-line align-top ${selected === step.name ? "bg-band" : ""}`}>
            <StepName name={step.name} selected={selected} onSelect={onSelect} />
            <td className="py-1.5 pr-4"><StepLook phase={run.active.some((one) => one.step === step.name) ? "running" : phaseOf(step)} /></td>
            <td className="whitespace-nowrap py-1.5 pr-4 text-right">{step.decision === "skipped" || step.decision === "cached" ? "" : <span className={step.decision === "restored" ? "text-soft" : ""}>{formatDuration(Number(step.durationMs))}</span>}</td>
            <td className="min-w-40 break-words py-1.5 text-soft">
              {[itemsText(step.items), ...reasonTexts(step.reasons), step.retries === 0 ? "" : `after ${formatCount(Number(step.retries), "retry", "retries")}`].filter((text) => text !== "").map((text, at) => <div key={at}>{text}</div>)}
              {step.source === null || step.source.runId === run.id ? null : <div>from <Link to="/runs/$runId" params={{ runId: step.source.runId }}>{step.source.runId}</Link></div>}
            </td>
          </tr>
        ))}
        {undecidedOf(run).map(({ name, phase }) => (
          <tr key={name} className={`border-t border-line align-top ${selected === name ? "bg-band" : ""}`}>
            <StepName name={name} selected={selected} onSelect={onSelect} />
            <td className="py-1.5 pr-4"><StepLook phase={phase} /></td>
            <td />
            <td className="py-1.5 text-soft">{phase === "interrupted" ? "the run stopped while it was executed" : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)

export const RunSteps = ({ onSelect, run, selected }: Selection & { readonly run: Run }) => (
  <>
    <StepGraph steps={graphOf(run)} selected={selected} onSelect={onSelect} />
    <div className="mt-3"><StepTable run={run} selected={selected} onSelect={onSelect} /></div>
  </>
)
