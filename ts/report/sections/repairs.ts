import { integer, plural } from '../../format.js'
import type { Repair } from '../../generated/index.js'
import type { ReportData } from '../data.js'
import type { Markup } from '../page/html.js'
import { section, table } from '../page/table.js'

/** Every repair, or that there was none. */
export function repairsSection({ report }: ReportData): Markup {
  const { repairs } = report
  if (repairs.length === 0) {
    return section(
      'repairs',
      'Repairs',
      'None: no matrix had to be solved in another way than asked.',
      undefined,
    )
  }
  const lead = `${plural(repairs.length, 'repair')}. The result is complete; these matrices were solved in another way than asked.`
  const heads = [{ text: 'matrix' }, { text: 'what was done' }]
  return section('repairs', 'Repairs', lead, [
    table(
      'Repairs',
      heads,
      repairs.map(repair => [repair.tensor, words(repair)]),
    ),
  ])
}

function words(repair: Repair): string {
  switch (repair.kind) {
    case 'dampingRaised':
      return `Damping raised to ${repair.dampingRel} of the mean diagonal, since its statistics were not positive definite`
    case 'deadColumns':
      return `${integer(repair.columns)} inputs are always zero in the calibration text: their weights were removed`
    case 'fallback':
      return `Solved by ${repair.method} instead, because ${repair.reason}`
    case 'ownInputs':
      return `Aims at its own outputs and not at those of the dense model, because ${repair.reason}`
    case 'outOfRange':
      return `${integer(repair.groups)} groups of weights are out of the range of the format's f16: ${
        repair.kept ? 'the matrix is stored as f32' : 'they are set to 0'
      }`
  }
}
