// What the rows say, worked out from the rows alone: whether zeros and entropy pay at equal bytes, and whether schedules do.
import { alike } from './statistics.mjs'

/**
 * Loss of plain quantization at `bits` a weight: the best curve through the rows of one method, straight in the logarithm of the loss
 * between neighbours. Null outside of all curves. The spread is the larger of the two neighbours'.
 */
export function plainLoss(plain, bits) {
  const points = curves(plain).flatMap(curve => interpolate(curve, bits) ?? [])
  return points.length ? points.reduce((best, point) => (point.mean < best.mean ? point : best)) : null
}

/** One curve a method, by bits. A point that another of its curve beats with fewer bits is left out. */
function curves(plain) {
  const byMethod = new Map()
  for (const row of plain) byMethod.set(methodOf(row), [...(byMethod.get(methodOf(row)) ?? []), row])
  return [...byMethod.values()].map(rows => {
    const sorted = [...rows].sort((a, b) => a.bits - b.bits || a.loss.mean - b.loss.mean)
    return sorted.filter((row, i) => sorted.slice(0, i).every(before => before.loss.mean > row.loss.mean))
  })
}

const methodOf = row => row.args[row.args.indexOf('--method') + 1]

function interpolate(curve, bits) {
  const above = curve.findIndex(row => row.bits >= bits)
  if (above < 0 || (above === 0 && curve[0].bits > bits)) return null
  const [low, high] = [curve[Math.max(above - 1, 0)], curve[above]]
  const share = low === high ? 1 : (bits - low.bits) / (high.bits - low.bits)
  const log = row => Math.log(Math.max(row.loss.mean, 1e-6))
  const spread = Math.max(low.loss.spread ?? 0, high.loss.spread ?? 0)
  return { mean: Math.exp(log(low) * (1 - share) + log(high) * share), spread }
}

/** How one row stands against plain quantization: `{ kind, plain }`. */
export function standing(row, plain) {
  const sorted = [...plain].sort((a, b) => a.bits - b.bits)
  const inside = plainLoss(plain, row.bits)
  if (inside) return { kind: order(row.loss, inside), plain: inside }
  if (row.bits < sorted[0].bits) {
    const least = sorted[0]
    const better = order(row.loss, least.loss) === 'better'
    return { kind: better ? 'better' : 'smaller', plain: least.loss }
  }
  // Larger than the largest plain file: the best plain one has fewer bytes, so being alike is not enough.
  const best = plain.reduce((a, b) => (a.loss.mean < b.loss.mean ? a : b))
  const kind = order(row.loss, best.loss) === 'better' ? 'larger' : 'worse'
  return { kind, plain: best.loss }
}

const order = (loss, plain) => (alike(loss, plain) ? 'alike' : loss.mean < plain.mean ? 'better' : 'worse')

const KINDS = [
  ['better', 'Better than plain quantization'],
  ['alike', 'Alike, within two standard deviations'],
  ['worse', 'Plain quantization wins over'],
  ['smaller', 'Smaller than every plain file, and worse'],
  ['larger', 'Larger than every plain file, and better'],
]

/** Where plain low-bit quantization wins at equal bytes, and where not. */
export function equalBytes(model, rows) {
  const good = rows.filter(row => !row.failed)
  const plain = good.filter(row => row.plain)
  const others = good.filter(row => !row.plain && !row.dense)
  if (plain.length < 2 || others.length === 0) return null
  const stands = others.map(row => ({ row, ...standing(row, plain) })).sort((a, b) => a.row.bits - b.row.bits)
  const { digits, name } = model.loss
  const one = ({ row, plain }) =>
    `${row.name} (${row.bits.toFixed(2)} bits: ${row.loss.mean.toFixed(digits)} against ${plain.mean.toFixed(digits)})`
  const lines = KINDS.map(([kind, text]) => [text, stands.filter(stand => stand.kind === kind).map(one)])
  const head =
    `**At equal bytes**, by ${name}, at the same bits a weight of the linear layers against the best plain row (no zeros; straight lines\n` +
    'between its sizes in the logarithm of the loss):'
  const list = lines.filter(([, all]) => all.length).map(([text, all]) => `- ${text}: ${all.join(', ')}.`)
  return `${head}\n\n${list.join('\n')}`
}

const SCHEDULED = /^(\w+), (.+?)( \d+ %.*)$/

/** Each schedule against uniform with the same method, share and bits. */
export function schedulesAgainstUniform(model, rows) {
  const good = rows.filter(row => !row.failed)
  const { digits, name } = model.loss
  const lines = good.flatMap(row => {
    const [, method, schedule, size] = SCHEDULED.exec(row.name) ?? []
    const uniform = good.find(other => other.name === `${method}${size}`)
    if (!uniform) return []
    const verdict = { better: 'better than', alike: 'like', worse: 'worse than' }[order(row.loss, uniform.loss)]
    const [now, before] = [row, uniform].map(({ loss }) => loss.mean.toFixed(digits))
    return `- ${method}${size}: ${schedule} is ${verdict} uniform (${now}, ${before}).`
  })
  return lines.length ? `**Schedules**, by ${name}:\n\n${lines.join('\n')}` : null
}
