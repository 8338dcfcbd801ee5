// What the reference shows of the declarations: types that people use, with the values that they can have.
import { Converter, ReflectionKind, UnionType } from 'typedoc'

/** Types of what crosses to the core: exported for the declarations of others, but nobody writes one by hand. */
const isWire = name => /Request$|^GivenOptions$|^Calibration$/.test(name)

/** Changes the declarations of an application before its page is written. */
export function preparePublicTypes(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const lists = new Map(
      project.children.filter(isVariable).map(variable => [variable.name, literals(variable.type)]),
    )
    for (const alias of project.children) {
      const values = lists.get(listOf(alias.type))
      if (values) alias.type = new UnionType(values)
    }
    // The lists themselves are exported as types only, where they say the same again.
    for (const child of [...project.children]) {
      if (isVariable(child) || isWire(child.name)) project.removeReflection(child)
    }
  })
}

const isVariable = ({ kind }) => kind === ReflectionKind.Variable

/** The elements of `readonly ['a', 'b']`. */
function literals(type) {
  return type?.type === 'typeOperator' && type.target.type === 'tuple' ? type.target.elements : undefined
}

/** The list that `(typeof LIST)[number]` is about. */
function listOf(type) {
  return type?.type === 'indexedAccess' && type.objectType.type === 'query'
    ? type.objectType.queryType.name
    : undefined
}
