import { advice } from '../../http/answers/advice.js'
import { type ProblemCode, problems } from '../../lib/errors.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { formatTime } from '../answers.js'
import { span } from '../page-texts.js'
import { type AuditLine, type AuditPart, domainOf } from './recent-audit.js'

const mostExamples = 5

const stepOf = ({ action, step }: Pick<AuditLine, 'action' | 'step'>) => (action === 'client login' ? 'sasl' : step)

export const failureKey = (line: Pick<AuditLine, 'code' | 'action' | 'step'>) =>
  `${line.code ?? 'unknown'}-${stepOf(line) ?? 'any'}`

/** Failed logins of one code and step. `lines` are the newest first. */
function groupOf(key: string, lines: readonly [AuditLine, ...AuditLine[]]) {
  const [newest] = lines
  const { code = 'unknown', time } = newest
  const known = Object.hasOwn(problems, code) ? (code as ProblemCode) : undefined
  const some = (read: (line: AuditLine) => readonly string[]) =>
    [...new Set(lines.flatMap(read))].slice(0, mostExamples)
  return {
    key,
    sentence: known && problems[known].sentence,
    detail: lines.find(({ detail }) => detail !== undefined)?.detail,
    time,
    about: {
      code,
      step: stepOf(newest),
      advice: known && advice[known],
      count: lines.reduce((all, { count }) => all + count, 0),
      actions: some(({ action }) => [action]),
      conditions: some(({ condition }) => (condition === undefined ? [] : [condition])),
      domains: some(({ jids }) => jids.map(domainOf).filter(domain => prepareDomain(domain) !== undefined)),
      servers: some(({ servers }) => servers),
      jids: some(({ jids }) => jids),
    },
  }
}

function groupsOf(lines: readonly AuditLine[]) {
  const keys = new Set(lines.map(failureKey))
  return Array.from(keys, key => groupOf(key, lines.filter(line => failureKey(line) === key) as [AuditLine]))
}

export function describeFailures({ lines, unanswered }: AuditPart) {
  return { failures: groupsOf(lines).map(describeGroup), unanswered }
}

export type FailureObject = ReturnType<typeof describeGroup>

function describeGroup({ sentence, detail, time, about }: ReturnType<typeof groupOf>) {
  const { code, step, advice, count, ...texts } = about
  const whole = [sentence, detail].filter(Boolean).join(' ') || undefined
  return { code, step, detail: whole, advice, count, last: new Date(time).toISOString(), ...texts }
}

const actionNames: Readonly<Record<string, string>> = {
  warm: 'calls of backends',
  connect: 'calls of pages',
  'client login': 'logins by clients',
}

export function failuresPage({ lines, unanswered }: AuditPart) {
  return {
    title: 'Failures',
    groups: groupsOf(lines).map(({ key, sentence, detail, time, about }) => ({
      ...about,
      headline: sentence ?? about.code,
      detail,
      key,
      last: formatTime(time),
      ago: span(Math.max(0, Math.floor((Date.now() - time) / 1000))),
      at: new Date(time).toISOString(),
      times: about.count === 1 ? 'once' : `${about.count} times`,
      from: about.actions.map(action => actionNames[action] ?? action).join(', '),
      domains: about.domains.join(', '),
      servers: about.servers.join(', '),
      conditions: about.conditions.filter(condition => condition !== about.code).join(', '),
      jids: about.jids.map(jid => ({ jid, query: parseJid(jid) && new URLSearchParams({ jid }).toString() })),
    })),
    unanswered,
  }
}
