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

export function object<Name extends string>(
  description: string,
  properties: Readonly<Record<Name, Schema>>,
  optional: readonly NoInfer<Name>[] = [],
): Schema {
  const required = Object.keys(properties).filter(name => !optional.some(each => each === name))
  return { type: 'object', description, properties, ...(required.length > 0 && { required }) }
}

export const schemaNamed = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
