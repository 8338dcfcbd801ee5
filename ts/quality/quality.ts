import type { Comparison } from '../generated/index.js'

/** The original's and the small model's answer to the same prompt or sentence. */
export type QualitySample =
  | {
      /** A decoder continues a prompt, the most likely token each time. */
      kind: 'continuation'
      prompt: string
      before: string
      after: string
    }
  | {
      /** The nearest other sentence of a list, by an encoder's vectors. */
      kind: 'nearest'
      text: string
      before: NearestText
      after: NearestText
    }

/** A sentence and its cosine to another. */
export interface NearestText {
  text: string
  cosine: number
}

/**
 * Quality of the original and the small model, measured on the same text: perplexity, KL and top-token agreement of a decoder;
 * the mean cosine of old and new vectors of an encoder, and Spearman where pairs were given.
 */
export interface Quality extends Pick<
  Comparison,
  'original' | 'small' | 'kl' | 'topTokenAgreement' | 'meanCosine'
> {
  kind: 'decoder' | 'encoder'
  /** What it was measured on: the path of a file, or the sample that ships with kerf. */
  measuredOn: string
  /** Whether calibration saw the same file: then the numbers flatter. */
  onCalibrationText: boolean
  /** Number of sentences behind `meanCosine`, where no pairs were given. */
  sentences?: number
  /** Answers side by side. */
  samples: QualitySample[]
}
