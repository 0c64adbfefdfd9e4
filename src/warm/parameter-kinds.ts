// What kinds of parameters there are: what each may be, how it is read, and how it is refused.
import { Problem } from '../lib/errors.js'
import { count, type Schema, text as textSchema } from '../lib/text/json-schema.js'

export interface Parameter<T> {
  /** What it is for, and what it may be. */
  readonly schema: Schema
  /** The sentence in a refusal, which never has the value that was sent: it may be a password in the wrong place. */
  readonly allowed: string
  /** What a value from JSON, or a text from a form or query, means; undefined where it is not allowed. May throw a `Problem`. */
  readonly read: (value: unknown) => T | undefined
}

export type Table<Name extends string = string> = Readonly<Record<Name, Parameter<unknown>>>

/** What those mean that were given. */
export type Values<Known extends Table> = {
  readonly [Name in keyof Known]: ReturnType<Known[Name]['read']> | undefined
}

/** A text, which may be what `understand` finds a meaning in. */
export function text<T>(
  description: string,
  allowed: string,
  understand: (text: string) => T | undefined,
  more: Schema = {},
): Parameter<T> {
  return {
    schema: textSchema(description, more),
    allowed,
    // JSON can spell half a surrogate pair, which no encoding of text can carry.
    read: value => (typeof value === 'string' && value.isWellFormed() ? understand(value) : undefined),
  }
}

export function word<Word extends string>(words: readonly Word[], description: string, but = '.') {
  const allowed = `One of ${words.join(', ')}${but}`
  return text(description, allowed, sent => words.find(each => each === sent), { enum: words })
}

/** A number in JSON, digits in a form, a query or a JSON string; infinite beyond the largest number. */
export function integer(
  description: string,
  allowed: string,
  limits: Schema & { readonly minimum?: number; readonly maximum?: number } = {},
): Parameter<number> {
  const { minimum = 0, maximum = Number.POSITIVE_INFINITY } = limits
  return {
    schema: count(description, limits),
    allowed,
    read(value) {
      const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
      const isInteger = typeof number === 'number' && (Number.isInteger(number) || number === Infinity)
      return isInteger && number >= minimum && number <= maximum ? number : undefined
    },
  }
}

/** A problem that names a parameter and a rule that it breaks. */
export function badParameter(name: string, rule: string): Problem {
  return new Problem('invalid-parameter', {
    detail: `Parameter: ${name}. ${rule}`,
    parameter: { name, rule },
  })
}

export function missingParameter(name: string): Problem {
  return new Problem('missing-parameter', { detail: `Parameter: ${name}.`, parameter: { name } })
}
