import { advice } from '../../http/answers/advice.js'
import type { Answer } from '../../http/answers/answer.js'
import { type ProblemCode, problems } from '../../lib/errors.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { type AdminPageContext, adminPage } from '../admin-page.js'
import { formatTime } from '../answers.js'
import { span } from '../page-texts.js'
import { type FailureGroup, type Failures, failureKey } from './failure-groups.js'

export function describeFailures({ groups, unanswered }: Failures) {
  return { failures: groups.map(describeGroup), unanswered }
}

export type FailureObject = ReturnType<typeof describeGroup>

function describeGroup({ code, step, count, last, jids, domains, servers, conditions, actions, detail }: FailureGroup) {
  const known = knownCode(code)
  return {
    code,
    step,
    detail: [known && problems[known].sentence, detail].filter(Boolean).join(' ') || undefined,
    advice: known && advice[known],
    count,
    last: new Date(last).toISOString(),
    actions,
    conditions,
    domains,
    servers,
    jids,
  }
}

const knownCode = (code: string) => (Object.hasOwn(problems, code) ? (code as ProblemCode) : undefined)

function headlineOf(code: string): string {
  const known = knownCode(code)
  return known === undefined ? code : problems[known].sentence
}

const actionNames: Readonly<Record<string, string>> = {
  warm: 'calls of backends',
  connect: 'calls of pages',
  'client login': 'logins by clients',
}

export function failuresPage({ groups, unanswered }: Failures, context: AdminPageContext): Answer {
  return adminPage('failures', 'failures', context, {
    title: 'Failures',
    groups: groups.map(group => ({
      ...describeGroup(group),
      headline: headlineOf(group.code),
      detail: group.detail,
      key: failureKey(group),
      last: formatTime(group.last),
      ago: span(Math.max(0, Math.floor((Date.now() - group.last) / 1000))),
      at: new Date(group.last).toISOString(),
      times: group.count === 1 ? 'once' : `${group.count} times`,
      from: group.actions.map(action => actionNames[action] ?? action).join(', '),
      domains: group.domains.join(', '),
      servers: group.servers.join(', '),
      conditions: group.conditions.filter(condition => condition !== group.code).join(', '),
      jids: group.jids.map(jid => ({ jid, query: parseJid(jid) && new URLSearchParams({ jid }).toString() })),
    })),
    unanswered,
  })
}
