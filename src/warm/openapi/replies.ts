import { contentTypes } from '../../http/answers/answer.js'
import type { Representation } from '../../http/answers/negotiation.js'
import { problems, steps } from '../../lib/errors.js'
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
import type { Cookie } from '../../xmpp/page-binding.js'
import type { BindingObject, SessionObject, WebSocketObject } from '../answers.js'
import type { AuditLineObject } from '../numbers/audit-page.js'
import { resources } from '../numbers/capacity.js'
import type { FailureObject } from '../numbers/failure-groups.js'
import { listParameters, sessionStates } from '../parameters.js'

export type Response = Readonly<Record<string, unknown>>

const mediaType = (representation: Representation) => contentTypes[representation].split(';', 1)[0]!
export const pages = { [mediaType('xhtml')]: {}, [mediaType('html')]: {} }

const flag = (description: string): Schema => ({ type: 'boolean', description })

const { state } = listParameters
const session: Properties<SessionObject> = {
  id: text('The public id of the session.'),
  'jid?': text('The full JID. Absent until it is bound.'),
  domain: text('The domain of the user.'),
  origin: word('`warmed` by this API, or opened by a `client`.', ['warmed', 'client']),
  state: {
    ...state.schema,
    description:
      '`opening`: before the end of the login. `waiting`: no page has attached since the login or the last resume. `held`: a request or WebSocket is open. ' +
      '`quiet`: none is open. `paused`: announced by the client. `ended`: the client does not know it yet. ' +
      '`elsewhere`: at a remote endpoint with REMOTE_ATTACH=there.',
  },
  'transport?': word('The transport of its client. Absent without a client.', ['bosh', 'websocket']),
  age: count('Seconds since the opening.'),
  'quiet?': count('Seconds without an open request. Absent while a request is open.'),
  'visit?': text('Its `visit`, if this admin sent it.'),
  'tab?': text('Its `tab`, if this admin sent it.'),
  'process?': text('Name of its process. Absent with one process.'),
  'admin?': text('The admin whose call opened it. Like `address`, `browser` and `history`, not in lists.'),
  'address?': text('The address of its client.'),
  'browser?': text('A short name of its browser.'),
  'history?': list(
    object('An event.', { event: text('What happened.'), age: count('Seconds since then.') }),
    'Its last events, the oldest first.',
  ),
}

const binding: Properties<BindingObject> = {
  jid: text('The full JID.'),
  sid: text('The secret of the session.'),
  rid: count('The next request id to send.'),
  id: text('The public id of the session.'),
  wait: count('Longest time to hold a request, in seconds.'),
  hold: count('Requests held at a time.'),
  requests: count('Requests that may be open at once.'),
  inactivity: count('The session ends after this time without an open request, in seconds.'),
  polling: count('Shortest time between two empty requests, in seconds.'),
  'maxpause?': count('Longest pause, in seconds. Absent if the endpoint allows no pause.'),
  ver: text('BOSH version.'),
  url: text('The BOSH endpoint: a URL, or a path if the service does not know its URL.', { format: 'uri-reference' }),
  expires_in: count('Time limit for the first request of the page, in seconds.'),
  'csi?': flag('The page may send client states (XEP-0352). Absent at remote endpoints with REMOTE_ATTACH=there.'),
  'link_state?': flag(
    'The page may ask for notices about the link to the XMPP server. Absent at remote endpoints with ' +
      'REMOTE_ATTACH=there.',
  ),
  'websocket?': object(
    'Access over WebSocket (RFC 7395). Absent if it is off, with `attach_binding`, ' +
      'and at remote endpoints with REMOTE_ATTACH=there.',
    {
      url: text('The WebSocket endpoint: a URL or a path.', { format: 'uri-reference' }),
      token: text('A password for one login. The user name is the local part of the JID.'),
      expires_in: count('Lifetime of the token, in seconds.'),
    } satisfies Properties<WebSocketObject>,
  ),
  'cookie?': object('With `attach_binding=reply`: the cookie to set with the page.', {
    name: text('`wb-` and the public id.'),
    value: text('A secret of the session.'),
    attributes: text('For `Set-Cookie`, after `name=value; `.'),
  } satisfies Properties<Cookie>),
  'credential?': text('With `remember`: replaces the password in later calls. A secret.'),
  'guest_token?': text('Of a guest (`PAGE_GUESTS`): the token of the next calls. A secret.'),
  resumed: flag('Whether the session existed before this call.'),
  'delivered?': count(
    'If resumed: number of stanzas that earlier pages certainly received. The new page gets the rest.',
  ),
  'received?': count('If an earlier page used BOSH: the id of the last request that arrived.'),
}

