/** The page of one run: what it did and why, what came out, and how to go on. */
import { formatBytes, formatCount, formatDuration, formatNumber, formatTime } from "@uniflow/compare"
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import { lazy, Suspense, useState } from "react"
import { api, type Run } from "../api.ts"
import { previewKind } from "../parts/artifactData.ts"
import { ArtifactPreview } from "../parts/ArtifactPreview.tsx"
import { Button } from "../parts/Button.tsx"
import { CopyCommand, shellWord } from "../parts/CopyCommand.tsx"
import { figureOf, valueText } from "../parts/figures.ts"
import { RunLogs } from "../parts/RunLogs.tsx"
import { RunNote, RunTags } from "../parts/RunNotes.tsx"
import { RunSteps, undecidedOf } from "../parts/RunSteps.tsx"
import { RunTimeline } from "../parts/RunTimeline.tsx"
import { Facts, Section } from "../parts/Section.tsx"
import { useSome } from "../parts/ShowMore.tsx"
import { Failure, Loading } from "../parts/States.tsx"
import { Status } from "../parts/Status.tsx"
import { useTitle } from "../parts/title.ts"
import { useNow, When } from "../parts/When.tsx"

const SmallChart = lazy(() => import("../parts/SmallChart.tsx").then(({ SmallChart: one }) => ({ default: one })))

const BASELINE = "uniflow.baseline"
const MOST_METRICS = 12

const workedMs = (run: Run, nowMs: number): number =>
  run.attempts.reduce((sum, { endedAtMs, startedAtMs }, at) =>
    sum + (endedAtMs === null ? (run.status === "running" && at === run.attempts.length - 1 ? Math.max(0, nowMs - Number(startedAtMs)) : 0) : Number(endedAtMs) - Number(startedAtMs)), 0)

const Actions = ({ run }: { readonly run: Run }) => {
  const client = useQueryClient()
  const [sure, setSure] = useState(false)
  const changed = () => client.invalidateQueries()
  const cancel = useMutation({ mutationFn: () => api.cancel(run.id), onSuccess: changed, onSettled: () => setSure(false) })
  const pin = useMutation({ mutationFn: () => api.pin(run.id), onSuccess: changed })
  const error = cancel.error ?? pin.error
  return (
    <div className="flex flex-wrap items-center gap-2">
      {run.parent === null ? null : <Link to="/compare" search={{ runs: `${run.parent},${run.id}` }} className="inline-flex min-h-7 items-center rounded border border-line px-2.5 text-small no-underline hover:bg-band">Compare with its parent</Link>}
      {Object.hasOwn(run.tags, BASELINE)
        ? <span className="text-small text-accent"><span aria-hidden="true">★</span> Baseline of {run.experiment}</span>
        : run.status === "completed"
        ? <Button disabled={pin.isPending} onClick={() => pin.mutate()}>Pin as baseline</Button>
        : null}
      {run.status !== "running"
        ? null
        : sure
        ? (
          <>
            <Button tone="bad" disabled={cancel.isPending} onClick={() => cancel.mutate()}>Yes, cancel it</Button>
            <Button onClick={() => setSure(false)}>Go on</Button>
          </>
        )
        : <Button onClick={() => setSure(true)}>{cancel.isSuccess ? "Asked to stop" : "Cancel"}</Button>}
      {error === null ? null : <Failure error={error} />}
    </div>
  )
}

const Heading = ({ run }: { readonly run: Run }) => {
  const now = useNow(run.status === "running" ? 1_000 : 60_000)
  return (
    <header className="mb-6 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <p className="text-small text-soft"><Link to="/runs" search={{ experiment: run.experiment }}>{run.experiment}</Link></p>
        <h1 className="break-all text-title font-semibold">{run.id}</h1>
        <p className="mt-1 flex flex-wrap gap-x-4 text-small text-soft">
          <span role="status"><Status status={run.status} /></span>
          <span>started <When atMs={Number(run.createdAtMs)} /></span>
          <span>{run.status === "running" ? "for" : "took"} {formatDuration(workedMs(run, now))}{run.attempts.length > 1 ? ` in ${formatCount(run.attempts.length, "attempt")}` : ""}</span>
          {run.experiment === run.pipeline ? null : <span>pipeline {run.pipeline}</span>}
          {run.parent === null ? null : <span>forked from <Link to="/runs/$runId" params={{ runId: run.parent }}>{run.parent}</Link></span>}
        </p>
      </div>
      <Actions run={run} />
    </header>
  )
}

type StoredError = NonNullable<Run["error"]>

