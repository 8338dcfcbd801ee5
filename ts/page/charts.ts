// Charts of a result, those of the report. A bundle of its own, loaded when there is something to draw.
import { depthSection } from '../report/sections/depth.js'
import { matricesSection } from '../report/sections/matrices.js'
import { partsSection } from '../report/sections/parts.js'
import { repairsSection } from '../report/sections/repairs.js'
import type { ReportData } from '../report/data.js'

const SECTIONS = [partsSection, depthSection] as const

/** Where the bytes and the error are, as markup whose text is escaped. */
export function charts(data: ReportData): string {
  const repairs = data.report.repairs.length > 0 ? [repairsSection] : []
  return [...SECTIONS, ...repairs, matricesSection].map(section => section(data)?.text ?? '').join('')
}
