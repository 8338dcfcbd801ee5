// The only place that knows the charting library: options in, SVG out.
import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent } from 'echarts/components'
import { init, use, type ComposeOption } from 'echarts/core'
import type { BarSeriesOption, LineSeriesOption } from 'echarts/charts'
import type { GridComponentOption } from 'echarts/components'
import { SVGRenderer } from 'echarts/renderers'
import { escape, html, Markup } from '../page/html.js'

use([BarChart, LineChart, GridComponent, SVGRenderer])

/** What a chart may be made of. */
export type ChartOption = ComposeOption<BarSeriesOption | LineSeriesOption | GridComponentOption>

/** Size of a drawing in its own pixels; the page scales it. */
export interface Box {
  width: number
  height: number
  narrow: boolean
}

/** A chart in words and as options for a box. */
export interface Chart {
  id: string
  /** What a screen reader says instead of the picture. */
  title: string
  description: string
  /** Heights of the drawings; without a wide one the narrow one is shown everywhere. */
  heights: { wide?: number; narrow: number }
  option: (box: Box) => ChartOption
  /** What a mark says when it is pointed at; empty if it says nothing. */
  tip: (series: number, index: number) => string
}

const WIDE = 860
const NARROW = 400

/** Words of a chart; the page's fonts are measured as a sans-serif. */
export const TEXT = { fontSize: 12.5, fontFamily: 'sans-serif', color: 'var(--muted)' } as const

/** A chart twice, for wide and for narrow screens: the style sheet shows one of them. */
export function draw(chart: Chart): Markup {
  const { wide, narrow } = chart.heights
  const small = { width: NARROW, height: narrow, narrow: true }
  if (wide === undefined) return picture(chart, small, 'half')
  return html`${picture(chart, { width: WIDE, height: wide, narrow: false }, 'wide')}
  ${picture(chart, small, 'narrow')}`
}

function picture(chart: Chart, box: Box, kind: 'wide' | 'narrow' | 'half'): Markup {
  const id = `${chart.id}-${kind}`
  const drawn = svgOf(chart.option(box), box)
  const body = withTips(clean(drawn, id), chart)
  const { width, height } = box
  return html`<svg
    class="${kind}"
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="${chart.title}"
    aria-describedby="${id}-text"
  >
    <desc id="${id}-text">${chart.description}</desc>
    ${body}
  </svg> `
}

function svgOf(option: ChartOption, { width, height }: Box): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption({ animation: false, textStyle: TEXT, ...option })
    return chart.renderToSVGString()
  } finally {
    chart.dispose()
  }
}

/** The inside of the drawing: without the library's own style sheet, and with ids that are this chart's alone. */
function clean(svg: string, id: string): string {
  return svg
    .replace(/^<svg[^>]*>/, '')
    .replace(/<\/svg>\s*$/, '')
    .replace(/<style\s*>[\s\S]*?<\/style>/g, '')
    .replace(/<rect [^>]*fill="none"><\/rect>\n/, '')
    .replace(/ class="zr[^"]*"/g, '')
    .replace(/ pointer-events="[^"]*"/g, '')
    .replace(/font-family:sans-serif;/g, '')
    .replace(/zr\d+-/g, `${id}-`)
}

const MARK = /<path ([^>]*?)ecmeta_series_index="(\d+)" ecmeta_data_index="(\d+)"([^>]*)><\/path>/g

/** Marks learn what they say when they are pointed at: without a script as the browser's own tooltip. */
function withTips(svg: string, { tip }: Chart): Markup {
  const marked = svg
    .replace(MARK, (_, before: string, series: string, index: string, after: string) => {
      const rest = after.replace(/ ecmeta_\w+="[^"]*"/g, '')
      const words = escape(tip(Number(series), Number(index)))
      if (words === '') return `<path ${before}${rest}></path>`
      return `<path ${before}data-tip="${words}"${rest}><title>${words}</title></path>`
    })
    .replace(/ ecmeta_\w+="[^"]*"/g, '')
  return new Markup(marked)
}
