const PROMPTS = ['Once upon a time', 'The most important thing about', 'She opened the door and']
const WORDS = 8

/** Prompts for a decoder: the beginnings of paragraphs spread over the user's text, or a few of our own. */
export function promptsOf(text: string | undefined): readonly string[] {
  if (text === undefined) return PROMPTS
  const paragraphs = text
    .split(/\r?\n\s*\r?\n/)
    .map(beginning)
    .filter(words => words.length > 0)
  const unique = [...new Set(paragraphs)]
  const count = Math.min(PROMPTS.length, unique.length)
  const picked = Array.from(
    { length: count },
    (_, i) => unique[Math.floor((i * unique.length) / count)] ?? '',
  )
  return count === 0 ? PROMPTS : picked
}

function beginning(paragraph: string): string {
  return paragraph.trim().split(/\s+/).slice(0, WORDS).join(' ')
}
