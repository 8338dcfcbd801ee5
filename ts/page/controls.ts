import { PRESET_ABOUT, type Inspection, type Preset, type QualityLevel } from '../browser.js'
import { el, section } from './dom.js'
import { choice, radios, slider } from './inputs.js'
import { possible, type Wanted, type Way } from './wanted.js'

const WAYS: readonly (readonly [Way, string, string])[] = [
  ['preset', 'By name', 'a few sizes, from one that loses nothing to the smallest'],
  [
    'size',
    'By bits',
    'kerf decides what becomes zero and how coarsely the rest is rounded, for the bits you give',
  ],
  ['parts', 'By sparsity and bits', 'a share of the weights is removed, the rest rounded'],
  ['weights', 'By the weights alone', 'no calibration: fast, works for any architecture, loses more'],
]

const EFFORT: Readonly<Record<QualityLevel, string>> = {
  fast: 'fast: the least time',
  balanced: 'balanced: better, takes several times as long',
  best: 'best: takes longest',
}

/** Said beside the slider; docs/what-to-expect.md has numbers. */
function wordFor(bits: number): string {
  if (bits < 2.5) return 'for encoders; most small language models break'
  if (bits < 3.5) return 'a small language model gets noticeably worse'
  if (bits < 4.5) return 'close to the original'
  return 'hard to tell from the original'
}

/** Size and effort. `onChange` hears of every change. */
export class Controls {
  readonly element: HTMLElement
  private wanted: Wanted
  private readonly rows = el('div', { class: 'rows' })

  constructor(
    first: Wanted,
    private readonly found: Inspection,
    private readonly onChange: (wanted: Wanted) => void,
    ...below: readonly HTMLElement[]
  ) {
    this.wanted = possible(first, found)
    const ways = found.known ? WAYS : WAYS.filter(([way]) => way === 'weights')
    this.element = section(
      'size',
      'Size and quality',
      radios('How to say the size', ways, this.wanted.way, way => this.change({ way })),
      this.rows,
      ...below,
    )
    this.show()
  }

  /** What is asked for now. */
  get value(): Wanted {
    return this.wanted
  }

  private change(part: Partial<Wanted>): void {
    const rebuilds = part.way !== undefined && part.way !== this.wanted.way
    this.wanted = possible({ ...this.wanted, ...part }, this.found)
    if (rebuilds) this.show()
    this.onChange(this.wanted)
  }

  private show(): void {
    const { way } = this.wanted
    this.rows.replaceChildren(...this.howSmall(), ...(way === 'weights' ? [] : [this.quality(), this.text()]))
  }

  private howSmall(): HTMLElement[] {
    const { way } = this.wanted
    if (way === 'preset') return [this.preset()]
    return way === 'size' ? [this.targetBits()] : [this.sparsity(), this.bits()]
  }

  private preset(): HTMLElement {
    const sizes = Object.entries(PRESET_ABOUT) as [Preset, string][]
    const rows = sizes.map(([id, about]) => [id, id, about] as const)
    return radios('How small', rows, this.wanted.preset, preset => this.change({ preset }))
  }

  private targetBits(): HTMLElement {
    return slider({
      label: 'Bits per weight',
      min: 1.25,
      max: 6,
      step: 0.25,
      value: this.wanted.targetBits,
      words: bits => `${bits} bits, ${wordFor(bits)}`,
      onInput: targetBits => this.change({ targetBits }),
    })
  }

  private sparsity(): HTMLElement {
    return slider({
      label: 'Weights to remove',
      min: 0,
      max: 0.9,
      step: 0.05,
      value: this.wanted.sparsity,
      words: share => (share === 0 ? 'none' : `${Math.round(share * 100)} %`),
      onInput: sparsity => this.change({ sparsity }),
    })
  }

  private bits(): HTMLElement {
    const options = [2, 3, 4, 8].map(bits => [String(bits), `${bits} bits`] as const)
    return choice('Bits of the rest', options, String(this.wanted.bits), bits =>
      this.change({ bits: Number(bits) }),
    )
  }

  private quality(): HTMLElement {
    const options = Object.entries(EFFORT) as [QualityLevel, string][]
    return choice('Quality', options, this.wanted.quality, quality => this.change({ quality }))
  }

  private text(): HTMLElement {
    const input = el('input', { type: 'file', id: 'text', accept: '.txt,text/plain' })
    input.addEventListener('change', () => {
      const { text: _, ...others } = this.wanted
      const [text] = input.files ?? []
      this.wanted = { ...others, ...(text && { text }) }
      this.onChange(this.wanted)
    })
    return el(
      'div',
      { class: 'row' },
      el('label', { for: 'text' }, 'Text like yours (optional)'),
      input,
      el('span', { class: 'words' }, 'a .txt file; for encoders one sentence a line'),
    )
  }
}
