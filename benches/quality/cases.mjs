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

/** The paper's system as METHODS.md 3.4 has it: loss a weight, levels on a log scale, every matrix for itself, OBS. */
const PAPER = [
  ...['--schedule', 'error-levels', '--granularity', 'matrix', '--loss-scale', 'weights'],
  ...['--levels', '6', '--slope', '0.1'],
]

/** One calibration seed is enough: what these rows are compared by is far beyond the spread of seeds. */
const ONCE = { seeds: 1 }

/** Row that the times of all others are divided by. */
export const TIME_BASELINE = 'obs 70 % + 4 bit'

/** What the tables begin with; it goes through the whole engine too, so it also shows that nothing else changes a model. */
const dense = {
  name: 'dense',
  args: ['--method', 'magnitude', '--sparsity', '0', ...floats],
  seeds: 1,
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

const [FLOATS, CODES] = [BITS.slice(0, 1), BITS.slice(1)]

/** Methods that nothing at 80 % is held against. */
const ASIDE = /^(wanda|admm|descent) 80 %/

const uniformRow = id => [id, method(id, '--schedule', 'uniform'), id === 'magnitude' ? ONCE : {}]
const uniform = [
  ...spread(METHODS.map(uniformRow), FLOATS)
    .filter(({ name }) => name.startsWith('obs') || name.includes('70 %'))
    .map(row => (row.name.startsWith('obs') ? row : { ...row, ...ONCE })),
  ...spread(METHODS.map(uniformRow), CODES).map(row => (ASIDE.test(row.name) ? { ...row, ...ONCE } : row)),
]

const paperRows = [
  ['obs, error-levels of the paper', method('obs', ...PAPER)],
  ['obs, error-levels', method('obs', '--schedule', 'error-levels')],
]
const paper = [
  ...spread(paperRows, FLOATS),
  ...spread(
    paperRows.map(row => [...row, ONCE]),
    CODES,
  ),
]

const scheduled = ['error-levels', 'owl', 'search', 'probe'].flatMap(id =>
  spread([[`joint, ${id}`, method('joint', '--schedule', id)]], CODES).map(row =>
    // A search takes ten times as long as anything else.
    id === 'probe' || (id !== 'search' && row.name.includes('70 %')) ? row : { ...row, ...ONCE },
  ),
)

const efforts = ['fast', 'best'].map(quality => ({
  name: `joint 70 % + 4 bit, ${quality}`,
  args: method('joint', '--sparsity', '0.7', '--bits', '4', '--quality', quality),
  ...(quality === 'best' ? ONCE : {}),
}))

const entropy = ['uniform', 'probe'].flatMap(schedule =>
  ['1.75', '1.9', '2.0', '2.5', '3.0'].map(bits => ({
    name: `entropy, ${schedule} ${bits} bits`,
    args: method('entropy', '--target-bits', bits, '--schedule', schedule),
    ...(schedule === 'probe' && Number(bits) <= 2 ? {} : ONCE),
    quick: bits === '2.0' && schedule === 'probe',
  })),
)

const plain = ['obs', 'descent'].flatMap(id => [
  ...[2, 3, 4].map(bits => ({
    name: `${id} ${bits} bit`,
    args: method(id, '--sparsity', '0', '--bits', String(bits)),
    quick: id === 'descent' && bits < 4,
    ...(id === 'descent' && bits < 4 ? {} : ONCE),
  })),
  {
    name: `${id} 2 bit, groups of 32`,
    args: method(id, '--sparsity', '0', '--bits', '2', '--group-size', '32'),
    ...ONCE,
  },
])

const mixed = ['2.0', '2.5', '3.0'].map(bits => ({
  name: `descent mixed ${bits} bits`,
  args: method('descent', '--target-bits', bits),
  ...(bits === '2.0' ? {} : ONCE),
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
]
