// What the quality bench runs: kerf's options for each row, and what rivals reach on the same data (PEERS.md, one calibration
// seed: differences under 0.01 in cosine or 0.004 in Spearman are noise).

const floats = ['--bits', '16', '--embedding-bits', '16']
const at = share => ['--sparsity', String(share)]

/** MiniLM on the STS-B dev pairs, calibrated on stsb-calibration-512.txt. */
export const sentenceCases = [
  {
    name: 'magnitude 70 %',
    args: ['--method', 'magnitude', ...at(0.7), ...floats],
    peer: { cosine: 0.401, spearman: 0.792 },
    quick: true,
  },
  {
    name: 'wanda 70 %',
    args: ['--method', 'wanda', ...at(0.7), ...floats],
    peer: { cosine: 0.627, spearman: 0.838 },
    quick: true,
  },
  {
    name: 'obs 70 %',
    args: ['--method', 'obs', ...at(0.7), ...floats],
    peer: { cosine: 0.756, spearman: 0.851 },
    quick: true,
  },
  {
    name: 'obs 70 % + 4 bit',
    args: ['--method', 'obs', ...at(0.7), '--bits', '4'],
    peer: { cosine: 0.744, spearman: 0.851 },
    quick: true,
  },
  { name: 'obs 2:4 + 4 bit', args: ['--method', 'obs', '--pattern', '2:4', '--bits', '4'] },
  { name: 'obs 80 % + 4 bit', args: ['--method', 'obs', ...at(0.8), '--bits', '4'] },
  { name: 'obs 70 % + 3 bit', args: ['--method', 'obs', ...at(0.7), '--bits', '3'] },
  { name: 'obs 4 bit', args: ['--method', 'obs', ...at(0), '--bits', '4'] },
  { name: 'obs 3 bit', args: ['--method', 'obs', ...at(0), '--bits', '3'] },
  { name: 'rtn 8 bit', args: ['--method', 'rtn', '--bits', '8'] },
  { name: 'rtn 4 bit', args: ['--method', 'rtn', '--bits', '4'] },
]

/** classics-6M on the first 200 windows of 256 tokens of classics-valid.txt; dense 42.14. */
export const languageCases = [
  {
    name: 'magnitude 70 %',
    args: ['--method', 'magnitude', ...at(0.7), ...floats],
    peer: { perplexity: 87.8 },
  },
  { name: 'wanda 70 %', args: ['--method', 'wanda', ...at(0.7), ...floats], peer: { perplexity: 62.55 } },
  { name: 'obs 70 %', args: ['--method', 'obs', ...at(0.7), ...floats], peer: { perplexity: 57.51 } },
  {
    name: 'obs 70 % + 4 bit',
    args: ['--method', 'obs', ...at(0.7), '--bits', '4'],
    peer: { perplexity: 59.25 },
  },
  { name: 'obs 80 %', args: ['--method', 'obs', ...at(0.8), ...floats], peer: { perplexity: 100.2 } },
  {
    name: 'obs 80 % + 4 bit',
    args: ['--method', 'obs', ...at(0.8), '--bits', '4'],
    peer: { perplexity: 110.0 },
  },
  { name: 'obs 4 bit', args: ['--method', 'obs', ...at(0), '--bits', '4'], peer: { perplexity: 42.46 } },
  { name: 'obs 3 bit', args: ['--method', 'obs', ...at(0), '--bits', '3'], peer: { perplexity: 43.79 } },
]

/** Bytes of classics-valid.txt that make exactly 200 windows of 256 tokens (51,245 tokens with the BOS). */
export const CLASSICS_PREFIX_BYTES = 187466
