import type { Answer } from '../../http/answers/answer.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { formatBareJid, parseJid } from '../../xmpp/jid/jid.js'
import { formatTime } from '../answers.js'
import { type OperatorContext, operatorPage } from '../operator-page.js'
import { integer, text, type Values, word } from '../parameter-kinds.js'
import { type AuditLine, type AuditPage, auditActions, formatAuditPlace, readAuditPlace } from './audit-lines.js'
import { failureKey, isLogin, stepOf } from './failure-groups.js'

export const usualLines = 50
const longestName = 256

export const auditParameters = {
  admin: text(
    'Lines of this admin.',
    'The name of an admin.',
    sent => (sent.length <= longestName ? sent : undefined),
    {
      maxLength: longestName,
    },
  ),
  action: word(auditActions, 'Lines about this action.'),
  jid: text('Lines about this user (a bare JID) or this domain.', 'A bare JID or a domain.', sent => {
    if (!sent.includes('@')) return prepareDomain(sent)
    const jid = parseJid(sent)
    return jid && formatBareJid(jid)
  }),
  limit: integer('Largest number of lines.', { minimum: 1, maximum: 500, default: usualLines }),
  before: text('`next` of the previous part.', 'The value of "next" in the previous part.', readAuditPlace),
} as const

type AuditQuery = Values<typeof auditParameters>

export function describeAudit({ lines, next, unanswered }: AuditPage) {
  return { lines: lines.map(describeLine), next: next && formatAuditPlace(next), unanswered }
}

export type AuditLineObject = ReturnType<typeof describeLine>

function describeLine(line: AuditLine) {
  const { time, node, action, admin, address, code, step, condition, jids, id, count, ended } = line
  const at = new Date(time).toISOString()
  const process = node === '' ? undefined : node
  return { time: at, action, admin, address, code, step, condition, jids, id, count, ended, process }
}

export function auditPage({ lines, next, unanswered }: AuditPage, query: AuditQuery, context: OperatorContext): Answer {
  const { admin, action, jid, before, limit } = query
  const link = (place?: string) => {
    const pairs = Object.entries({ admin, action, jid, limit: limit && String(limit), before: place })
    return `?${new URLSearchParams(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined))}`
  }
  const isFiltered = [admin, action, jid].some(value => value !== undefined)
  return operatorPage('audit', 'audit', context, {
    title: 'Audit',
    style: 'watch.css',
    fields: { admin, jid },
    actions: auditActions.map(name => ({ name, isChosen: name === action })),
    isFiltered,
    rows: lines.map(describeRow),
    unanswered,
    links: { again: link(), newest: before && link(), older: next && link(formatAuditPlace(next)) },
  })
}

function describeRow(line: AuditLine) {
  const { time, action, admin, address, code, step, condition, jids, id, count, ended } = line
  const result = code === undefined || code === 'ok' ? 'done' : code
  const isRefused = result !== 'done' && result !== 'client-gone'
  return {
    key: formatAuditPlace(line),
    time: formatTime(time).replace(' UTC', ''),
    who: admin ?? '–',
    action: count > 1 ? `${action} (${count} times)` : action,
    result: ended === undefined ? result : `${result}, ${ended} ended`,
    isRefused,
    why: [step, condition === code ? undefined : condition].filter(Boolean).join(', '),
    failure: isRefused && isLogin(action) ? failureKey({ code: result, step: stepOf(line) }) : undefined,
    users: jids.length === 0 ? '–' : jids.join(', '),
    address: address ?? '–',
    id: action === 'logout' ? undefined : id,
  }
}
