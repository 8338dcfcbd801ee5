import { html, type Markup } from '../page/html.js'
import { draw, TEXT, type Box, type ChartOption } from './draw.js'
import { logScale, type LinearScale } from './scale.js'
import type { Look } from './series.js'

/** One matrix in a chart over the depth. */
export interface Point {
  /** Place on the axis, from 0. */
  x: number
  y: number
  /** What it says when it is pointed at. */
  tip: string
}

/** A line through the matrices of one role. */
export interface Line {
  name: string
  look: Look
  points: readonly Point[]
}

/** A measure over the depth of the network. */
export interface Depth {
  id: string
  title: string
  /** Said in a smaller voice beside the title. */
  remark: string
  description: string
  lines: readonly Line[]
  /** Names of the places on the axis. */
  places: readonly string[]
  axis: string
  /** A logarithmic axis around the values, or one from 0. */
  scale: 'log' | LinearScale
  /** Whether it takes the whole width of the page, or half of it. */
  wide: boolean
  format: (value: number) => string
}

/** More places than this: smaller symbols, and none on narrow screens. */
const MANY = 30

/** The chart of a measure. */
export function depthChart(depth: Depth): Markup {
  return html`<figure class="chart">
    <figcaption>${depth.title} <span>${depth.remark}</span></figcaption>
    ${draw({
      ...depth,
      heights: depth.wide ? { wide: 300, narrow: 260 } : { narrow: 200 },
      option: box => option(depth, box),
      tip: (series, index) => depth.lines[series]?.points.find(point => point.x === index)?.tip ?? '',
    })}
  </figure> `
}

/** What the lines of all charts of a section mean. */
export function legend(looks: ReadonlyMap<string, Look>): Markup | undefined {
  if (looks.size < 2) return undefined
  return html`<ul class="legend">
    ${[...looks].map(
      ([name, look]) =>
        html`<li data-color="${look.color.replace(/\D/g, '')}">
          <svg viewBox="-1.3 -1.3 2.6 2.6" aria-hidden="true">
            <path d="${look.symbol}" fill="${look.color}" /></svg
          >${name}
        </li> `,
    )}
  </ul>`
}

function option(depth: Depth, box: Box): ChartOption {
  const { places } = depth
  const isMany = places.length > MANY
  return {
    grid: { left: box.narrow ? 46 : 58, right: box.narrow ? 10 : 16, top: 12, bottom: 44 },
    xAxis: {
      type: 'category',
      data: [...places],
      boundaryGap: places.length === 1,
      name: depth.axis,
      nameLocation: 'middle',
      nameGap: 28,
      nameTextStyle: TEXT,
      axisLabel: { ...TEXT, ...(isMany && { interval: every(places.length) }) },
      axisLine: { lineStyle: { color: 'var(--axis)' }, onZero: false },
      axisTick: { show: false },
    },
    yAxis: { ...valueAxis(depth), axisLine: { show: false } },
    series: depth.lines.map(({ look, points }) => ({
      type: 'line',
      data: places.map((_, x) => points.find(point => point.x === x)?.y ?? '-'),
      connectNulls: true,
      symbol: `path://${look.symbol}`,
      symbolKeepAspect: true,
      symbolSize: isMany ? 5 : box.narrow ? 7 : 8,
      showSymbol: !(isMany && box.narrow),
      showAllSymbol: true,
      clip: false,
      lineStyle: { color: look.color, width: isMany ? 1.25 : 1.75 },
      itemStyle: { color: look.color },
    })),
  }
}

/** Names every fifth or tenth place, or every hundredth of a model without blocks. */
function every(places: number): (index: number) => boolean {
  const step = [5, 10, 20, 50, 100].find(step => places / step <= 14) ?? 200
  return index => index % step === 0
}

function valueAxis({ scale, lines, format }: Depth): NonNullable<ChartOption['yAxis']> & object {
  const common = { splitLine: { lineStyle: { color: 'var(--grid)' } } }
  const axisLabel = { ...TEXT, formatter: format }
  if (scale !== 'log') {
    return { type: 'value', min: 0, ...scale, ...common, axisLabel }
  }
  const { min, max, ticks } = logScale(lines.flatMap(line => line.points.map(point => point.y)))
  return {
    type: 'log',
    min,
    max,
    ...common,
    axisTick: { show: false, customValues: ticks },
    axisLabel: { ...axisLabel, customValues: ticks },
  }
}
