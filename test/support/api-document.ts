// The description that a running service gives of its own API, for its replies to be held against.
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { ask, type HttpAnswer } from './http-answer.js'

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is there.
export type Part = any

export const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

export class ApiDocument {
  /** Strict: a keyword that means nothing is a mistake. */
  readonly #ajv = new Ajv2020({ strict: true, allErrors: true })
  readonly document: Part

  constructor(document: Part) {
    this.document = document
    formats.default(this.#ajv)
    this.#ajv.addVocabulary(Object.keys(document))
    // Under an id of its own, so that all its references can be followed.
    this.#ajv.addSchema(closed(document), 'api')
  }

  /** By their texts: to compile the schemas takes a while. */
  static readonly #known = new Map<string, ApiDocument>()

  static async of(url: string): Promise<ApiDocument> {
    const { text } = await ask(`${url}/openapi.json`)
    const document = ApiDocument.#known.get(text) ?? new ApiDocument(JSON.parse(text))
    ApiDocument.#known.set(text, document)
    return document
  }

  /** The operations, as `POST /warm`. */
  get operations(): string[] {
    return Object.entries<Part>(this.document.paths).flatMap(([path, item]) =>
      methods.filter(method => method in item).map(method => `${method.toUpperCase()} ${path}`),
    )
  }

  /** Every reply that there may be, as `POST /warm 200 application/json`. */
  get replies(): string[] {
    return this.operations.flatMap(operation =>
      Object.entries<Part>(this.responsesOf(operation)).flatMap(([status, { content }]) =>
        Object.keys(content ?? { nothing: {} }).map(type => `${operation} ${status} ${type}`),
      ),
    )
  }

  /** The codes of problems that an operation may be answered with. */
  codesOf(operation: string): string[] {
    return Object.values<Part>(this.responsesOf(operation)).flatMap(
      ({ content }) => content?.['application/problem+json']?.schema.allOf.at(-1).properties.code.enum ?? [],
    )
  }

  responsesOf(operation: string): Part {
    const [method, path] = operation.split(' ') as [string, string]
    return this.document.paths[path][method.toLowerCase()].responses
  }

  /** Whether a value is what the schema at this place wants; a place is a list of keys. */
  accepts(place: readonly string[], value: unknown): boolean {
    return this.#faults(place, value).length === 0
  }

  /**
   * Holds a reply against the document. Throws if its status, its media type, a header or its body are not as they
   * should be, and tells which reply it was, as above.
   */
  check(method: string, path: string, { status, headers, text }: HttpAnswer): string {
    const operation = `${method} ${this.#pathOf(path)}`
    const place = ['paths', this.#pathOf(path), method.toLowerCase(), 'responses', String(status)]
    const response = this.#at(place)
    if (response === undefined) throw new Error(`${operation} has no ${status}: ${text}`)
    for (const name of Object.keys(response.headers ?? {})) {
      const { schema } = this.document.components.headers[name]
      const value = headers[name.toLowerCase()]
      const typed = schema.type === 'integer' ? Number(value) : value
      this.#demand(['components', 'headers', name, 'schema'], typed, `${operation} ${status} ${name}`)
    }
    const type = headers['content-type']?.split(';', 1)[0] ?? 'nothing'
    const reply = `${operation} ${status} ${type}`
    // Of a redirection the header says it all.
    if (status >= 300 && status < 400 && text === '') return reply
    if (response.content === undefined) {
      if (text !== '' || type !== 'nothing') throw new Error(`${reply} should be empty: ${text}`)
      return reply
    }
    if (!(type in response.content)) throw new Error(`${reply} is not in the document`)
    if ('schema' in response.content[type]) {
      this.#demand([...place, 'content', type, 'schema'], JSON.parse(text), reply)
    }
    return reply
  }

  #demand(place: readonly string[], value: unknown, what: string): void {
    const faults = this.#faults(place, value)
    if (faults.length > 0) throw new Error(`${what}: ${faults.join('; ')}: ${JSON.stringify(value)}`)
  }

  #faults(place: readonly string[], value: unknown): string[] {
    const pointer = place.map(key => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1')))
    const validate = this.#ajv.getSchema(`api#/${pointer.join('/')}`)
    if (validate === undefined) throw new Error(`no schema at ${place.join(' ')}`)
    return validate(value) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`)
  }

  #at(place: readonly string[]): Part {
    return place.reduce((part, key) => part?.[key], this.document)
  }

  /** The path of the document that an address is at; one without a parameter comes first. */
  #pathOf(address: string): string {
    const asked = address.replace(/\?.*/, '')
    if (asked in this.document.paths) return asked
    const pattern = (path: string) => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/{\w+}/g, '[^/]+')}$`)
    const found = Object.keys(this.document.paths).find(path => pattern(path).test(asked))
    if (found === undefined) throw new Error(`${asked} is not in the document`)
    return found
  }
}

/**
 * Returns the document without further properties in objects. The document itself allows them, so that clients accept
 * properties of later versions.
 */
function closed(part: Part): AnySchemaObject {
  if (Array.isArray(part)) return part.map(closed) as Part
  if (typeof part !== 'object' || part === null) return part
  // `additionalProperties` in a part of `allOf` would reject the properties of the other parts.
  if (Array.isArray(part.allOf)) return { ...part, unevaluatedProperties: false }
  const inside = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, closed(value)]))
  return part.type === 'object' && 'properties' in part ? { ...inside, additionalProperties: false } : inside
}
