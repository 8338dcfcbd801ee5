// Mean and spread over calibration seeds.

/** `{ mean, spread }`: spread is the sample standard deviation, null for one value. */
export function summary(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return { mean, spread: null }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, spread: Math.sqrt(squares / (values.length - 1)) }
}

/** `0.867 ± 0.003`, or the mean alone where there is no spread. */
export const withSpread = ({ mean, spread }, digits) =>
  spread === null ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${spread.toFixed(digits)}`

/** Whether two means differ by less than two standard deviations of their difference; a missing spread counts as zero. */
export const alike = (a, b) => Math.abs(a.mean - b.mean) <= 2 * Math.hypot(a.spread ?? 0, b.spread ?? 0)
