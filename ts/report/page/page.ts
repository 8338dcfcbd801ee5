// The page as a whole. This file and all it imports is a bundle of its own, which is loaded when a page is wanted.
import type { ReportData } from '../data.js'
import { depthSection } from '../sections/depth.js'
import { headline } from '../sections/headline.js'
import { matricesSection } from '../sections/matrices.js'
import { notesSection } from '../sections/notes.js'
import { partsSection } from '../sections/parts.js'
import { qualitySection } from '../sections/quality.js'
import { recoverySection } from '../sections/recovery.js'
import { repairsSection } from '../sections/repairs.js'
import { runSection } from '../sections/run.js'
import { samplesSection } from '../sections/samples.js'
import { truthSection } from '../sections/truth.js'
import { wholePage } from './whole.js'

/** Sections in the order of the page: one file and one row each. */
const SECTIONS = [
  headline,
  partsSection,
  qualitySection,
  samplesSection,
  depthSection,
  recoverySection,
  repairsSection,
  notesSection,
  truthSection,
  runSection,
  matricesSection,
] as const

/** A compression as one HTML file that loads nothing. */
export function renderPage(data: ReportData): Promise<string> {
  const { report, version, date } = data
  return wholePage({
    title: `${data.model} – kerf report`,
    ...(version !== undefined && { version }),
    ...(date !== undefined && { date }),
    machine: `${report.isa}, ${report.threads} ${report.threads === 1 ? 'thread' : 'threads'}`,
    sections: SECTIONS.map(section => section(data)),
  })
}
