import { number, path, type Rules } from './check.js'
import type { ROUTER_RULES } from './generated/index.js'

/** Id of a router that needs no folder. */
export type RouterRule = (typeof ROUTER_RULES)[number]

/** Options of a function that runs a decoder, by which tokens skip blocks. */
export interface RoutingOptions {
  /**
   * Which tokens skip which blocks: a folder that `route` wrote, or a rule: `'static'` (the first and the most recent tokens go through) or
   * `'random'`. A folder of such a name is `'./static'`. Decoders only. Default: no token skips a block.
   */
  router?: RouterRule | (string & {})
  /** Mean share of tokens that blocks skip, 0 to 1. A rule needs it, unless `schedule` is given; of a folder it must be what it skips. */
  tokenSparsity?: number
  /** A folder that `route` wrote, whose schedule over the blocks a rule takes. Default: the same share in each block. */
  schedule?: string
}

/** Rules of {@link RoutingOptions}. What they mean together, the core checks. */
export const routingRules: Rules = { router: path, tokenSparsity: number(0, 1), schedule: path }
