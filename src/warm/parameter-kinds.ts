import { switches } from '../config/kinds/kinds.js'
import { Problem } from '../lib/errors.js'
import { count, type Schema, text as textSchema } from '../lib/text/json-schema.js'

export interface Parameter<T> {
  readonly schema: Schema
  /** The rule, for error messages. Never quotes the value, which may be a misplaced password. */
  readonly allowed: string
  readonly read: (value: unknown) => T | undefined
}

export type Table<Name extends string = string> = Readonly<Record<Name, Parameter<unknown>>>

export type Values<Known extends Table> = {
  readonly [Name in keyof Known]: ReturnType<Known[Name]['read']> | undefined
}

export function text<T>(
  description: string,
  allowed: string,
  understand: (text: string) => T | undefined,
  more: Schema = {},
): Parameter<T> {
  return {
    schema: textSchema(description, more),
    allowed,
    // JSON can contain half a surrogate pair.
    read: value => (typeof value === 'string' && value.isWellFormed() ? understand(value) : undefined),
  }
}

export function word<Word extends string>(words: readonly Word[], description: string, but = '.') {
  const allowed = `One of ${words.join(', ')}${but}`
  return text(description, allowed, sent => words.find(each => each === sent), { enum: words })
}

export function onOrOff(description: string, allowed: string): Parameter<boolean> {
  return {
    schema: {
      description,
      anyOf: [{ type: 'boolean' }, { type: 'string', enum: [...switches.keys()] }],
      default: false,
    },
    allowed,
    read(value) {
      if (typeof value === 'string') return switches.get(value.toLowerCase())
      return typeof value === 'boolean' ? value : undefined
    },
  }
}

/** Accepts a number or a text of digits. Too many digits give infinity. */
export function integer(
  description: string,
  limits: Schema & { readonly minimum?: number; readonly maximum?: number } = {},
): Parameter<number> {
  const { minimum = 0, maximum = Number.POSITIVE_INFINITY } = limits
  const range = maximum === Number.POSITIVE_INFINITY ? `, ${minimum} or more` : ` from ${minimum} to ${maximum}`
  return {
    schema: count(description, limits),
    allowed: `A whole number${range}.`,
    read(value) {
      const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
      const isInteger = typeof number === 'number' && (Number.isInteger(number) || number === Infinity)
      return isInteger && number >= minimum && number <= maximum ? number : undefined
    },
  }
}

export function badParameter(name: string, rule: string): Problem {
  return new Problem('invalid-parameter', { detail: `Parameter: ${name}. ${rule}`, parameter: { name, rule } })
}

export function missingParameter(name: string, rule?: string): Problem {
  const detail = [`Parameter: ${name}.`, rule].filter(Boolean).join(' ')
  return new Problem('missing-parameter', { detail, parameter: rule === undefined ? { name } : { name, rule } })
}
