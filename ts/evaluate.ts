import { call, type RunOptions } from './call.js'
import { check, integer, type Rules } from './check.js'
import { routingRules, type RoutingOptions } from './routing.js'
import type { Evaluation } from './generated/index.js'
import { measureRequest, type MeasureOptions } from './measure.js'
import type { OpenModel } from './open.js'
import { file, runnable, type Model, type WithSources } from './source.js'

/** What {@link evaluate} measures on: at least one of `text`, `textFile`, `pairs`, `task`, `qa` and `completion`. */
export interface EvaluateOptions extends MeasureOptions, RoutingOptions {
  /**
   * For classifiers (`...ForSequenceClassification`), accuracy, and F1 of the second of two labels: a UTF-8 file with a line each of
   * text, tab, label, or of text, tab, text, tab, label. A label is a name of the model's `id2label`, or a number from 0. There are no
   * quotes. A first line such as `sentence`, tab, `label` is a header.
   */
  task?: string
  /**
   * For span heads (`...ForQuestionAnswering`), exact match and F1: a file with the JSON of SQuAD v1.1. Where a context is too long, it is
   * read in windows of `context` tokens (default 384, or the model's maximum), and the best span of all windows answers.
   */
  qa?: string
  /**
   * For decoders, log likelihoods: a file of JSON lines, or CSV with a header, with `prompt` and `completion` (joined as they are); or with
   * `good` and `bad`, and the share of pairs whose good text is more likely. E2E's `mr` and `ref` and BLiMP's `sentence_good` and
   * `sentence_bad` are read, too.
   */
  completion?: string
  /**
   * For `completion`: let the model write behind each prompt, greedily, up to so many tokens or its end token, and score the texts against
   * all completions of the prompt: BLEU (as sacrebleu computes it) and ROUGE-L.
   */
  generate?: number
  /** For `qa`: tokens of a context that two windows share. Default 128, and at most a third of a window. */
  stride?: number
  /** For `qa`: most tokens of an answer. Default 30. */
  maxAnswer?: number
}

const rules: Rules = {
  ...routingRules,
  task: file,
  qa: file,
  completion: file,
  generate: integer(1),
  stride: integer(0),
  maxAnswer: integer(1),
}

/**
 * Measures a model in any form that kerf reads: perplexity on a text or log likelihoods of completions (decoders), Spearman on sentence
 * pairs (encoders), accuracy of a classifier, exact match and F1 of a span head.
 *
 * With a `router` tokens skip blocks, and `routing` says how many and what that costs. Perplexity is then that of the last quarter of windows
 * of 512 tokens (or of `context`), whose first three quarters are a routed prompt; what follows goes through the decoding path, so that nothing
 * looks ahead. Completions are measured in the same way behind their prompts; `pairs` cannot be measured.
 *
 * Errors: `BAD_OPTION`, `EMPTY`, `BAD_PAIRS`, `BAD_TASK_DATA` (with file, line and what is wrong), `NOT_UTF8`, `NO_TOKENIZER`, `WRONG_KIND`
 * for a model without the head that is measured or for a router on an encoder, `WRONG_MODEL` for the router of another model, `BAD_ROUTER`,
 * `ROUTER_VERSION`, and those of reading a model.
 *
 *     const { perplexity } = await evaluate('./my-llama', { textFile: './held-out.txt' })
 *     const { spearman } = await evaluate('./all-MiniLM-L6-v2', { pairs: './my-pairs.csv' })
 *     const { classification } = await evaluate('./my-classifier', { task: './reviews.tsv' })
 *     const { answering } = await evaluate('./my-reader', { qa: './questions.json' })
 *     const { completions } = await evaluate('./my-llama', { completion: './sentences.jsonl' })
 *     console.log(perplexity, spearman, classification?.accuracy, answering?.f1, completions?.preferred)
 *
 * @param model Folder as the Hugging Face hub lays it out, its id there (in Node), a single file, what kerf wrote, or an open model.
 * @param options What to measure on.
 */
export async function evaluate(
  model: Model | OpenModel,
  options: WithSources<EvaluateOptions> & RunOptions,
): Promise<Evaluation> {
  check('model', model, runnable)
  const shared = measureRequest(options, rules, ['task', 'qa', 'completion'])
  const { task, qa, completion, generate, stride, maxAnswer, router, tokenSparsity, schedule } = options
  const routing = { router, tokenSparsity, schedule }
  const request = { model, ...shared, task, qa, completion, generate, stride, maxAnswer, ...routing }
  return call<Evaluation>('evaluate', request, options)
}
