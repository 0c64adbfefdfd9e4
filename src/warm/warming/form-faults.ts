import { pageDetailOf, problemFrom } from '../../http/answers/answer.js'
import type { Problem, ProblemCode } from '../../lib/errors.js'
import { bodyParameters, type ParameterName } from '../parameters.js'
import { type Parameters, parametersOf } from '../read-parameters.js'
import { readCredentials, type Ways } from './warm-request.js'

/** In the order of the form. */
export const fieldNames = [
  'jid',
  'password',
  'token',
  'authzid',
  'expires_in',
  'attach_binding',
  'language',
  'wait',
  'hold',
  'ver',
] as const satisfies ParameterName[]

type FieldName = (typeof fieldNames)[number]

export type Faults = { readonly [Name in FieldName]?: string }

const fieldOf: { readonly [Code in ProblemCode]?: FieldName } = {
  'invalid-jid': 'jid',
  forbidden: 'jid',
  'domain-not-allowed': 'jid',
  'address-not-allowed': 'jid',
  'host-unknown': 'jid',
  'account-disabled': 'jid',
  conflict: 'jid',
  'bind-refused': 'jid',
  'too-many-sessions': 'jid',
  'not-authorized': 'password',
  'credentials-expired': 'password',
  'authzid-refused': 'authzid',
}

export function fieldAt({ code, parameter }: Problem, hasToken: boolean): FieldName | undefined {
  const about = parameter?.name ?? fieldOf[code]
  const field = about === 'password' && hasToken ? 'token' : about
  return fieldNames.find(name => name === field)
}

const missing = { jid: 'Enter the address of the user.', password: 'Enter the password.' }

export function messageAt(problem: Problem): string {
  const { code, parameter, quote } = problem
  if (code === 'missing-parameter') return missing[parameter?.name as keyof typeof missing] ?? 'Fill this in.'
  if (code === 'invalid-jid') return `This is not an address. ${quote ?? 'Write it like alice@example.org.'}`
  return parameter?.rule ?? pageDetailOf(problem)
}

/** Finds all mistakes, because a login reports only the first. */
export function faultsOf(pairs: Iterable<readonly [string | undefined, string | undefined]>, ways: Ways): Faults {
  const given = new Map<ParameterName, string>()
  const faults: Partial<Record<FieldName, string>> = {}
  for (const [name, value] of pairs) {
    const field = fieldNames.find(each => each === name)
    if (field === undefined || value === undefined || value === '') continue
    const { read, allowed } = bodyParameters[field]
    if (read(value) === undefined) faults[field] = allowed
    else given.set(field, value)
  }
  const problem = faultOf(parametersOf(given), ways)
  const field = problem && fieldAt(problem, given.has('token'))
  if (problem !== undefined && field !== undefined) faults[field] ??= messageAt(problem)
  const hasProof = given.has('password') || given.has('token') || faults.token !== undefined
  if (faults.jid !== undefined && !hasProof && !mayNeedNoProof(ways)) faults.password ??= missing.password
  return faults
}

function faultOf(read: Parameters, ways: Ways): Problem | undefined {
  try {
    const { credentials } = readCredentials(read, ways)
    return credentials.kind === 'unusable' ? credentials.problem : undefined
  } catch (error) {
    return problemFrom(error)
  }
}

function mayNeedNoProof({ warm, serviceAccounts, servers }: Ways): boolean {
  return (
    warm.anonymous || serviceAccounts.size > 0 || [...servers.values()].some(each => each.certificate !== undefined)
  )
}
