import { readdirSync, readFileSync } from 'node:fs'
import type { Config } from '../../src/config/config.js'
import { object, type Schema } from '../../src/lib/text/json-schema.js'
import { describeApi } from '../../src/warm/openapi/describe-api.js'

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly parameters?: readonly QueryParameter[]
}

interface QueryParameter {
  readonly name: string
  readonly required: boolean
  readonly description: string
  readonly schema: Schema
}

interface Shape extends Schema {
  readonly $ref?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly type?: string
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

const longestLine = 110
const ofForms = 'csrf_token'

export function clientTypes(config: Config): string {
  const { paths, components } = describeApi(config) as Described
  const operations = Object.values(paths).flatMap(item => Object.values(item))
  const queries = operations.filter(({ parameters }) => parameters !== undefined).map(queryOf)
  const types = new Map(
    [...Object.entries(components.schemas), ...queries]
      .filter(([, schema]) => !isOfFormsAlone(schema))
      .map(([name, schema]) => [name, `${comment(schema)}export interface ${name} ${typeOf(schema)}`]),
  )
  const used = usedTypes(types)
  const written = Array.from(types, ([name, text]) => (used.has(name) ? [text] : [])).flat()
  return `// Written by \`npm run client-types\` from what /openapi.json says under the usual settings.\n\n${written.join('\n\n')}\n`
}

/** The types that the client's modules import, and those inside them: it has no methods for operators' calls. */
function usedTypes(types: ReadonlyMap<string, string>): ReadonlySet<string> {
  const folder = new URL('../../src/packages/client/', import.meta.url)
  const sources = readdirSync(folder).map(file => readFileSync(new URL(file, folder), 'utf8'))
  const imports = sources.flatMap(text => text.match(/import type \{[^}]*\} from '.\/api-types.js'/g) ?? [])
  // 1.0.0-rc.1 exported HostMeta, too.
  const used = new Set(['HostMeta', ...(imports.join().match(/\b[A-Z]\w*/g) ?? [])])
  for (const name of used)
    for (const inner of types.get(name)?.match(/\b[A-Z]\w*/g) ?? []) if (types.has(inner)) used.add(inner)
  return used
}

function isOfFormsAlone({ properties = {} }: Shape): boolean {
  const names = Object.keys(properties)
  return names.length === 1 && names[0] === ofForms
}

function queryOf({ operationId, summary, parameters = [] }: Operation): [name: string, Schema] {
  const properties = parameters.map(({ name, description, schema }) => [name, { ...schema, description }])
  const optional = parameters.filter(({ required }) => !required).map(({ name }) => name)
  const name = `${operationId[0]!.toUpperCase()}${operationId.slice(1)}Query`
  return [name, object(summary, Object.fromEntries(properties), optional)]
}

function typeOf(schema: Schema, indent = ''): string {
  const { $ref, anyOf, enum: words, type, items, properties, required = [], ...rest }: Shape = schema
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1)
  if (anyOf !== undefined) return anyOf.map(each => typeOf(each, indent)).join(' | ')
  if (words !== undefined) return words.map(literal).join(' | ')
  if ('const' in rest) return literal(rest.const)
  if (items !== undefined) {
    const item = typeOf(items, indent)
    return items.anyOf === undefined ? `${item}[]` : `(${item})[]`
  }
  if (properties !== undefined) {
    const inner = `${indent}  `
    const lines = Object.entries(properties)
      .filter(([name]) => name !== ofForms)
      .map(([name, each]) => {
        const line = `${inner}${name}${required.includes(name) ? '' : '?'}: ${typeOf(each, inner)}`
        return comment(each, inner) + broken(line, inner)
      })
    return `{\n${lines.join('\n')}\n${indent}}`
  }
  if (type === 'integer') return 'number'
  if (type === 'string' || type === 'number' || type === 'boolean') return type
  throw new Error(`there is no type for ${JSON.stringify(schema)}`)
}

const literal = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value))

function broken(line: string, indent: string): string {
  if (line.length <= longestLine || line.includes('\n')) return line
  const [name, ...words] = line.split(/: | \| /)
  return [`${name}:`, ...words.map(word => `${indent}  | ${word}`)].join('\n')
}

function comment({ description }: Schema, indent = ''): string {
  return description === undefined ? '' : `${indent}/** ${description} */\n`
}
