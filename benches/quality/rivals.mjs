// What the reference implementations reach on the same data (measured with the authors' own code; one calibration seed: differences under 0.01 in cosine or
// 0.004 in Spearman are noise), by the row that does the same job. Their 4 bit: one scale a row, no bytes of scales counted.

const DENSE_PERPLEXITY = 42.14

const dev = (who, cosine, spearman) => `${who} ${cosine.toFixed(3)}, ${spearman.toFixed(3)}`
const test = (who, cosine) => `${who} ${cosine.toFixed(3)} *test*`
const perplexity = (who, value) =>
  `${who} ${Math.log(value / DENSE_PERPLEXITY).toFixed(3)}, ${value.toFixed(2)}`

const TABLE = {
  MiniLM: {
    'magnitude 70 %': dev('magnitude', 0.401, 0.792),
    'wanda 70 %': dev('Wanda', 0.627, 0.838),
    'obs 70 %': dev('SparseGPT', 0.756, 0.851),
    'obs 70 % + 4 bit': dev('SparseGPT', 0.744, 0.851),
    'admm 70 %': dev('ALPS', 0.857, 0.861),
    'obs, error-levels of the paper 70 %': test('SparseGPT, error-levels', 0.76),
    'joint 70 % + 4 bit': test('trial', 0.857),
    'joint 80 % + 4 bit': test('trial', 0.782),
    'entropy 1.75 bits': test('trial, 1.72 bits', 0.865),
    'entropy 2.0 bits': test('trial, 2.00 bits', 0.906),
    'descent 2 bit, groups of 32': test('trial', 0.863),
    'descent 3 bit': test('trial', 0.947),
  },
  'classics-6M': {
    'magnitude 70 %': perplexity('magnitude', 87.8),
    'wanda 70 %': perplexity('Wanda', 62.55),
    'wanda 80 %': perplexity('Wanda', 117.5),
    'obs 70 %': perplexity('SparseGPT', 57.51),
    'obs 80 %': perplexity('SparseGPT', 100.2),
    'obs 70 % + 4 bit': perplexity('SparseGPT', 59.25),
    'obs 80 % + 4 bit': perplexity('SparseGPT', 110.0),
    'admm 70 %': perplexity('ALPS', 50.52),
    'admm 80 %': perplexity('ALPS', 68.86),
    'joint 70 % + 4 bit': perplexity('trial', 48.55),
    'joint 80 % + 4 bit': perplexity('trial', 59.16),
    'entropy 1.75 bits': perplexity('trial, 1.63 bits', 46.46),
    'entropy 1.9 bits': perplexity('trial, 1.90 bits', 44.58),
    'obs 2 bit': perplexity('GPTQ', 56.1),
    'obs 3 bit': perplexity('GPTQ', 43.79),
    'obs 4 bit': perplexity('GPTQ', 42.46),
  },
}

/** The rival of a row, or a dash. */
export const rival = (model, row) => TABLE[model]?.[row] ?? '-'
