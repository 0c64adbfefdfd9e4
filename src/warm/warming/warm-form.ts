import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { type Answer, pageAdviceOf, pageDetailOf } from '../../http/answers/answer.js'
import type { Problem, ProblemCode } from '../../lib/errors.js'
import { formPairs } from '../../lib/text/form-pairs.js'
import { type AdminPage, type PageCall, withProblem } from '../admin-page.js'
import { withForm } from '../answers.js'
import { type Call, roleAllows } from '../calls.js'
import type { ParameterName } from '../parameters.js'
import { usualOptions } from './warm-request.js'

/** In the order of the form. */
const fieldNames = [
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

const firstFields: readonly string[] = ['jid', 'password']

const secrets: readonly string[] = ['password', 'token']

type Values = Readonly<Record<string, string>>

export function createWarmForm({ bosh, warm }: Config, page: AdminPage, formGuard: FormGuard) {
  const { language, wait, hold, ver } = usualOptions(bosh)
  const usual: Values = {
    jid: '',
    authzid: '',
    language,
    wait: String(wait),
    hold: String(hold),
    ver,
    expires_in: String(warm.attachSeconds),
    attach_binding: bosh.attachBinding === 'off' ? 'off' : 'cookie',
  }

  const answer = (call: PageCall, values: Values, about: object): Answer => {
    const token = formGuard.token(call.admin.name)
    const bindings = [
      { value: 'off', text: 'No' },
      { value: 'cookie', text: 'Yes, by a cookie', isChosen: values['attach_binding'] === 'cookie' },
    ]
    return withForm(page('form', 'form', call, { values, ...about, bindings, token }))
  }

  return {
    blank: (call: PageCall): Answer => answer(call, usual, {}),

    again(problem: Problem, call: Call): Answer | undefined {
      const { request, representation } = call
      const sent = call.form && new Map(formPairs(call.form.toString()))
      if (sent === undefined) return undefined
      const kept = fieldNames.filter(name => !secrets.includes(name))
      const values: Values = Object.fromEntries(kept.map(name => [name, sent.get(name) ?? usual[name]!]))
      const { code } = problem
      const field = fieldAt(problem, Boolean(sent.get('token')))
      const detail = pageDetailOf(problem)
      const isMistyped = field !== undefined && (problem.parameter !== undefined || code === 'invalid-jid')
      const options = fieldNames.filter(name => !firstFields.includes(name))
      const isOpen = options.some(name => name === field || values[name] !== usual[name])
      const about = {
        problem: {
          detail,
          code,
          advice: isMistyped ? 'See the field that is marked.' : pageAdviceOf(problem),
          requestId: request.res!.get('X-Request-Id'),
          isFull: code === 'service-full' && roleAllows(call.admin, 'numbers'),
        },
        faults: field && { [field]: messageAt(problem) },
        isOpen,
      }
      return withProblem(answer(call, values, about), problem, representation)
    },
  }
}

function fieldAt({ code, parameter }: Problem, hasToken: boolean): FieldName | undefined {
  const about = parameter?.name ?? fieldOf[code]
  const field = about === 'password' && hasToken ? 'token' : about
  return fieldNames.find(name => name === field)
}

const missing = { jid: 'Enter the address of the user.', password: 'Enter the password.' }

function messageAt(problem: Problem): string {
  const { code, parameter, quote } = problem
  if (code === 'missing-parameter') return missing[parameter?.name as keyof typeof missing] ?? 'Fill this in.'
  if (code === 'invalid-jid') return `This is not an address. ${quote ?? 'Write it like alice@example.org.'}`
  return parameter?.rule ?? pageDetailOf(problem)
}
