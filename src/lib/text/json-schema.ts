/** JSON Schema, draft 2020-12, as OpenAPI 3.1 uses it. */
export interface Schema {
  readonly description?: string
  readonly anyOf?: readonly Schema[]
  readonly [keyword: string]: unknown
}

export function text(description: string, more: Schema = {}): Schema {
  return { type: 'string', description, ...more }
}

export function count(description: string, more: Schema = {}): Schema {
  return { type: 'integer', minimum: 0, description, ...more }
}

export const word = (description: string, words: readonly string[]) => text(description, { enum: words })

export const list = (items: Schema, description: string): Schema => ({ type: 'array', items, description })

export const texts = (description: string) => list({ type: 'string' }, description)

/** The schemas of the properties of T. Names of those that may be absent end with a question mark. */
export type Properties<T> = {
  readonly [Name in keyof T & string as undefined extends T[Name] ? `${Name}?` : Name]: Schema
}

/** Names of properties that may be absent end with a question mark. */
export function object(description: string, described: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(described)
  const properties = Object.fromEntries(names.map(name => [name.replace('?', ''), described[name]!]))
  const required = names.filter(name => !name.endsWith('?'))
  return { type: 'object', description, properties, ...(required.length > 0 && { required }) }
}

export const schemaNamed = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
