// dist/kerf.config.schema.json: the JSON Schema of a configuration, for editors. Structure and descriptions come from the
// types, ranges from the rules that check the options, defaults from the core, so that each is written once.
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
  const { rules, defaults } = await known()
  const words = await comments()
  for (const [name, property] of Object.entries(schema.properties)) {
    Object.assign(property, rules[name]?.schema)
    property.description ??= words(name)
    if (name in defaults) property.default = defaults[name]
  }
  writeFileSync(join(dist, 'kerf.config.schema.json'), `${JSON.stringify(schema, null, 2)}\n`)
}

/** Doc comments by option: the generator loses those of options whose type kerf narrows. */
async function comments() {
  const { default: ts } = await import('typescript')
  const file = join(root, 'ts', 'config.ts')
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram([file], options)
  const checker = program.getTypeChecker()
  const [symbol] = checker
    .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))
    .filter(({ name }) => name === 'KerfConfig')
  const type = checker.getDeclaredTypeOfSymbol(symbol)
  return name =>
    ts.displayPartsToString(type.getProperty(name)?.getDocumentationComment(checker)) || undefined
}

/** What the rules of the options say beyond their types, and what the core takes where nothing is given. */
async function known() {
  const { build } = await import('esbuild')
  const options = { bundle: true, format: 'esm', platform: 'node', write: false, absWorkingDir: root }
  const stdin = {
    contents: `export { compressRules as rules } from './ts/options.js'
      export { DEFAULT_OPTIONS as defaults } from './ts/generated/index.js'`,
    resolveDir: root,
    loader: 'ts',
  }
  const { outputFiles } = await build({ ...options, stdin })
  const source = Buffer.from(outputFiles[0].text).toString('base64')
  return import(`data:text/javascript;base64,${source}`)
}
