// The ablations: what each part of the system is worth. Groups of rows, as in cases.mjs.

const at70 = ['--sparsity', '0.7', '--bits', '4']
const floats = ['--sparsity', '0.7', '--bits', '16', '--embedding-bits', '16']
const joint = ['--method', 'joint', ...at70]
const entropy = ['--method', 'entropy', '--target-bits', '2.0']

/** One row for each value of an option. */
const vary = (name, args, option, values) =>
  values.map(value => ({ name: `${name}, ${option} ${value}`, args: [...args, `--${option}`, value] }))

const SCHEDULES = ['uniform', 'error-levels', 'owl', 'search', 'probe']

const levels = ['1', '4', '8', '0'].flatMap(count =>
  ['0.05', '0.1', '0.15'].map(slope => ({
    name: `${count === '0' ? 'unlimited' : count} level${count === '1' ? '' : 's'}, slope ${slope}`,
    args: [
      ...['--method', 'obs', '--schedule', 'error-levels', '--levels', count, '--slope', slope],
      ...floats,
    ],
  })),
)

/** Groups with a heading each. */
export const ablations = [
  { title: 'error-levels with obs at 70 %: levels and slope', rows: levels },
  {
    title: 'blend: how much of what the dense model computes is aimed at',
    rows: [
      ...vary('joint 70 % + 4 bit', joint, 'blend', ['0', '0.25', '0.5', '1']),
      ...vary('entropy 2.0 bits', entropy, 'blend', ['0', '0.25', '0.5', '1']),
    ],
  },
  {
    title: 'sweeps of coordinate descent over the codes',
    rows: [
      ...vary('joint 70 % + 4 bit', joint, 'sweeps', ['0', '1', '4']),
      ...vary('entropy 2.0 bits', entropy, 'sweeps', ['0', '1', '4']),
    ],
  },
  {
    title: 'iterations of the search for what survives',
    rows: vary('joint 70 % + 4 bit', joint, 'iterations', ['0', '6', '20', '60']),
  },
  {
    title: 'each schedule with each solver, 70 % + 4 bit',
    rows: ['obs', 'joint'].flatMap(id =>
      SCHEDULES.map(schedule => ({
        name: `${id}, ${schedule}`,
        args: ['--method', id, '--schedule', schedule, ...at70],
      })),
    ),
  },
]
