import type { Request } from 'express'
import type { Admin, Config } from '../config/config.js'
import type { FormGuard } from '../http/access/form-guard.js'
import { homePath } from '../http/addresses.js'
import { pageAdvice } from '../http/answers/advice.js'
import { type Answer, detailOf, pageAnswer, problemHeaders } from '../http/answers/answer.js'
import { navigation } from '../http/answers/navigation.js'
import type { Representation } from '../http/answers/negotiation.js'
import type { Problem, ProblemCode } from '../lib/errors.js'
import { formPairs } from '../lib/text/form-pairs.js'
import { pathForBrowsers, withForm } from './answers.js'
import { type Call, hiddenFrom } from './calls.js'
import type { ParameterName } from './parameters.js'
import { usualOptions } from './warm-request.js'

const moreFields: readonly string[] = [
  'token',
  'authzid',
  'expires_in',
  'attach_binding',
  'language',
  'wait',
  'hold',
  'ver',
] satisfies ParameterName[]
const fields = ['jid', 'password', ...moreFields]

const secrets: readonly string[] = ['password', 'token'] satisfies ParameterName[]

type FormSettings = Pick<Config, 'externalUrl' | 'warmPath' | 'bosh' | 'warm'>

type Values = Readonly<Record<string, string>>

interface Sent {
  readonly values: Values
  readonly hasToken: boolean
}

const fieldOf: { readonly [Code in ProblemCode]?: ParameterName } = {
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

export type WarmForm = ReturnType<typeof createWarmForm>

export function createWarmForm(config: FormSettings, formGuard: FormGuard) {
  const { bosh, warm } = config
  const { language, wait, hold, ver } = usualOptions(bosh)
  const usual: Values = {
    jid: '',
    authzid: '',
    language,
    wait: String(wait),
    hold: String(hold),
    ver,
    expires_in: String(warm.attachTimeout),
    // Only backends can use `reply`.
    attach_binding: bosh.attachBinding === 'off' ? 'off' : 'cookie',
  }
  const home = homePath(config.externalUrl)
  const action = pathForBrowsers(config)
  const sentForms = new WeakMap<Request, Sent>()

  const answer = (
    { request, admin, representation }: Pick<Call, 'request' | 'admin' | 'representation'>,
    values: Values,
    about: object,
  ): Answer => {
    const token = formGuard.token(admin.name)
    const bindsByCookie = values['attach_binding'] === 'cookie'
    const bar = navigation(config, request.headers, 'form', hiddenFrom(admin))
    const shown = { values, ...about, bindsByCookie, home, navigation: bar, action, token }
    return withForm(pageAnswer('form', shown, representation))
  }

  return {
    blank: (request: Request, admin: Admin, representation: Representation): Answer =>
      answer({ request, admin, representation }, usual, {}),

    note(request: Request, body: Buffer): void {
      const sent = new Map(formPairs(body.toString()))
      const values = fields
        .filter(name => !secrets.includes(name))
        .map(name => [name, sent.get(name) ?? usual[name]!] as const)
      sentForms.set(request, { values: Object.fromEntries(values), hasToken: Boolean(sent.get('token')) })
    },

    again(problem: Problem, call: Call): Answer | undefined {
      const { request, representation } = call
      const sent = sentForms.get(request)
      if (sent === undefined || representation === 'json') return undefined
      const { code, status } = problem
      const field = fieldAt(problem, sent)
      const detail = detailOf(problem)
      const isMistyped = field !== undefined && problem.parameter !== undefined
      const isOpen = moreFields.some(name => name === field || sent.values[name] !== usual[name])
      const about = {
        problem: {
          detail,
          code,
          advice: isMistyped ? 'See the field that is marked.' : pageAdvice[code],
          requestId: request.res!.get('X-Request-Id'),
        },
        ...(field !== undefined && { faults: { [field]: messageAt(problem, detail) } }),
        isOpen,
      }
      const { headers, body } = answer(call, sent.values, about)
      return { status, headers: { ...headers, ...problemHeaders(problem, representation) }, body }
    },
  }
}

function fieldAt({ code, parameter }: Problem, { hasToken }: Sent): string | undefined {
  const about = parameter?.name ?? fieldOf[code]
  const field = about === 'password' && hasToken ? 'token' : about
  return fields.find(name => name === field)
}

function messageAt({ code, parameter }: Problem, detail: string): string {
  return code === 'missing-parameter' ? 'Fill this in.' : (parameter?.rule ?? detail)
}
