import { html, type Markup } from '../page/html.js'
import { draw, TEXT, type Box, type ChartOption } from './draw.js'

/** A part of a bar. */
export interface Segment {
  name: string
  /** What the legend says, if it is more than the name. */
  legend?: string
  /** Its colour, a variable of the style sheet. */
  color: string
  /** Its colour of text. */
  onColor: string
  /** One value a bar. */
  values: readonly number[]
}

/** Bars from the left, each of the same parts. */
export interface Bars {
  id: string
  /** Shown above the bars, unless the section says it already; a screen reader says it always. */
  title: string
  untitled?: boolean
  description: string
  bars: readonly string[]
  segments: readonly Segment[]
  format: (value: number) => string
}

/** A part gets its number written into it if it has this share of the longest bar. */
const LEAST_LABELLED = { wide: 0.085, narrow: 0.2 }
const ROW = 44

/** Stacked bars with their legend; the sum of a bar stands at its end. */
export function stackedBars(bars: Bars): Markup {
  const height = bars.bars.length * ROW + 8
  return html`<figure class="chart">
    ${bars.untitled ? undefined : html`<figcaption>${bars.title}</figcaption>`}
    <ul class="legend">
      ${bars.segments.map(
        ({ name, legend, color }) =>
          html`<li>
            <svg viewBox="0 0 10 10" aria-hidden="true">
              <rect width="10" height="10" rx="2" fill="${color}" /></svg
            >${legend ?? name}
          </li> `,
      )}
    </ul>
    ${draw({
      ...bars,
      heights: { wide: height, narrow: height },
      option: box => option(bars, box),
      tip: (series, index) => tipOf(bars, series, index),
    })}
  </figure> `
}

function tipOf({ bars, segments, format }: Bars, series: number, index: number): string {
  const segment = segments[series]
  return segment === undefined ? '' : `${bars[index]}: ${segment.name} ${format(segment.values[index] ?? 0)}`
}

function option({ bars, segments, format }: Bars, box: Box): ChartOption {
  const sums = bars.map((_, bar) => segments.reduce((sum, segment) => sum + (segment.values[bar] ?? 0), 0))
  const longest = Math.max(...sums)
  const least = longest * LEAST_LABELLED[box.narrow ? 'narrow' : 'wide']
  const isLast = (series: number): boolean => series === segments.length
  return {
    grid: { left: Math.max(...bars.map(name => name.length)) * 7 + 14, right: 78, top: 0, bottom: 0 },
    xAxis: { type: 'value', max: longest, show: false },
    yAxis: {
      type: 'category',
      data: [...bars],
      inverse: true,
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { ...TEXT, color: 'var(--ink)' },
    },
    // The last series has no length: it carries the sum.
    series: [...segments, undefined].map((segment, series) => ({
      type: 'bar',
      stack: 'all',
      barWidth: 26,
      data: bars.map((_, bar) => {
        const value = segment?.values[bar] ?? 0
        return { value, label: { show: isLast(series) || value >= least } }
      }),
      itemStyle: segment
        ? // A thin gap between the parts.
          { color: segment.color, borderColor: 'var(--paper)', borderWidth: 1 }
        : { color: 'transparent' },
      label: {
        ...TEXT,
        position: isLast(series) ? 'right' : 'inside',
        color: segment?.onColor ?? 'var(--ink)',
        formatter: ({ dataIndex }: { dataIndex: number }) =>
          format(isLast(series) ? (sums[dataIndex] ?? 0) : (segment?.values[dataIndex] ?? 0)),
      },
    })),
  }
}
