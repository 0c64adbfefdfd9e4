import type { Request } from 'express'
import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { type Answer, pageAdviceOf, pageDetailOf, problemHeaders } from '../../http/answers/answer.js'
import type { Problem } from '../../lib/errors.js'
import { formPairs } from '../../lib/text/form-pairs.js'
import { adminPage, adminPageContext, type PageCall } from '../admin-page.js'
import { withForm } from '../answers.js'
import { type Call, roleAllows } from '../calls.js'
import { type Faults, faultsOf, fieldAt, fieldNames, messageAt } from './form-faults.js'
import { usualOptions } from './warm-request.js'

const firstFields: readonly string[] = ['jid', 'password']

const secrets: readonly string[] = ['password', 'token']

type FormSettings = Pick<
  Config,
  'externalUrl' | 'warmPath' | 'bosh' | 'warm' | 'serviceAccounts' | 'servers' | 'remotes'
>

type Values = Readonly<Record<string, string>>

interface Sent {
  readonly values: Values
  readonly hasToken: boolean
  readonly faults: Faults
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
    expires_in: String(warm.attachSeconds),
    attach_binding: bosh.attachBinding === 'off' ? 'off' : 'cookie',
  }
  const sentForms = new WeakMap<Request, Sent>()

  const answer = (call: PageCall, values: Values, about: object): Answer => {
    const token = formGuard.token(call.admin.name)
    const bindsByCookie = values['attach_binding'] === 'cookie'
    const shown = { values, ...about, bindsByCookie, token }
    return withForm(adminPage('form', 'form', adminPageContext(call, config), shown))
  }

  return {
    blank: (call: PageCall): Answer => answer(call, usual, {}),

    note(request: Request, body: Buffer): void {
      const pairs = [...formPairs(body.toString())]
      const sent = new Map(pairs)
      const values = fieldNames
        .filter(name => !secrets.includes(name))
        .map(name => [name, sent.get(name) ?? usual[name]!] as const)
      sentForms.set(request, {
        values: Object.fromEntries(values),
        hasToken: Boolean(sent.get('token')),
        faults: faultsOf(pairs, config),
      })
    },

    again(problem: Problem, call: Call): Answer | undefined {
      const { request, representation } = call
      const sent = sentForms.get(request)
      if (sent === undefined || representation === 'json') return undefined
      const { code, status } = problem
      const field = fieldAt(problem, sent.hasToken)
      const detail = pageDetailOf(problem)
      const isMistyped = field !== undefined && (problem.parameter !== undefined || code === 'invalid-jid')
      const faults: Faults = { ...sent.faults, ...(field !== undefined && { [field]: messageAt(problem) }) }
      const faulty = fieldNames.filter(name => faults[name] !== undefined)
      const options = fieldNames.filter(name => !firstFields.includes(name))
      const isOpen = options.some(name => faults[name] !== undefined || sent.values[name] !== usual[name])
      const about = {
        problem: {
          detail,
          code,
          advice: isMistyped || faulty.length > 1 ? adviceOf(faulty) : pageAdviceOf(problem),
          requestId: request.res!.get('X-Request-Id'),
          isFull: code === 'service-full' && roleAllows(call.admin, 'numbers'),
        },
        // Only the first fault gets the focus.
        ...(faulty.length > 0 && { faults, later: Object.fromEntries(faulty.slice(1).map(name => [name, true])) }),
        isOpen,
      }
      const { headers, body } = answer(call, sent.values, about)
      return { status, headers: { ...headers, ...problemHeaders(problem, representation) }, body }
    },
  }
}

const adviceOf = ({ length }: readonly string[]) =>
  length === 1 ? 'See the field that is marked.' : `See the ${length} fields that are marked.`
