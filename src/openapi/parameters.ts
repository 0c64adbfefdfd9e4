// What calls may bring along. Names and limits are those that the calls are read with.
import type { Config } from '../config/config.js'
import { switches } from '../config/kinds.js'
import { settings } from '../config/settings.js'
import {
  longestAttach,
  longestLanguage,
  longestPassword,
  longestToken,
  type ParameterName,
  shortestAttach,
} from '../warm/allowed-values.js'
import { defaultTokenMechanism, otherMechanisms } from '../warm/credentials.js'
import {
  highestLimit,
  type listParameters,
  type logoutParameters,
  origins,
  states,
  usualLimit,
} from '../warm/session-query.js'
import { usualOptions } from '../warm/warm-request.js'
import { count, object, type Schema, text, word } from './schema.js'

/** RFC 7622 §3.1, in octets; a schema can count characters only. */
const longestJid = 3071

/** What a session's handle looks like. */
export const handlePattern = '^[0-9A-Fa-f]{32}$'

/** The bodies of calls, under the settings in force. */
export function bodySchemas(config: Config): { WarmRequest: Schema; ResumeRequest: Schema } {
  const { jid, password, token, mechanism, authzid, csrf_token, ...options } = bodyParameters(config)
  const optional = Object.fromEntries(
    Object.entries(options).map(([name, schema]) => [name, orNothing(schema)]),
  ) as typeof options
  const { expires_in, attach_binding } = optional
  const others = { password, token, mechanism, authzid, ...optional, csrf_token }
  return {
    WarmRequest: object(
      'Who is to be logged in, and how. What is empty is not given. A parameter that is not listed is ignored, one that ' +
        'comes twice, or whose name is nearly one of these, is refused.',
      { jid, ...others },
      Object.keys(others) as (keyof typeof others)[],
    ),
    ResumeRequest: object(
      'How the session is to wait for its page.',
      { expires_in, attach_binding, csrf_token },
      ['expires_in', 'attach_binding', 'csrf_token'],
    ),
  }
}

/** An option that is empty or null is not given. */
function orNothing({ description, default: usual, ...value }: Schema): Schema {
  const nothing = { enum: ['', null] }
  return {
    description,
    default: usual,
    anyOf: [...(Array.isArray(value['anyOf']) ? value['anyOf'] : [value]), nothing],
  }
}

function bodyParameters({ bosh, warm, remotes }: Config): Record<ParameterName, Schema> {
  const usual = usualOptions(bosh)
  const butElsewhere = remotes.size === 0 ? '' : ', except at a remote endpoint, which has a limit of its own'
  const atMost = (limit: number) => `More than ${limit} counts as ${limit}${butElsewhere}.`
  return {
    jid: text(
      'The user, as a bare JID, or a full one to ask for that resource.' +
        (warm.anonymous ? ' Nothing but a domain is a session without an account.' : ''),
      { maxLength: longestJid },
    ),
    password: text(`The user's password, at most ${longestPassword} bytes.`, {
      maxLength: longestPassword,
      format: 'password',
      writeOnly: true,
    }),
    token: text("Instead of a password: a token of the user's.", {
      maxLength: longestToken,
      pattern: '^[\\x21-\\x7e]*$',
      format: 'password',
      writeOnly: true,
    }),
    mechanism: text('SASL mechanism that shows the token.', {
      pattern: '^[A-Z0-9_-]{0,20}$',
      not: { enum: [...otherMechanisms] },
      default: defaultTokenMechanism,
    }),
    authzid: text(
      'The user, like `jid`, where `jid` and `password` are those of another account of the same domain, which acts for the user.',
      { maxLength: longestJid },
    ),
    language: text('Language of the stream (BCP 47).', {
      maxLength: longestLanguage,
      default: usual.language,
    }),
    lang: text('The same as `language`, which counts where both are given.', {
      maxLength: longestLanguage,
      default: usual.language,
    }),
    wait: count(`Longest time a request is held, in seconds. ${atMost(bosh.maxWait)}`, {
      default: usual.wait,
    }),
    hold: count(`Requests held at a time. ${atMost(bosh.maxRequests - 1)}`, { default: usual.hold }),
    ver: {
      description: 'BOSH version. As a number 1.10 is 1.1.',
      anyOf: [
        { type: 'string', pattern: '^[0-9]{1,5}\\.[0-9]{1,5}$' },
        { type: 'number', minimum: 0, exclusiveMaximum: 100_000 },
      ],
      default: usual.ver,
    },
    expires_in: count('Time the browser has for its first request, in seconds.', {
      minimum: shortestAttach,
      maximum: longestAttach,
      default: warm.attachTimeout,
    }),
    attach_binding: word(
      'Whether the session answers only the browser that attached to it: with `cookie` the first answer of the ' +
        'BOSH endpoint sets a cookie, with `reply` the answer to this call has one for the backend to set.',
      settings.ATTACH_BINDING.kind.words,
      { default: bosh.attachBinding },
    ),
    reuse: {
      description: 'Whether a session of this user that has no page is taken up, if there is one.',
      anyOf: [{ type: 'boolean' }, { type: 'string', enum: [...switches.keys()] }],
      default: false,
    },
    csrf_token: text('What the form of this service brings along. Programs leave it out.'),
  }
}

/** The query of a list, by the names of its parameters. */
export const listQuery: Readonly<Record<(typeof listParameters)[number], Schema>> = {
  jid: text('Only the sessions of this bare JID, or the one of this full JID.', { maxLength: longestJid }),
  domain: text('Only the sessions of users of this domain.'),
  state: word('Only the sessions that stand like this.', states),
  origin: word('Only the sessions that were opened like this.', origins),
  limit: count('How many sessions to list.', { minimum: 1, maximum: highestLimit, default: usualLimit }),
  after: text('Where to go on: `next` of the list before.', {
    pattern: '^[0-9]{1,16}(\\.[0-9]{1,20})?-[0-9a-f]{32}$',
  }),
}

/** The query of a logout; all of it is required. */
export const logoutQuery: Readonly<Record<(typeof logoutParameters)[number], Schema>> = {
  jid: text('Whose sessions end: all of a bare JID, or the one of a full JID.', {
    minLength: 1,
    maxLength: longestJid,
  }),
}
