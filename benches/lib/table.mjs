// Markdown tables, aligned so that they read well on a terminal too.

/** rows: arrays of strings, the first is the head. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map(row => String(row[column]).length)))
  const line = row => `| ${row.map((cell, i) => String(cell).padEnd(widths[i])).join(' | ')} |`
  return [
    line(rows[0]),
    `| ${widths.map(w => '-'.repeat(w)).join(' | ')} |`,
    ...rows.slice(1).map(line),
  ].join('\n')
}

export const seconds = value => `${value.toFixed(2)} s`
export const megabytes = bytes => `${(bytes / 1e6).toFixed(0)} MB`
export const gibibytes = bytes => `${(bytes / 2 ** 30).toFixed(2)} GiB`
export const times = ratio => `${ratio.toFixed(2)} x`
/** Or a dash for a number that was not measured. */
export const fixed = (value, digits = 3) =>
  value === undefined || value === null ? '-' : value.toFixed(digits)
