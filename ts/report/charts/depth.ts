import { html, type Markup } from '../page/html.js'
import { draw, TEXT, type Box, type ChartOption } from './draw.js'
import { logScale } from './scale.js'
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
  description: string
  lines: readonly Line[]
  /** Names of the places on the axis. */
  places: readonly string[]
  axis: string
  log: boolean
  format: (value: number) => string
}

/** More places than this: smaller symbols, and none on narrow screens. */
const MANY = 30

/** The chart of a measure, with its legend. */
export function depthChart(depth: Depth): Markup {
  return html`<figure class="chart">
    <figcaption>${depth.title}</figcaption>
    ${legend(depth.lines)}
    ${draw({
      ...depth,
      heights: { wide: 300, narrow: 260 },
      option: box => option(depth, box),
      tip: (series, index) => depth.lines[series]?.points.find(point => point.x === index)?.tip ?? '',
    })}
  </figure> `
}

function legend(lines: readonly Line[]): Markup | undefined {
  if (lines.length < 2) return undefined
  return html`<ul class="legend">
    ${lines.map(
      ({ name, look }) =>
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
      axisLabel: TEXT,
      axisLine: { lineStyle: { color: 'var(--axis)' }, onZero: false },
      axisTick: { show: false },
    },
    yAxis: { ...valueAxis(depth), axisLine: { show: false } },
    series: depth.lines.map(({ look, points }) => ({
      type: 'line',
      data: places.map((_, x) => points.find(point => point.x === x)?.y ?? '-'),
      connectNulls: true,
      symbol: `path://${look.symbol}`,
      symbolSize: isMany ? 5 : box.narrow ? 7 : 8,
      showSymbol: !(isMany && box.narrow),
      showAllSymbol: true,
      clip: false,
      lineStyle: { color: look.color, width: isMany ? 1.25 : 1.75 },
      itemStyle: { color: look.color },
    })),
  }
}

function valueAxis({ log, lines, format }: Depth): NonNullable<ChartOption['yAxis']> & object {
  const values = lines.flatMap(line => line.points.map(point => point.y))
  const common = { splitLine: { lineStyle: { color: 'var(--grid)' } } }
  const axisLabel = { ...TEXT, formatter: format }
  if (!log) return { type: 'value', scale: true, splitNumber: 4, ...common, axisLabel }
  const { min, max, ticks } = logScale(values)
  return {
    type: 'log',
    min,
    max,
    ...common,
    axisTick: { show: false, customValues: ticks },
    axisLabel: { ...axisLabel, customValues: ticks },
  }
}
