// The HTML page of a report: every section, the cases in which there is little to show, and hostile names.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { CompressReport, ReportData } from 'kerf'
import { renderPage } from '../../../ts/report/page/page.js'
import { DARK, LIGHT } from '../../../ts/report/page/style.js'
import { layersOf, reportData, sectionOf, tagsOf, unbalanced } from '../support/report.js'

const repairs: CompressReport['repairs'] = [
  { kind: 'dampingRaised', tensor: 'one.weight', dampingRel: 0.1 },
  { kind: 'deadColumns', tensor: 'two.weight', columns: 1234 },
  { kind: 'fallback', tensor: 'three.weight', method: 'magnitude', reason: 'its statistics are hopeless' },
]

/** Pages that differ in what there is to show. */
const pages: Record<string, ReportData> = {
  full: reportData(6, { repairs, notes: ['a note'] }),
  '80 blocks': reportData(80),
  'one block': reportData(1),
  'no quality': without(reportData(2), 'quality'),
  'the report alone': { model: 'm', report: reportData(2).report },
  'no calibration': reportData(2, { layers: layersOf(2).map(withoutOutputError), tokens: 0 }),
  'no places': reportData(2, { layers: layersOf(2).map(withoutPlace) }),
  'nothing lost': reportData(2, {
    layers: layersOf(2).map(layer => ({ ...layer, relativeOutputError: 0, relativeWeightError: 0 })),
  }),
  'no matrices': reportData(0),
  'no phases': reportData(2, { phases: {} }),
}

