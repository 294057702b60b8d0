/** A group comparison as one self-contained HTML file, with a drawing of every metric: each run a dot, each mean with its interval. */
import { formatNumber } from "../Format.ts"
import type { GroupComparisonData, GroupMetric } from "../GroupComparison.ts"
import { checksHtml } from "./checkFormats.ts"
import type { HtmlOptions } from "./comparisonHtml.ts"
import { groupReportOf, type GroupRow, groupTitleOf } from "./groupReport.ts"
import { html, htmlNotes, htmlPage } from "./htmlPage.ts"

const WIDTH = 200
const HEIGHT = 22

/** A function from the values of a metric to the width of its drawings; undefined where nothing can be drawn. */
const scaleOf = ({ groups }: GroupMetric): ((value: number) => number) | undefined => {
  const all = groups.flatMap(({ interval, values }) => [...values, interval?.low, interval?.high].filter((value) => value !== undefined && Number.isFinite(value)) as ReadonlyArray<number>)
  const low = all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const high = all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (!Number.isFinite(high - low)) return undefined
  return (value) => (high === low ? WIDTH / 2 : 6 + ((value - low) / (high - low)) * (WIDTH - 12))
}

const drawing = (metric: GroupMetric, at: number): string => {
  const scale = scaleOf(metric)
  const group = metric.groups[at]
  if (scale === undefined || group === undefined || group.n === 0) return ""
  const x = (value: number): string => scale(value).toFixed(1)
  const middle = HEIGHT / 2
  const base = metric.groups[0]
  return [
    `<svg width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">`,
    base === undefined || base.n === 0 ? "" : `<line class="axis" x1="${x(base.mean)}" x2="${x(base.mean)}" y1="0" y2="${HEIGHT}"/>`,
    ...group.values.flatMap((value) => (value === undefined || !Number.isFinite(value) ? [] : [`<circle class="run" cx="${x(value)}" cy="${middle}" r="3"/>`])),
    group.interval === undefined ? "" : `<line class="bar" x1="${x(group.interval.low)}" x2="${x(group.interval.high)}" y1="${middle}" y2="${middle}"/>`,
    `<circle class="dot" cx="${x(group.mean)}" cy="${middle}" r="4"/>`,
    "</svg>"
  ].join("")
}

const rowOf = (metric: GroupMetric, row: GroupRow, at: number): string => {
  const cell = (text: string, tone?: string): string => `<td class="n${tone === undefined ? "" : ` ${tone}`}">${html(text)}</td>`
  return `<tr><th scope="row">${html(row.group)}</th>${[
    cell(row.n), cell(row.mean), cell(row.sd), cell(row.interval, "faint"), `<td>${drawing(metric, at)}</td>`,
    cell([row.difference, row.percent].filter((text) => text !== "").join(" · "), row.tone), cell(row.differenceInterval, "faint"), cell(row.p), `<td class="verdict ${row.tone ?? ""}">${html(row.verdict)}</td>`
  ].join("")}</tr>`
}

/** Renders a group comparison as an HTML file. */
export const renderGroupsHtml = (data: GroupComparisonData, { checks = [] }: Omit<HtmlOptions, "all"> = {}): string => {
  const { metrics, notes } = groupReportOf(data)
  const interval = `${formatNumber(data.confidence * 100, 6)}% interval`
  const header = ["n", "mean", "sd", interval, "", "difference", interval, "p", "verdict"].map((title, at) => `<th scope="col"${at === 4 || at === 8 ? "" : " class=\"n\""}>${title}</th>`).join("")
  const bodies = metrics.map(({ name, note, rows }, at) =>
    `<tbody>\n<tr class="section"><th scope="rowgroup" colspan="10">${html(name)}${note === undefined ? "" : ` <span class="faint">${html(note)}</span>`}</th></tr>\n${
      rows.map((row, group) => rowOf(data.metrics[at]!, row, group)).join("\n")
    }\n</tbody>`
  )
  const table = `<div class="scroll"><table><thead><tr><td></td>${header}</tr></thead>\n${bodies.join("\n")}\n</table></div>`
  return htmlPage(groupTitleOf(data).map(({ text }) => text).join(""), [checksHtml(checks), table, htmlNotes(notes)].filter((part) => part !== "").join("\n"))
}
