import type { ReportData } from './report/data.js'

/**
 * A compression as one self-contained HTML page: it loads nothing, and works from a file. Pure: the same data, the same page.
 *
 * `compress` with the option `report` calls this and writes the file. The charting library is loaded at the first call, not with
 * the package.
 *
 *     const report = await compress('./model', { out: './small' })
 *     const page = await renderReport({ model: 'my model', report })
 */
export async function renderReport(data: ReportData): Promise<string> {
  const { renderPage } = await import('./report/pages.js')
  return renderPage(data)
}
