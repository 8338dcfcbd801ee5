// The rows of the quality table: a name, kerf's options, and what a row is for.
//   plain   quantization without zeros: what the others are held against at equal bytes
//   seeds   1 where no calibration is used and every seed gives the same, and for rows beside the point, to save hours
//   quick   also in the short version

const floats = ['--bits', '16', '--embedding-bits', '16']
const BITS = [
  { name: '', args: floats },
  { name: ' + 4 bit', args: ['--bits', '4'] },
]
const SHARES = [0.7, 0.8]
const METHODS = ['magnitude', 'wanda', 'obs', 'admm', 'descent', 'joint']
const QUICK = ['magnitude 70 %', 'wanda 70 %', 'obs 70 %', 'obs 70 % + 4 bit', 'joint 70 % + 4 bit']

const percent = share => `${Math.round(share * 100)} %`

/** The paper's system (schedules/error_levels.rs): loss a weight, levels on a log scale, every matrix for itself, OBS. */
const PAPER = [
  ...['--schedule', 'error-levels', '--granularity', 'matrix', '--loss-scale', 'weights'],
  ...['--levels', '6', '--slope', '0.1'],
]

/**
 * Rows of all calibration seeds: those that others, or the goals, are held against. One seed is enough for the rest, which differ by far
 * more than seeds do, or take too long (a search).
 */
const OFTEN = [
  /^obs (70|80) %/,
  /^wanda 70 % \+/,
  /^(admm|descent) 70 % \+/,
  /^joint (70|80) % \+ 4 bit($|, fast)/,
  /^obs, .*\d %$/,
  /^joint, probe/,
  /^joint, (error-levels|owl) 70 %/,
  /^entropy, probe (1.75|1.9|2.0) /,
  /^descent [23] bit$/,
  /^descent mixed 2.0/,
]
const withSeeds = row => (OFTEN.some(name => name.test(row.name)) ? row : { ...row, seeds: 1 })

/** Row that the times of all others are divided by. */
export const TIME_BASELINE = 'obs 70 % + 4 bit'

/** What the tables begin with; it goes through the whole engine too, so it also shows that nothing else changes a model. */
const dense = {
  name: 'dense',
  args: ['--method', 'magnitude', '--sparsity', '0', ...floats],
  dense: true,
  quick: true,
}

/** Each share and number of bits with each row of `variants`, [name, options]. */
function spread(variants, bits = BITS) {
  const cells = bits.flatMap(b => SHARES.map(share => ({ b, share })))
  return cells.flatMap(({ b, share }) =>
    variants.map(([name, args, more]) => ({
      name: `${name} ${percent(share)}${b.name}`,
      args: [...args, '--sparsity', String(share), ...b.args],
      ...more,
    })),
  )
}

const method = (id, ...more) => ['--method', id, ...more]

const CODES = BITS.slice(1)

const uniform = spread(METHODS.map(id => [id, method(id, '--schedule', 'uniform')])).filter(
  // Floats at 80 % are there for the schedules of obs alone.
  ({ name }) => name.startsWith('obs') || !name.endsWith('80 %'),
)

const paper = spread([
  ['obs, error-levels of the paper', method('obs', ...PAPER)],
  ['obs, error-levels', method('obs', '--schedule', 'error-levels')],
])

const scheduled = ['error-levels', 'owl', 'search', 'probe'].flatMap(id =>
  spread([[`joint, ${id}`, method('joint', '--schedule', id)]], CODES),
)

const efforts = ['fast', 'best'].map(quality => ({
  name: `joint 70 % + 4 bit, ${quality}`,
  args: method('joint', '--sparsity', '0.7', '--bits', '4', '--quality', quality),
}))

const entropy = ['uniform', 'probe'].flatMap(schedule =>
  ['1.75', '1.9', '2.0', '2.5', '3.0'].map(bits => ({
    name: `entropy, ${schedule} ${bits} bits`,
    args: method('entropy', '--target-bits', bits, '--schedule', schedule),
    quick: bits === '2.0' && schedule === 'probe',
  })),
)

const plain = ['obs', 'descent'].flatMap(id => [
  ...[2, 3, 4].map(bits => ({
    name: `${id} ${bits} bit`,
    args: method(id, '--sparsity', '0', '--bits', String(bits)),
    quick: id === 'descent' && bits < 4,
  })),
  {
    name: `${id} 2 bit, groups of 32`,
    args: method(id, '--sparsity', '0', '--bits', '2', '--group-size', '32'),
  },
])

const mixed = ['2.0', '2.5', '3.0'].map(bits => ({
  name: `descent mixed ${bits} bits`,
  args: method('descent', '--target-bits', bits),
}))

/** All rows, in the order of the table. */
export const cases = [
  dense,
  ...uniform.map(row => ({ ...row, quick: QUICK.includes(row.name) })),
  ...paper,
  ...scheduled,
  ...efforts,
  ...entropy,
  ...[...plain, ...mixed].map(row => ({ ...row, plain: true })),
].map(withSeeds)