const Cause = ({ error }: { readonly error: StoredError }) => (
  <>
    <p className="break-words"><span className="font-semibold">{error.name}</span>{error.message === "" ? "" : ": "}<span className="whitespace-pre-wrap">{error.message}</span></p>
    {error.cause === undefined || error.cause === null ? null : <div className="mt-1 border-l-2 border-bad/40 pl-3"><p className="text-small text-soft">because of</p><Cause error={error.cause} /></div>}
  </>
)

const rootOf = (error: StoredError): StoredError => (error.cause === undefined || error.cause === null ? error : rootOf(error.cause))

const ErrorBlock = ({ run }: { readonly run: Run }) => {
  if (run.error === null) return null
  // That a step failed is said above it.
  const error = run.error.name === "StepFailed" ? run.error.cause ?? run.error : run.error
  const stack = rootOf(error).stack ?? error.stack
  return (
    <section aria-label="Error" className="mb-6 rounded border border-bad/40 bg-bad/5 px-4 py-3">
      <p className="mb-1 text-small text-bad">{run.failedStep === null ? "The run failed" : <>Step <strong>{run.failedStep}</strong> failed</>}</p>
      <Cause error={error} />
      {stack === undefined ? null : (
        <details className="mt-2">
          <summary className="cursor-pointer py-1 text-small text-soft">Where it was thrown</summary>
          <pre tabIndex={0} role="group" aria-label="Stack" className="mt-1 overflow-x-auto font-mono text-small">{stack}</pre>
        </details>
      )}
    </section>
  )
}

const figure = (value: number | string): string => formatNumber(figureOf(value) ?? Number.NaN)

const MetricName = ({ goal, name }: { readonly name: string; readonly goal: string | undefined }) => (
  <>{name}{goal === undefined ? null : <span className="text-soft"> <span aria-hidden="true">{goal === "maximize" ? "↑" : "↓"}</span><span className="sr-only">{goal}</span></span>}</>
)

const MetricCards = ({ run }: { readonly run: Run }) => {
  const [all, setAll] = useState(false)
  const [text, setText] = useState("")
  // The bare key stands for `step.key` where one step alone has it.
  const names = Object.keys(run.series).map((full) => {
    const bare = full.slice(full.indexOf(".") + 1)
    return { full, name: Object.hasOwn(run.metrics, bare) ? bare : full }
  })
  const sorted = names.toSorted((a, b) => Number(Object.hasOwn(run.goals, b.name)) - Number(Object.hasOwn(run.goals, a.name)))
  const found = sorted.filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()))
  const shown = all ? found.slice(0, 200) : found.slice(0, MOST_METRICS)
  const [single, many] = [shown.filter(({ full }) => Number(run.series[full]!.count) <= 1), shown.filter(({ full }) => Number(run.series[full]!.count) > 1)]
  if (names.length === 0) return <p className="text-small text-soft">No step logged a metric.</p>
  return (
    <>
      {names.length > MOST_METRICS
        ? <input type="search" value={text} onChange={({ target }) => setText(target.value)} placeholder={`Find among ${formatNumber(names.length)}`} aria-label="Find a metric" className="mb-3 w-60 max-w-full rounded border border-line bg-paper px-2 py-1 text-small" />
        : null}
      {single.length === 0 ? null : (
        <ul className="mb-4 flex flex-wrap gap-x-10 gap-y-3">
          {single.map(({ full, name }) => (
            <li key={full} className="min-w-0">
              <h3 className="truncate text-small text-soft" title={full}><MetricName name={name} goal={run.goals[name]} /></h3>
              <p className="text-title font-semibold">{figure(run.series[full]!.last)}</p>
            </li>
          ))}
        </ul>
      )}
      <ul className="grid gap-4 sm:grid-cols-2">
        {many.map(({ full, name }) => {
          const { count, last, max, min, nans } = run.series[full]!
          return (
            <li key={full} className="min-w-0 rounded border border-line px-3 py-2">
              <div className="flex items-baseline justify-between gap-3">
                <h3 className="truncate text-small" title={full}><MetricName name={name} goal={run.goals[name]} /></h3>
                <span className="font-semibold">{figure(last)}</span>
              </div>
              <Suspense fallback={<div style={{ height: 120 }} />}><SmallChart runId={run.id} name={full} /></Suspense>
              <p className="mt-1 flex flex-wrap gap-x-3 text-small text-soft">
                <span>min {figure(min)}</span><span>max {figure(max)}</span><span>{formatCount(Number(count), "point")}</span>{Number(nans) === 0 ? null : <span className="text-warning">{formatNumber(Number(nans))} NaN</span>}
              </p>
            </li>
          )
        })}
      </ul>
      {found.length > shown.length ? <Button className="mt-3" onClick={() => setAll(true)} disabled={all}>{all ? `${formatNumber(found.length - shown.length)} more: find them by name` : `Show ${formatNumber(found.length - shown.length)} more`}</Button> : null}
    </>
  )
}

