import { html, type Markup } from '../page/html.js'

/** Which of some tokens go through which of some blocks. */
export interface HeatMap {
  id: string
  title: string
  description: string
  /** Text of each token, from left to right. */
  tokens: readonly string[]
  /** For each block, from top to bottom, whether each token goes through it. */
  blocks: readonly (readonly boolean[])[]
}

/** Side of a cell, and room for the numbers of blocks and for the texts of tokens. */
const CELL = 13
const LEFT = 34
const BELOW = 84
/** Letters of a token that are shown. */
const LETTERS = 12

/** Tokens that stand beside one another and go through a block. */
interface Run {
  from: number
  count: number
}

/** A square for each token that goes through a block; where it skips the block the ground shows. */
export function heatMap({ id, title, description, tokens, blocks }: HeatMap): Markup {
  const width = LEFT + tokens.length * CELL
  const height = blocks.length * CELL + BELOW
  return html`<figure class="chart">
    <figcaption>${title}</figcaption>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <svg
        viewBox="0 0 ${width} ${height}"
        width="${width}"
        height="${height}"
        role="img"
        aria-label="${title}"
        aria-describedby="${id}-text"
        style="width: ${width}px"
      >
        <desc id="${id}-text">${description}</desc>
        <rect
          x="${LEFT}"
          y="0"
          width="${tokens.length * CELL}"
          height="${blocks.length * CELL}"
          fill="var(--rule)"
        />
        ${blocks.map((kept, block) => row(kept, block))}
        ${tokens.map((token, index) => label(token, index, blocks.length * CELL))}
      </svg>
    </div>
  </figure> `
}

function row(kept: readonly boolean[], block: number): Markup {
  const y = block * CELL
  return html`<text x="${LEFT - 6}" y="${y + CELL - 3}" text-anchor="end" font-size="10" fill="var(--muted)">
      ${block}
    </text>
    ${runsOf(kept).map(
      ({ from, count }) =>
        html`<rect
          x="${LEFT + from * CELL}"
          y="${y}"
          width="${count * CELL - 1}"
          height="${CELL - 1}"
          fill="var(--series-0)"
        >
          <title>block ${block}: tokens ${from} to ${from + count - 1} go through</title>
        </rect> `,
    )} `
}

function label(token: string, index: number, y: number): Markup {
  const [x, top] = [LEFT + index * CELL + CELL - 3, y + 6]
  const shown = token.trim() === '' ? '␣' : token.trim().slice(0, LETTERS)
  return html`<text
    transform="translate(${x} ${top}) rotate(-90)"
    text-anchor="end"
    font-size="10"
    fill="var(--muted)"
  >
    ${shown}
  </text> `
}

/** Runs of what is kept. */
function runsOf(kept: readonly boolean[]): Run[] {
  const runs: Run[] = []
  kept.forEach((isKept, from) => {
    if (!isKept) return
    const last = runs.at(-1)
    if (last && last.from + last.count === from) last.count += 1
    else runs.push({ from, count: 1 })
  })
  return runs
}
