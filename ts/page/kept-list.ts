import { kept } from '../browser.js'
import { bytes } from '../format.js'
import { button, el, section, type Child } from './dom.js'
import { failure } from './failure.js'
import { over, whatIsKept, type KeptThings } from './runs.js'
import { saveFile, saveZip } from './saving.js'
import { inWords } from './wanted.js'

/** What lies on this device: results to save, and runs to go on with. */
export class KeptList {
  readonly element = el('div')

  /** Looks again, and hands over what is there. */
  async refresh(): Promise<KeptThings> {
    const things = await whatIsKept()
    const { results, unfinished } = things
    const isEmpty = results.length + unfinished.length === 0
    const rows = [...unfinished.map(open => this.open(open)), ...results.map(result => this.result(result))]
    this.element.replaceChildren(
      ...(isEmpty ? [] : [section('kept', 'Kept on this device', el('ul', { class: 'kept' }, ...rows))]),
    )
    return things
  }

  private open({ out, bytes: size, run }: KeptThings['unfinished'][number]): HTMLElement {
    const text = run?.textName === undefined ? '' : `, with the text ${run.textName}`
    const how = run
      ? `Choose ${run.model} again to go on (${inWords(run.wanted)}${text}).`
      : 'Choose its model again with the same settings to go on.'
    return this.row(
      `${run?.model ?? out}, not finished`,
      `${bytes(size)}. ${how}`,
      this.action('Discard', out, async () => {
        await kept.remove(`.${out}.kerf-work`)
        over(out)
      }),
    )
  }

  private result({ name, bytes: size, files }: KeptThings['results'][number]): HTMLElement {
    return this.row(
      name,
      bytes(size),
      this.action('Save as zip', name, () => saveZip(name)),
      this.action('Remove', name, () => kept.remove(name)),
      el(
        'details',
        {},
        el('summary', {}, 'Single files'),
        el(
          'ul',
          { class: 'files' },
          ...files.map(file =>
            el(
              'li',
              {},
              this.action(file.path, '', () => saveFile(`${name}/${file.path}`)),
              ` ${bytes(file.bytes)}`,
            ),
          ),
        ),
      ),
    )
  }

  private row(title: string, about: string, ...actions: readonly Child[]): HTMLElement {
    return el('li', {}, el('strong', {}, title), ' ', el('span', { class: 'words' }, about), ...actions)
  }

  /** A button that says what went wrong beside itself. */
  private action(text: string, of: string, work: () => Promise<void>): HTMLElement {
    const made = button(text, () => void run(), of === '' ? {} : { 'aria-label': `${text}: ${of}` })
    const run = async (): Promise<void> => {
      made.disabled = true
      try {
        await work()
        if (text === 'Remove' || text === 'Discard') await this.refresh()
      } catch (error) {
        made.after(failure(error))
      } finally {
        made.disabled = false
      }
    }
    return made
  }
}
