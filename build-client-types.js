// Writes the types of `warm-bindings/client` from what /openapi.json says under the usual settings. `npm run build` and
// `npm run lint` do so first, because src/packages/client imports them.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const file = 'dist/types/packages/client/api-types.d.ts'
const longestLine = 110
const ofForms = 'csrf_token'

export async function buildClientTypes() {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, clientTypes(await usualDescription()))
}

async function usualDescription() {
  const contents = ['config/load', 'warm/openapi/describe-api'].map(name => `export * from './src/${name}.js'`)
  const outfile = `dist/types/describe-${process.pid}.js`
  const stdin = { contents: contents.join('\n'), loader: 'ts', resolveDir: '.' }
  const options = { bundle: true, packages: 'external', platform: 'node', format: 'esm', plugins: [ownUrls] }
  await build({ stdin, outfile, ...options })
  const { describeApi, loadConfig } = await import(pathToFileURL(outfile).href)
  rmSync(outfile)
  return describeApi(loadConfig({ ADMIN_USERS: 'portal:a-secret', XMPP_DOMAINS: 'example.org' }).config)
}

/** Sources read files beside src/ by their own URL. */
const ownUrls = {
  name: 'own URLs',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const url = JSON.stringify(pathToFileURL(path).href)
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'ts' }
    })
  },
}

function clientTypes({ paths, components }) {
  const operations = Object.values(paths).flatMap(item => Object.values(item))
  const queries = operations.filter(({ parameters }) => parameters !== undefined).map(queryOf)
  const types = new Map(
    [...Object.entries(components.schemas), ...queries]
      .filter(([, { properties = {} }]) => String(Object.keys(properties)) !== ofForms)
      .map(([name, schema]) => [name, `${comment(schema)}export interface ${name} ${typeOf(schema)}\n`]),
  )
  const used = usedTypes(types)
  return Array.from(types, ([name, text]) => (used.has(name) ? [text] : []))
    .flat()
    .join('\n')
}

/** The types that the client's modules import, and those inside them: it has no methods for operators' calls. */
function usedTypes(types) {
  const folder = 'src/packages/client/'
  const sources = readdirSync(folder).map(file => readFileSync(folder + file, 'utf8'))
  const imports = sources.flatMap(text => text.match(/import type \{[^}]*\} from '.\/api-types.js'/g) ?? [])
  // 1.0.0-rc.1 exported HostMeta, too.
  const used = new Set(['HostMeta', ...(imports.join().match(/\b[A-Z]\w*/g) ?? [])])
  for (const name of used)
    for (const inner of types.get(name)?.match(/\b[A-Z]\w*/g) ?? []) if (types.has(inner)) used.add(inner)
  return used
}

function queryOf({ operationId, summary, parameters }) {
  const properties = parameters.map(({ name, description, schema }) => [name, { ...schema, description }])
  const required = parameters.filter(({ required }) => required).map(({ name }) => name)
  const name = `${operationId[0].toUpperCase()}${operationId.slice(1)}Query`
  return [name, { type: 'object', description: summary, properties: Object.fromEntries(properties), required }]
}

function typeOf(schema, indent = '') {
  const { $ref, anyOf, enum: words, type, items, properties, required = [] } = schema
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1)
  if (anyOf !== undefined) return anyOf.map(each => typeOf(each, indent)).join(' | ')
  if (words !== undefined) return words.map(literal).join(' | ')
  if ('const' in schema) return literal(schema.const)
  if (items !== undefined)
    return items.anyOf === undefined ? `${typeOf(items, indent)}[]` : `(${typeOf(items, indent)})[]`
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

const literal = value => (typeof value === 'string' ? `'${value}'` : String(value))

function broken(line, indent) {
  if (line.length <= longestLine || line.includes('\n')) return line
  const [name, ...words] = line.split(/: | \| /)
  return [`${name}:`, ...words.map(word => `${indent}  | ${word}`)].join('\n')
}

const comment = ({ description }, indent = '') => (description === undefined ? '' : `${indent}/** ${description} */\n`)

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildClientTypes()