const Artifacts = ({ run, step }: { readonly run: Run; readonly step: string | undefined }) => {
  const [open, setOpen] = useState<string>()
  const own = run.artifacts.filter((artifact) => step === undefined || artifact.step === step).toSorted((a, b) => Number(a.kind === "output") - Number(b.kind === "output"))
  const [some, more] = useSome(own, 20)
  if (own.length === 0) return <p className="text-small text-soft">None.</p>
  return (
    <ul>
      {some.map((artifact) => {
        const { digest, kind, mediaType, name, sizeBytes } = artifact
        const id = `${kind} ${artifact.step} ${name}`
        const shown = open === id
        const size = Number(sizeBytes)
        const canShow = previewKind({ mediaType, sizeBytes: size }) !== undefined
        return (
          <li key={id} className="border-t border-line py-1.5 text-small first:border-t-0">
            <div className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 sm:grid-cols-[minmax(0,1fr)_10rem_5rem_10rem]">
              <span className="truncate" title={`${name}, SHA-256 ${digest}`}>{name} <span className="text-soft">{kind === "output" ? "output" : `of ${artifact.step}`}</span></span>
              <span className="hidden truncate text-soft sm:block" title={mediaType}>{mediaType}</span>
              <span className="hidden text-right sm:block">{formatBytes(size)}</span>
              <span className="flex items-center justify-end gap-3">
                {canShow ? <Button aria-expanded={shown} onClick={() => setOpen(shown ? undefined : id)} aria-label={`${shown ? "Hide" : "Show"} ${name}`}>{shown ? "Hide" : "Show"}</Button> : null}
                <a href={api.artifact(run.id, name)} download aria-label={`Download ${name}`} className="inline-flex min-h-7 items-center text-accent">Download</a>
              </span>
            </div>
            {shown ? <div className="mt-2"><ArtifactPreview runId={run.id} artifact={{ name, mediaType, digest, sizeBytes: size }} /></div> : null}
          </li>
        )
      })}
      {more === null ? null : <li className="pt-2">{more}</li>}
    </ul>
  )
}

const Commands = ({ run, step }: { readonly run: Run; readonly step: string | undefined }) => {
  const id = shellWord(run.id)
  const from = step === undefined ? "" : ` --from ${shellWord(step)}`
  const param = Object.entries(run.params).find(([, value]) => typeof value !== "object")
  const change = param === undefined || step !== undefined ? "" : ` --param ${shellWord(`${param[0]}=${valueText(param[1])}`)}`
  return (
    <Section title="Go on" aside={step === undefined ? "from the terminal" : <>with <strong>{step}</strong> and what stands after it</>}>
      <div className="space-y-2">
        {run.status === "running" ? <CopyCommand label="Watch it" command={`uniflow watch ${id}`} /> : <CopyCommand label={run.status === "completed" ? "Resume: what changed runs again" : "Resume where it stopped"} command={`uniflow resume ${id}${from}`} />}
        <CopyCommand label="Fork: the same with other params" command={`uniflow fork ${id}${from}${change}`} />
        {run.status === "running" ? null : <CopyCommand label="Reproduce: does the same come out?" command={`uniflow reproduce ${id}`} />}
        <CopyCommand label="Explain each step" command={`uniflow explain ${id}${step === undefined ? "" : ` --step ${shellWord(step)}`}`} />
      </div>
    </Section>
  )
}