const missing = texts('Processes that did not answer, so their part is missing. Absent if all answered.')

const record = (names: readonly string[], value: Schema, description: string) =>
  object(description, Object.fromEntries(names.map(name => [name, value])))

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
  action: text('The call, `admin login`, `client login` or `account`.'),
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

export const replySchemas: Readonly<Record<string, Schema>> = {
  Binding: object('A session that waits for its page.', binding),
  Session: object('A session.', session),
  SessionList: object('A part of a list of sessions.', {
    sessions: { type: 'array', items: schemaNamed('Session') },
    total: count('Sessions in the whole list.'),
    'next?': text('`after` of the next part. Absent at the end.'),
  }),
  Ended: object('Ended sessions.', {
    ended: count('Sessions that were ended.'),
    'elsewhere?': count('Sessions that may exist at a remote endpoint. Absent instead of 0.'),
  }),
  HostMeta: object('The endpoints of a domain (XEP-0156).', {
    links: {
      type: 'array',
      items: object('An endpoint.', {
        rel: text('The kind of endpoint.'),
        href: text('The URL of the endpoint.', { format: 'uri' }),
      }),
    },
  }),
  Problem: object('An error (RFC 9457).', {
    type: { const: 'about:blank' },
    title: text('The name of the HTTP status.'),
    status: { type: 'integer', description: 'The HTTP status.' },
    detail: text('What happened.'),
    code: word('The error, for programs.', Object.keys(problems)),
    advice: text('What to do now.'),
    retry: flag('Whether the same call may succeed later.'),
    'step?': word('The step of the login.', steps),
    'condition?': text('The condition that the XMPP server sent.'),
    instance: text('The request id, also in the log: as `urn:uuid:…` if it is a UUID.', { format: 'uri' }),
  }),
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
        state: word('`live`, `silent` (no answer within a second) or `draining`.', ['live', 'silent', 'draining']),
        'age?': count('Seconds since its start.'),
        'capacity?': capacity,
      }),
      'Absent if there is only one process.',
    ),
    'unanswered?': missing,
  }),
  Failures: object('Why logins failed, the newest first.', {
    failures: list(object('A reason.', failure), 'The reasons.'),
    'unanswered?': missing,
  }),
  Audit: object('The last lines of the audit trail, the newest first.', {
    lines: list(object('A line.', auditLine), 'At most 500 of each process.'),
    'next?': text('`before` of the next part. Absent at the end.'),
    'unanswered?': missing,
  }),
}

const header = (description: string, schema: Schema) => ({ required: true, description, schema })

export const replyHeaders = {
  'X-Request-Id': header('The request id, also in the log.', { type: 'string', format: 'uuid' }),
  'Retry-After': header('Seconds to wait before a retry.', { type: 'integer' }),
  Location: header('The new URL.', { type: 'string', format: 'uri-reference' }),
  'WWW-Authenticate': header('The challenge (RFC 7617).', { type: 'string' }),
}

export const headers = (...names: (keyof typeof replyHeaders)[]) =>
  Object.fromEntries(names.map(name => [name, { $ref: `#/components/headers/${name}` }]))

export function response(description: string, content: Readonly<Record<string, unknown>> = {}): Response {
  const isEmpty = Object.keys(content).length === 0
  return { description, headers: headers('X-Request-Id'), ...(!isEmpty && { content }) }
}

export const textReply = (description: string): Response => ({ description, content: { 'text/plain': {} } })

export const redirection = (description: string): Response => ({
  description,
  headers: headers('X-Request-Id', 'Location'),
  content: { [mediaType('html')]: {} },
})

export const json = (schema: Schema) => ({ [mediaType('json')]: { schema } })