describe.each(Object.entries(pages))('a page of %s', (_, data) => {
  it('is one document whose tags close, whose ids are unique and whose references lead somewhere', async () => {
    const page = await renderPage(data)
    expect(page.startsWith('<!doctype html>')).toBe(true)
    const tags = tagsOf(page)
    expect(unbalanced(tags)).toBeUndefined()
    const ids = tags.flatMap(tag => (tag.close ? [] : (tag.attributes.get('id') ?? [])))
    expect(ids).toEqual([...new Set(ids)])
    for (const key of ['aria-labelledby', 'aria-describedby']) {
      for (const tag of tags) if (tag.attributes.has(key)) expect(ids).toContain(tag.attributes.get(key))
    }
    for (const [, id] of page.matchAll(/url\(#([^)]*)\)/g)) expect(ids).toContain(id)
  })

  it('loads nothing, and shows no value that is none', async () => {
    const page = await renderPage(data)
    for (const tag of tagsOf(page)) {
      expect(tag.attributes.has('src')).toBe(false)
      if (tag.name === 'link') expect(tag.attributes.get('href')).toBe('data:,')
    }
    expect(page).not.toMatch(/@import|https?:|url\((?!#)/)
    expect(page.replace(/<script>[\s\S]*?<\/script>/, '')).not.toMatch(/NaN|Infinity|undefined|\[object/)
  })

  it('is the same each time', async () => {
    expect(await renderPage(data)).toBe(await renderPage(data))
  })
})

describe('a page', () => {
  it('says in its head what came out', async () => {
    const page = await renderPage(pages['full']!)
    const head = /<header>[\s\S]*?<\/header>/.exec(page)?.[0] ?? ''
    for (const word of [
      'a-model',
      '6.67× smaller',
      '1.00\u00a0MB → 150\u00a0kB',
      '2.50',
      '70 %',
      '10.00 → 12.50',
    ]) {
      expect(head).toContain(word)
    }
  })

  it('has every section', async () => {
    const page = await renderPage(pages['full']!)
    const words: Record<string, string[]> = {
      parts: [
        'linear layers',
        '90.0 kB',
        '11.3 %',
        'embeddings and head',
        '8.10 bits per weight',
        'all files',
      ],
      quality: ['texts/held-out.txt', '5,000 predicted tokens', '+25.0 %', '0.123', '81 %'],
      samples: ['Once …', 'upon a time', 'there was'],
      depth: ['Relative output error 0.0100 to 0.420', 'gate', 'Bits per weight', 'Sparsity 70 % in all 42'],
      repairs: [
        'one.weight',
        'Damping raised to 0.1',
        '1,234 inputs',
        'Solved by magnitude instead',
        'hopeless',
      ],
      notes: ['a note'],
      truth: ['100 MB', '90.0 MB', '90 %', 'not estimated'],
      run: [
        'npx kerf compress a-model --out ./small',
        'avx2',
        '16,384 tokens',
        'solve 55 s',
        'groupSize',
        '128',
      ],
      matrices: ['42 matrices', 'model.layers.5.down.weight', '64 × 64'],
    }
    for (const [id, expected] of Object.entries(words)) {
      for (const word of expected) expect(sectionOf(page, id), id).toContain(word)
    }
    expect(page).toContain('kerf 1.2.3')
    expect(page).toContain('2026-11-25 13:20 UTC')
  })

  it('marks every matrix in the chart of the error, with its name and value', async () => {
    const page = await renderPage(pages['80 blocks']!)
    const wide =
      /<svg\s[^>]*class="wide"[^>]*aria-label="Relative output error"[\s\S]*?<\/svg>/.exec(page)?.[0] ?? ''
    const tips = [...wide.matchAll(/data-tip="([^"]*)"/g)].map(match => match[1])
    expect(new Set(tips).size).toBe(560)
    expect(tips).toContain('model.layers.79.down.weight: relative output error 5.60')
  })

  it('says plainly that there were no repairs', async () => {
    expect(sectionOf(await renderPage(pages['80 blocks']!), 'repairs')).toContain('None:')
  })

  it('says why there is no quality', async () => {
    const data = { ...pages['no quality']!, qualityMissing: 'quality was not measured: no reader' }
    const page = await renderPage(data)
    expect(sectionOf(page, 'quality')).toContain('Quality was not measured: no reader.')
    expect(sectionOf(page, 'samples')).toBeUndefined()
    expect(page).toContain('median of all matrices; quality itself was not measured')
  })

  it('warns where calibration saw the text', async () => {
    const data = reportData(1)
    data.quality!.onCalibrationText = true
    expect(sectionOf(await renderPage(data), 'quality')).toContain('these numbers flatter')
  })

  it('shows the error of the weights where there was no calibration, and says so', async () => {
    const depth = sectionOf(await renderPage(pages['no calibration']!), 'depth')
    expect(depth).toContain('there is no output error')
    expect(depth).toContain('Relative weight error')
  })

  it('draws matrices without a place in the order of the model', async () => {
    expect(sectionOf(await renderPage(pages['no places']!), 'depth')).toContain('in the order of the model')
  })

  it('leaves errors of zero out of a logarithmic chart, and says how many', async () => {
    const [first, ...rest] = layersOf(2)
    const page = await renderPage(reportData(2, { layers: [{ ...first!, relativeOutputError: 0 }, ...rest] }))
    expect(sectionOf(page, 'depth')).toContain('1 of 14 are 0 and not drawn')
  })

  it('of a dense format says that the files are not smaller, and what a weight takes in them', async () => {
    const page = await renderPage(reportData(1, { bitsPerWeight: 32.2, outputBytes: 1_000_001 }))
    expect(page).toContain('<strong>not smaller</strong>')
    expect(sectionOf(page, 'depth')).toContain('2.40 in all 7 matrices if packed; 32.2 in these files')
  })

  it('shows estimates that the report brings', async () => {
    const data = reportData(1, { plannedSeconds: 60 } as Partial<CompressReport>)
    expect(sectionOf(await renderPage(data), 'truth')).toMatch(/time 1 min 0 s 1 min 15 s 125\.7 %/)
  })
})

describe('hostile text', () => {
  const evil = `</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)>" onload="x" ' \${x} \u0000\u001b[31m\ud800`

  it('changes neither tags nor attributes of the page', async () => {
    const data = pages['full']!
    const page = await renderPage(hostile(data))
    const shape = (text: string): string[] =>
      tagsOf(text).map(
        ({ name, close, attributes }) => `${close ? '/' : ''}${name} ${[...attributes.keys()].join(' ')}`,
      )
    expect(shape(page)).toEqual(shape(await renderPage(data)))
    expect(page).not.toMatch(/[\u0000\u001b]|\p{Surrogate}/u)
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  it('could run no script anyway: the policy names the one of the page by its hash', async () => {
    const page = await renderPage(reportData(1))
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? ''
    const hash = createHash('sha256').update(script).digest('base64')
    const policy = tagsOf(page).find(tag => tag.attributes.get('http-equiv') === 'Content-Security-Policy')
    expect(policy?.attributes.get('content')).toContain('default-src &#39;none&#39;')
    expect(policy?.attributes.get('content')).toContain(`script-src &#39;sha256-${hash}&#39;`)
  })

  /** Every text that comes from a model, a file or a user. */
  function hostile(data: ReportData): ReportData {
    const { report, quality } = data
    const named = report.layers.map(layer => ({ ...layer, name: evil + layer.name, method: evil }))
    const answers = { prompt: evil, before: evil, after: evil }
    return {
      ...data,
      model: evil,
      // Each word of a command is an element.
      command: data.command!.replace(/\S+/g, evil.replaceAll(' ', '')),
      version: evil,
      report: {
        ...report,
        architecture: evil,
        isa: evil,
        notes: [evil],
        options: { ...report.options, method: evil, pattern: evil },
        repairs: repairs.map(repair => ({ ...repair, tensor: evil, reason: evil })),
        layers: named,
      },
      quality: { ...quality!, measuredOn: evil, samples: [{ kind: 'continuation', ...answers }] },
    }
  }
})

describe('the colours', () => {
  const light = variables(LIGHT)
  const dark = { ...light, ...variables(DARK) }

  it('are defined in light and in dark wherever they are used', async () => {
    const page = await renderPage(pages['full']!)
    const used = new Set([...page.matchAll(/var\((--[\w-]+)\)/g)].map(match => match[1]!))
    expect(used.size).toBeGreaterThan(20)
    for (const name of used) {
      expect(light).toHaveProperty(name)
      expect(variables(DARK)).toHaveProperty(name)
    }
  })

  /** Text needs 4.5, lines and marks 3 (WCAG 2.2, 1.4.3 and 1.4.11). */
  const pairs: [string, string, number][] = [
    ...['--ink', '--muted', '--accent', '--bad'].flatMap((text): [string, string, number][] => [
      [text, '--paper', 4.5],
      [text, '--ground', 4.5],
    ]),
    ...[0, 1, 2].map((n): [string, string, number] => [`--on-part-${n}`, `--part-${n}`, 4.5]),
    ...[0, 1, 2, 3, 4, 5].map((n): [string, string, number] => [`--on-phase-${n}`, `--phase-${n}`, 4.5]),
    ...[0, 1, 2, 3, 4, 5, 6].map((n): [string, string, number] => [`--series-${n}`, '--paper', 3]),
  ]
  it.each(pairs)('%s on %s can be seen', (front, back, least) => {
    for (const colors of [light, dark]) {
      expect(contrast(colors[front]!, colors[back]!)).toBeGreaterThanOrEqual(least)
    }
  })
})

function without(data: ReportData, key: 'quality'): ReportData {
  const { [key]: _left, ...rest } = data
  return rest
}

function withoutOutputError({
  relativeOutputError: _,
  ...layer
}: ReturnType<typeof layersOf>[number]): typeof layer {
  return layer
}

function withoutPlace({ block: _b, role: _r, ...layer }: ReturnType<typeof layersOf>[number]): typeof layer {
  return layer
}

function variables(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  )
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map(at => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
