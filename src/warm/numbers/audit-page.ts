import { detailOf } from '../../http/answers/answer.js'
import type { Problem } from '../../lib/errors.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { formatBareJid, parseJid } from '../../xmpp/jid/jid.js'
import { formatTime } from '../answers.js'
import { integer, text, type Values, word } from '../parameter-kinds.js'
import { queryOf } from '../read-parameters.js'
import { failureKey } from './failure-groups.js'
import {
  type AuditLine,
  type AuditPart,
  auditActions,
  formatAuditPlace,
  isLogin,
  readAuditPlace,
} from './recent-audit.js'

export const usualLines = 50
const longestName = 256

export const auditParameters = {
  admin: text(
    'Lines of this admin.',
    'The name of an admin.',
    sent => (sent.length <= longestName ? sent : undefined),
    { maxLength: longestName },
  ),
  action: word(auditActions, 'Lines about this action.'),
  jid: text('Lines about this user (a bare JID) or this domain.', 'A bare JID or a domain.', sent => {
    if (!sent.includes('@')) return prepareDomain(sent)
    const jid = parseJid(sent)
    return jid && formatBareJid(jid)
  }),
  limit: integer('Largest number of lines.', { minimum: 1, maximum: 500, default: usualLines }),
  before: text(
    'The value of `next` in the previous part.',
    'The value of "next" in the previous part.',
    readAuditPlace,
  ),
} as const

type AuditQuery = Values<typeof auditParameters>

export function describeAudit({ lines, next, unanswered }: AuditPart) {
  return { lines: lines.map(describeLine), next: next && formatAuditPlace(next), unanswered }
}

export type AuditLineObject = ReturnType<typeof describeLine>

function describeLine(line: AuditLine) {
  const { time, node, action, admin, address, code, step, condition, jids, id, count, ended } = line
  const at = new Date(time).toISOString()
  const process = node === '' ? undefined : node
  return { time: at, action, admin, address, code, step, condition, jids, id, count, ended, process }
}

export function auditPage({ lines, next, unanswered }: AuditPart, query: AuditQuery) {
  const { admin, action, jid, before, limit } = query
  const link = (place?: string) => {
    const pairs = Object.entries({ admin, action, jid, limit: limit && String(limit), before: place })
    return `?${new URLSearchParams(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined))}`
  }
  return auditValues(query, {
    isFiltered: [admin, action, jid].some(value => value !== undefined),
    rows: lines.map(describeRow),
    unanswered,
    links: { again: link(), newest: before && link(), older: next && link(formatAuditPlace(next)) },
  })
}

/** Undefined if the mistake is in no field. */
export function auditWithMistake(problem: Problem, url: string) {
  const { parameter } = problem
  const field = (['jid', 'admin', 'action'] as const).find(name => name === parameter?.name)
  if (field === undefined) return undefined
  const errors = { [field]: parameter!.rule ?? detailOf(problem) }
  return auditValues(Object.fromEntries(new URLSearchParams(queryOf(url))), { errors, isRefused: true })
}

type Fields = { readonly [Name in 'jid' | 'admin' | 'action']?: string | undefined }

function auditValues({ jid, admin, action }: Fields, values: object) {
  const actions = auditActions.map(name => ({ value: name, text: actionTexts[name], isChosen: name === action }))
  return { title: 'Audit', fields: { jid, admin }, actions, ...values }
}

const actionTexts: Readonly<Record<(typeof auditActions)[number], string>> = {
  warm: 'login',
  connect: 'login of a page',
  resume: 'handover',
  logout: 'end',
  'admin login': 'admin login',
  'client login': 'login of a client',
  account: 'new account',
}

const resultTexts: Readonly<Record<string, string>> = {
  ok: 'done',
  'not-authorized': 'wrong user or password',
  unauthorized: 'wrong name or secret',
  'client-gone': 'the caller hung up',
}

function describeRow(line: AuditLine) {
  const { time, action, admin, address, code = 'ok', step, condition, jids, id, count, ended } = line
  const isRefused = code !== 'ok' && code !== 'client-gone'
  const act = actionTexts[action as keyof typeof actionTexts] ?? action
  const result = resultTexts[code] ?? code.replaceAll('-', ' ')
  const about = condition === undefined || condition === code ? result : `${result} (${condition})`
  return {
    key: formatAuditPlace(line),
    time: formatTime(time).replace(' UTC', ''),
    datetime: new Date(time).toISOString(),
    // Unknown names are not stored, because people type secrets as names.
    who: admin ?? (action === 'admin login' ? 'unknown name' : undefined),
    action: count > 1 ? `${act} (${count} times)` : act,
    result: ended === undefined ? about : `${about}, ${ended} ended`,
    isRefused,
    exactly: step === undefined ? code : `${code} at ${step}`,
    failure: isRefused && isLogin(action) ? failureKey(line) : undefined,
    users: jids.join(', '),
    address,
    id: action === 'logout' ? undefined : id,
  }
}
