/** A JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1), or a part of one. */
export interface Schema {
  readonly description?: string
  readonly anyOf?: readonly Schema[]
  readonly [keyword: string]: unknown
}

export function text(description: string, more: Schema = {}): Schema {
  return { type: 'string', description, ...more }
}

/** A number from 0 up. */
export function count(description: string, more: Schema = {}): Schema {
  return { type: 'integer', minimum: 0, description, ...more }
}

/** One of these words. */
export const word = (description: string, words: readonly string[]) => text(description, { enum: words })

/** An object whose properties are there but for the `optional` ones. */
export function object<Name extends string>(
  description: string,
  properties: Readonly<Record<Name, Schema>>,
  optional: readonly NoInfer<Name>[] = [],
): Schema {
  const required = Object.keys(properties).filter(name => !optional.some(each => each === name))
  return { type: 'object', description, properties, ...(required.length > 0 && { required }) }
}

/** The schema of this name in the document. */
export const schemaNamed = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