const Surroundings = ({ run }: { readonly run: Run }) => {
  const attempt = run.attempts.at(-1)
  if (attempt === undefined) return null
  const { argv, execArgv, git, host, packages, pid, platform, runtime, uniflow, cwd } = attempt.environment
  const commits = new Set(run.attempts.flatMap(({ environment }) => environment.git?.commit ?? []))
  return (
    <Section title="Git and environment" aside={run.attempts.length > 1 ? "of the newest attempt" : undefined}>
      <Facts
        rows={[
          ...git === undefined || git === null ? [] : [
            ["commit", <><code className="font-mono" title={git.commit}>{git.commit.slice(0, 10)}</code>{git.branch === undefined ? "" : ` on ${git.branch}`}{git.dirty ? <span className="text-warning"> with uncommitted changes</span> : ""}{commits.size > 1 ? ` (${commits.size} commits over its attempts)` : ""}</>] as const
          ],
          ["seed", String(run.seed)],
          ["runtime", runtime],
          ["platform", platform],
          ["host", `${host}, process ${pid}`],
          ...uniflow === undefined ? [] : [["uniflow", uniflow] as const],
          ...cwd === undefined ? [] : [["folder", cwd] as const]
        ]}
      />
      <details className="mt-2 text-small">
        <summary className="cursor-pointer py-1 text-soft">Command line</summary>
        <code className="mt-1 block whitespace-pre-wrap break-all font-mono">{[...execArgv ?? [], ...argv].map(shellWord).join(" ")}</code>
      </details>
      {Object.keys(packages).length === 0 ? null : (
        <details className="mt-1 text-small">
          <summary className="cursor-pointer py-1 text-soft">{formatCount(Object.keys(packages).length, "package")}</summary>
          <div className="mt-1"><Facts rows={Object.entries(packages)} /></div>
        </details>
      )}
    </Section>
  )
}

const Checkpoints = ({ run, step }: { readonly run: Run; readonly step: string | undefined }) => {
  const own = run.checkpoints.filter((one) => step === undefined || one.step === step).toReversed()
  if (own.length === 0) return null
  return (
    <Section title="Checkpoints" aside={formatCount(own.length, "save")}>
      <div className="relative max-h-60 overflow-y-auto">
        <table className="w-full text-small">
          <thead className="text-left text-soft"><tr><th scope="col" className="pr-4 font-normal">Checkpoint</th><th scope="col" className="pr-4 text-right font-normal">Version</th><th scope="col" className="pr-4 text-right font-normal">Size</th><th scope="col" className="text-right font-normal">Saved (UTC)</th></tr></thead>
          <tbody>
            {own.slice(0, 100).map(({ name, savedAtMs, sizeBytes, step: of, version }) => (
              <tr key={`${of} ${name} ${version}`} className="border-t border-line">
                <td className="py-1 pr-4">{name} <span className="text-soft">of {of}</span></td><td className="pr-4 text-right">{version}</td><td className="whitespace-nowrap pr-4 text-right">{formatBytes(sizeBytes)}</td><td className="whitespace-nowrap text-right">{formatTime(savedAtMs).slice(11)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  )
}

export const RunPage = () => {
  const { runId } = useParams({ from: "/runs/$runId" })
  useTitle(runId)
  const [selected, setSelected] = useState<string>()
  const { data: run, error, isPending } = useQuery({ queryKey: ["run", runId], queryFn: () => api.run(runId) })
  if (run === undefined) return <><h1 className="sr-only">Run {runId}</h1>{isPending ? <Loading rows={10} /> : <Failure error={error} />}</>
  const step = run.steps.some(({ name }) => name === selected) || undecidedOf(run).some(({ name }) => name === selected) ? selected : undefined
  const params = Object.entries(run.params)
  const of = step === undefined ? undefined : <>of <strong className="text-ink">{step}</strong> <button type="button" onClick={() => setSelected(undefined)} className="ml-1 underline hover:text-ink">all steps</button></>
  return (
    <div className="mx-auto max-w-[90rem]">
      <Heading run={run} />
      <ErrorBlock run={run} />
      <div className="grid gap-x-10 gap-y-8 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="min-w-0 space-y-8">
          <Section title="Steps">
            {run.steps.length + undecidedOf(run).length === 0
              ? <p className="text-small text-soft">No step was decided yet.</p>
              : <RunSteps run={run} selected={step} onSelect={setSelected} />}
          </Section>
          <Section title="Metrics"><MetricCards run={run} /></Section>
          <Section title="Timeline"><RunTimeline run={run} /></Section>
          <Section title="Logs" aside={of}><RunLogs runId={run.id} step={step} /></Section>
          <Section title="Artifacts" aside={of}><Artifacts run={run} step={step} /></Section>
          <Checkpoints run={run} step={step} />
        </div>
        <aside className="min-w-0 space-y-8">
          <Section title="Params">{params.length === 0 ? <p className="text-small text-soft">None.</p> : <Facts rows={params.map(([name, value]) => [name, valueText(value)])} />}</Section>
          <Commands run={run} step={step} />
          <RunTags run={run} />
          <RunNote run={run} />
          <Surroundings run={run} />
        </aside>
      </div>
    </div>
  )
}
