// Makes typedoc's page shorter to read: it says some things twice.

const RULES = [
  // The return type stands in the signature; here it matters only where something is said about it.
  [/^#+ Returns\n\n[^\n]*\n\n(?=#|\*\*\*)/gm, ''],
  [/^#+ Returns\n\n[^\n]*\n*$(?![^])/gm, ''],
  // What an interface extends is in its table.
  [/^#+ Extends\n\n(?:- [^\n]*\n)+\n/gm, ''],
  [/^#+ Overrides\n\n[^\n]*\n\n/gm, ''],
  // An alias of an object is described by its table.
  [/^> \*\*\w+\*\* = `object`\n\n/gm, ''],
  [/^#### Properties\n\n(?=\|)(?=[^]*^## Classes$)/gm, ''],
  // The list below it names every code and says what it means.
  [/^> \*\*\w*ErrorCode\*\* = `"[^\n]*\n\n/gm, ''],
  // `string & {}` is TypeScript's way to keep the suggestions of a union that any text extends.
  [/`string` & `object`/g, '`string`'],
  [/^\*\*\*\n\n/gm, ''],
]

/** The page without repetitions and without anchors that nothing points to. */
export function tidyReference(text) {
  const short = RULES.reduce(
    (page, [pattern, by]) => page.replaceAll(pattern, by),
    text.replaceAll('\r\n', '\n'),
  )
  const targets = new Set([...short.matchAll(/\]\(#([\w-]+)\)/g)].map(([, id]) => id))
  const isUsed = id => targets.has(id)
  return `${short.replaceAll(/<a id="([\w-]+)"><\/a> ?/g, (anchor, id) => (isUsed(id) ? anchor : '')).trim()}\n`
}
