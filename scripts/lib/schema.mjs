// dist/kerf.config.schema.json: the JSON Schema of a configuration, for editors. Structure and descriptions come from the
// types, ranges from the rules that check the options, so that each is written once.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

/** Writes the schema. */
export async function writeSchema(dist) {
  const { createGenerator } = await import('ts-json-schema-generator')
  const schema = createGenerator({
    path: join(root, 'ts', 'config.ts'),
    tsconfig: join(root, 'tsconfig.json'),
    type: 'KerfConfig',
    topRef: false,
    skipTypeCheck: true,
    additionalProperties: false,
    functions: 'hide',
  }).createSchema('KerfConfig')
  addRanges(schema.properties, await ranges())
  writeFileSync(join(dist, 'kerf.config.schema.json'), `${JSON.stringify(schema, null, 2)}\n`)
}

/** What the rules of the options say beyond their types. */
async function ranges() {
  const { build } = await import('esbuild')
  const options = { bundle: true, format: 'esm', platform: 'node', write: false, absWorkingDir: root }
  const { outputFiles } = await build({ ...options, entryPoints: ['ts/options.ts'] })
  const source = Buffer.from(outputFiles[0].text).toString('base64')
  return (await import(`data:text/javascript;base64,${source}`)).compressRules
}

function addRanges(properties, rules) {
  for (const [name, property] of Object.entries(properties)) Object.assign(property, rules[name]?.schema)
}
