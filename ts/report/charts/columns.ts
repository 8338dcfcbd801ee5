import { html, type Markup } from '../page/html.js'
import { draw, TEXT, type Box, type ChartOption } from './draw.js'

/** A share for each place on an axis. */
export interface Columns {
  id: string
  title: string
  /** Said in a smaller voice beside the title. */
  remark: string
  description: string
  /** Names of the places. */
  places: readonly string[]
  axis: string
  /** 0 to 1. */
  values: readonly number[]
  format: (value: number) => string
}

/** Columns from 0 to all. */
export function columnChart(columns: Columns): Markup {
  return html`<figure class="chart">
    <figcaption>${columns.title} <span>${columns.remark}</span></figcaption>
    ${draw({
      ...columns,
      heights: { wide: 260, narrow: 220 },
      option: box => option(columns, box),
      tip: (_, index) =>
        `${columns.axis} ${columns.places[index] ?? ''}: ${columns.format(columns.values[index] ?? 0)}`,
    })}
  </figure> `
}

function option({ places, axis, values, format }: Columns, box: Box): ChartOption {
  return {
    grid: { left: box.narrow ? 46 : 58, right: box.narrow ? 10 : 16, top: 12, bottom: 44 },
    xAxis: {
      type: 'category',
      data: [...places],
      name: axis,
      nameLocation: 'middle',
      nameGap: 28,
      nameTextStyle: TEXT,
      axisLabel: TEXT,
      axisLine: { lineStyle: { color: 'var(--axis)' } },
      axisTick: { show: false },
    },
    yAxis: {
      type: 'value',
      max: 1,
      interval: 0.25,
      axisLabel: { ...TEXT, formatter: format },
      splitLine: { lineStyle: { color: 'var(--rule)' } },
    },
    series: [
      {
        type: 'bar',
        data: [...values],
        barMaxWidth: 40,
        itemStyle: { color: 'var(--series-0)' },
      },
    ],
  }
}
