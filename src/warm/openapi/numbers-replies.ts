import { steps } from '../../lib/errors.js'
import {
  count,
  list,
  object,
  type Properties,
  type Schema,
  schemaNamed,
  text,
  texts,
  word,
} from '../../lib/text/json-schema.js'
import type { AuditLineObject } from '../numbers/audit-page.js'
import { resources } from '../numbers/capacity.js'
import type { FailureObject } from '../numbers/failure-groups.js'
import { sessionStates } from '../parameters.js'

const record = (names: readonly string[], value: Schema, description: string) =>
  object(description, Object.fromEntries(names.map(name => [name, value])))

const unanswered = texts('Processes that did not answer, so their part is missing. Absent if all answered.')

const milliseconds = (description: string): Schema => ({ type: 'number', minimum: 0, description })

const numberOrNull: Schema = { anyOf: [{ type: 'number', minimum: 0 }, { enum: [null] }] }

const series = (description: string): Schema => list(numberOrNull, description)

const capacity = schemaNamed('Capacity')

const failure: Properties<FailureObject> = {
  code: text('The error.'),
  'step?': word('The step of the login that failed.', steps),
  'detail?': text('What happened.'),
  'advice?': text('What to do.'),
  count: count('Logins that failed for this reason, of the last 200 failures of each process.'),
  last: text('Time of the last such failure.', { format: 'date-time' }),
  actions: texts('What failed: `warm`, `connect`, or a `client login`.'),
  conditions: texts('Conditions that the XMPP server sent.'),
  domains: texts('Domains of the users.'),
  servers: texts('XMPP servers of these logins: host and port.'),
  jids: texts('Some of the users.'),
}

const auditLine: Properties<AuditLineObject> = {
  time: text('Time of the action.', { format: 'date-time' }),
  action: text('The call, `admin login` or `client login`.'),
  'admin?': text('The admin who called.'),
  'address?': text('The address of the caller.'),
  'code?': text('`ok`, or the error.'),
  'step?': text('The step of the login that failed.'),
  'condition?': text('The condition that the XMPP server sent.'),
  jids: texts('The users: bare JIDs.'),
  'id?': text('The public id of the session.'),
  count: count('Number of calls that this line sums up.'),
  'ended?': count('Sessions that were ended.'),
  'process?': text('The process. Absent if there is only one.'),
}

export const numbersSchemas: Readonly<Record<string, Schema>> = {
  Use: object('How much of a limit is used.', {
    used: count('The current value.'),
    most: { ...numberOrNull, description: 'The limit. Null without a limit.' },
  }),
  Capacity: record(resources, schemaNamed('Use'), 'Memory, waiting stanzas and unread replies in bytes.'),
  Numbers: object('Numbers of all processes. An admin limited to domains gets only `sessions`.', {
    sessions: record(sessionStates, count('Sessions.'), 'Sessions by state.'),
    'logins?': object('Recent calls.', {
      minutes: count('Minutes that these values cover.'),
      done: count('Logins.'),
      refused: count('Answered with 4xx.'),
      failed: count('Answered with 5xx.'),
      given_up: count('The caller hung up.'),
      'p50?': milliseconds('Half of the logins took at most this time, in milliseconds. Absent without logins.'),
      'p99?': milliseconds('99 % of the logins took at most this time, in milliseconds.'),
    }),
    'last_hour?': object('One value a minute, the oldest first. Null if unknown.', {
      sessions: series('Sessions at the end of the minute.'),
      logins: series('Logins in the minute, also by clients themselves.'),
      failures: series('Refused and failed logins in the minute.'),
      p99: series('p99 of the login times, in milliseconds.'),
    }),
    'capacity?': capacity,
    'processes?': list(
      object('A process.', {
        name: text('The name, also in the log.'),
        'place?': text('The host, or a worker on it.'),
        state: word('`live`, `silent` (no answer for 3 s or more) or `draining`.', ['live', 'silent', 'draining']),
        'age?': count('Seconds since its start.'),
        'capacity?': capacity,
      }),
      'Absent if there is only one process.',
    ),
    'unanswered?': unanswered,
  }),
  Failures: object('Why logins failed, the newest first.', {
    failures: list(object('A reason.', failure), 'The reasons.'),
    'unanswered?': unanswered,
  }),
  Audit: object('The last lines of the audit trail, the newest first.', {
    lines: list(object('A line.', auditLine), 'At most 500 of each process.'),
    'next?': text('`before` of the next part. Absent at the end.'),
    'unanswered?': unanswered,
  }),
}
