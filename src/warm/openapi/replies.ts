// The keys are those of the objects that the replies are written from.

import { contentTypes } from '../../http/answers/answer.js'
import type { Representation } from '../../http/answers/negotiation.js'
import { problems, steps } from '../../lib/errors.js'
import { count, object, type Schema, schemaNamed, text, word } from '../../lib/text/json-schema.js'
import type { Cookie } from '../../xmpp/page-binding.js'
import type { BindingObject, SessionObject, WebSocketObject } from '../answers.js'
import { listParameters } from '../parameters.js'

export type Response = Readonly<Record<string, unknown>>

const mediaType = (representation: Representation) => contentTypes[representation].split(';', 1)[0]!
/** The contents of a page are no promise to programs. */
export const pages = { [mediaType('xhtml')]: {}, [mediaType('html')]: {} }

const { origin, state } = listParameters
const session: Record<keyof SessionObject, Schema> = {
  id: text("The session's handle, no secret."),
  jid: text('The full JID that the server bound; absent before.'),
  domain: text("The user's domain."),
  origin: { ...origin.schema, description: '`warmed` by this API, or opened by a `client` itself.' },
  state: {
    ...state.schema,
    description:
      '`opening` until the login is done, `waiting` for the first request of a browser, `held` while a request is open, ' +
      "`quiet` while none is, `paused` at the client's wish, `ended` by the XMPP server without its client knowing yet, " +
      '`elsewhere` where its browser was sent to another endpoint.',
  },
  transport: {
    ...text('How its client reaches this service; absent before one has come.'),
    enum: ['bosh', 'websocket'],
  },
  age: count('Seconds since it was opened.'),
  quiet: count('Seconds since a request was open; absent while one is.'),
}

const binding: Record<keyof BindingObject, Schema> = {
  jid: text('The full JID that the server bound.'),
  sid: text("The session's secret."),
  rid: count('The next request id to send.'),
  id: text("The session's handle, no secret."),
  wait: count('Longest time a request is held, in seconds.'),
  hold: count('Requests held at a time.'),
  requests: count('Requests that may be open at once.'),
  inactivity: count('Silence after which the session ends, in seconds.'),
  polling: count('Shortest time to leave between two empty requests, in seconds.'),
  maxpause: count('Longest silence that may be announced, in seconds; absent where there is no pausing.'),
  ver: text('BOSH version.'),
  url: text(
    'The BOSH endpoint that the page talks to: a URL, or its path alone where the settings name none and the call came under a name that is not known.',
    { format: 'uri-reference' },
  ),
  expires_in: count('Time the browser has for its first request, in seconds.'),
  websocket: object(
    'The other way to the session, over WebSocket (RFC 7395); absent where it is off, with `attach_binding`, and for sessions at other endpoints.',
    {
      url: text(
        'Where the page takes the session over: a URL, or its path alone, as above. Of several processes it names the one that has the session, in `node`.',
        { format: 'uri-reference' },
      ),
      token: text("The password for that, good once. The user's name is the local part of the JID."),
      expires_in: count('Time that it is good for, in seconds.'),
    } satisfies Record<keyof WebSocketObject, Schema>,
  ),
  cookie: object('What `attach_binding=reply` asks for: the cookie to set with the page.', {
    name: text('`wb-` and the handle.'),
    value: text('A secret of the session.'),
    attributes: text('What stands behind `name=value; ` in `Set-Cookie`.'),
  } satisfies Record<keyof Cookie, Schema>),
  resumed: {
    type: 'boolean',
    description: 'Whether the session had a page before, or could have had one, and goes on; else it is new.',
  },
  delivered: count(
    'Stanzas of the session that its pages before have had for certain; the next ones are delivered to the page that comes. Present where it is resumed.',
  ),
  received: count(
    'The last request id that has come from the page before; present where it is resumed and that page spoke BOSH.',
  ),
  reused: {
    type: 'boolean',
    description: 'Whether this is a session from before; present where `reuse` asks for it.',
  },
}

const unanswered = (consequence: string): Schema => ({
  ...{ type: 'array', items: { type: 'string' } },
  description: `Processes of the service that did not answer within a second, and whose ${consequence}; absent without any.`,
})

export const replySchemas: Readonly<Record<string, Schema>> = {
  Binding: object('A session that waits for its page.', binding, [
    'maxpause',
    'websocket',
    'cookie',
    'delivered',
    'received',
    'reused',
  ]),
  Session: object('How a session stands.', session, ['jid', 'transport', 'quiet']),
  SessionList: object(
    'A part of a list of sessions, the oldest first.',
    {
      sessions: { type: 'array', items: schemaNamed('Session') },
      total: count('Sessions in the whole list.'),
      next: text('Where to go on; absent at the end.'),
      unanswered: unanswered('sessions are missing here'),
    },
    ['next', 'unanswered'],
  ),
  Ended: object(
    'What became of the sessions of a user.',
    {
      ended: count('Sessions that were ended.'),
      elsewhere: count(
        'Sessions that may live at another endpoint and cannot be ended here; absent without any.',
      ),
      unanswered: unanswered('sessions may live on'),
    },
    ['elsewhere', 'unanswered'],
  ),
  HostMeta: object('The endpoints of a domain (XEP-0156).', {
    links: {
      type: 'array',
      items: object('One of them.', {
        rel: text('What kind of endpoint it is.'),
        href: text('Where it is.', { format: 'uri' }),
      }),
    },
  }),
  Problem: object(
    'What went wrong (RFC 9457).',
    {
      type: { const: 'about:blank' },
      title: text('The name of the HTTP status.'),
      status: { type: 'integer', description: 'The HTTP status.' },
      detail: text('What went wrong, in words.'),
      code: word('What went wrong, for programs.', Object.keys(problems)),
      step: word('The part of the login in which it did.', steps),
      condition: text("The XMPP server's own word for it."),
      instance: text("The request's id, which the log has too, as `urn:uuid:…`.", { format: 'uri' }),
    },
    ['step', 'condition'],
  ),
}

const header = (description: string, schema: Schema) => ({ required: true, description, schema })

export const replyHeaders = {
  'X-Request-Id': header("The request's id, which the log has too.", { type: 'string', format: 'uuid' }),
  'Retry-After': header('Seconds to wait before the same call may succeed.', { type: 'integer' }),
  Location: header('Where else to ask.', { type: 'string', format: 'uri' }),
  'WWW-Authenticate': header('The challenge (RFC 7617).', { type: 'string' }),
}

export const headers = (...names: (keyof typeof replyHeaders)[]) =>
  Object.fromEntries(names.map(name => [name, { $ref: `#/components/headers/${name}` }]))

export function response(description: string, content: Readonly<Record<string, unknown>> = {}): Response {
  const isEmpty = Object.keys(content).length === 0
  return { description, headers: headers('X-Request-Id'), ...(!isEmpty && { content }) }
}

/** Has no request id: the log has no line about it. */
export const plain = (description: string): Response => ({ description, content: { 'text/plain': {} } })

export const redirection = (description: string): Response => ({
  description,
  headers: headers('X-Request-Id', 'Location'),
  content: { [mediaType('html')]: {} },
})

export const json = (schema: Schema) => ({ [mediaType('json')]: { schema } })
