// Warm calls that are refused before anything is asked of a server.
import { jsonHeaders } from '../support/login-server/watched-service.js'

export const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

interface Call {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
}

/** What it is, with which status and code it is refused, and the call. */
export type BadCall = [what: string, status: number, code: string, call: Call]

const json = (value: unknown): Call => text(JSON.stringify(value))
const text = (value: string | Buffer): Call => ({ headers: jsonHeaders, body: value })
const form = (value: string | Buffer): Call => ({
  headers: { ...jsonHeaders, 'Content-Type': 'application/x-www-form-urlencoded' },
  body: value,
})

/** Secrets that may be in no answer and not in the log. */
export const secret = 's3cret-t0ken'

const ofAlice = 'jid=alice%40plain.example'

const bodies: BadCall[] = [
  ['no body', 400, 'invalid-body', text('')],
  ['half an object', 400, 'invalid-body', text(`{"jid":"alice@plain.example","password":"${secret}`)],
  ['an array', 400, 'invalid-body', json([alice])],
  ['null', 400, 'invalid-body', json(null)],
  ['deep JSON', 400, 'invalid-body', text('['.repeat(8000))],
  ['JSON that is not UTF-8', 400, 'invalid-body', text(Buffer.from([0x7b, 0xff, 0x7d]))],
  ['JSON in UTF-16', 400, 'invalid-body', text(Buffer.from(JSON.stringify(alice), 'utf16le'))],
  ['too much JSON', 413, 'body-too-large', json({ ...alice, filler: 'x'.repeat(20_000) })],
  ['the parameter __proto__', 400, 'invalid-parameter', text('{"__proto__":{"jid":"a@b","password":"c"}}')],
  ['an empty form', 400, 'missing-parameter', form('')],
  ['a form that is not UTF-8', 400, 'invalid-body', form(Buffer.from([0xff, 0xfe, 0x00]))],
  ['a form in Latin-1', 400, 'invalid-body', form(Buffer.from(`${ofAlice}&password=\xe9`, 'latin1'))],
  ['a form that is too long', 413, 'body-too-large', form(`jid=a&password=${'x'.repeat(20_000)}`)],
]

const jids: [what: string, jid: unknown, code: string][] = [
  ['with markup', '<alice>@plain.example', 'invalid-jid'],
  ['without parts', '@/@', 'invalid-jid'],
  ['that is an object', {}, 'invalid-parameter'],
  ['that is a domain', 'plain.example', 'invalid-jid'],
  ['with a NUL', 'ali\0ce@plain.example', 'invalid-jid'],
  ['with a line feed', 'alice@plain.example/a\nb', 'invalid-jid'],
  ['with half a surrogate pair', 'alice@plain.example/\ud800', 'invalid-parameter'],
  ['with a right-to-left override', 'alice\u202e@plain.example', 'invalid-jid'],
  ['with an invisible letter', 'ali\u200bce@plain.example', 'invalid-jid'],
  ['with a wide @', 'alice\uff20plain.example', 'invalid-jid'],
  ['at a domain with a wide slash', 'alice@plain.example\uff0fx', 'invalid-jid'],
  ['at a domain with a Cyrillic letter', 'alice@pl\u0430in.example', 'domain-not-allowed'],
  ['that is too long', `${'a'.repeat(9000)}@plain.example`, 'invalid-jid'],
]

const parameters: [what: string, parameters: object, code: string][] = [
  ['no jid', { password: secret }, 'missing-parameter'],
  ['no password', { jid: alice.jid }, 'missing-parameter'],
  ['an empty password', { ...alice, password: '' }, 'missing-parameter'],
  ['an empty token', { ...alice, token: '' }, 'missing-parameter'],
  ['a password that is a number', { ...alice, password: 1 }, 'invalid-parameter'],
  ['a password with a NUL', { ...alice, password: `${secret}\0` }, 'invalid-parameter'],
  ['a password that is too long', { ...alice, password: secret.repeat(100) }, 'invalid-parameter'],
  ['a token beside the password', { ...alice, token: secret }, 'invalid-parameter'],
  ['a token with a space', { jid: alice.jid, token: `${secret} x` }, 'invalid-parameter'],
  ['a token with control characters', { jid: alice.jid, token: `${secret}\u0001\u0001` }, 'invalid-parameter'],
  ['a token that is null', { jid: alice.jid, token: null }, 'invalid-parameter'],
  ['a token that is too long', { jid: alice.jid, token: secret.repeat(700) }, 'invalid-parameter'],
  ['a token without a user', { token: secret }, 'missing-parameter'],
  ['a mechanism without token', { ...alice, mechanism: 'X-OAUTH2' }, 'missing-parameter'],
  ['a mechanism with markup', { jid: alice.jid, token: secret, mechanism: "X'/>" }, 'invalid-parameter'],
  ['a mechanism for passwords', { jid: alice.jid, token: secret, mechanism: 'PLAIN' }, 'invalid-parameter'],
  ['an authzid at another domain', { ...alice, authzid: 'bob@elsewhere.example' }, 'invalid-parameter'],
  ['an invalid authzid', { ...alice, authzid: "'/>" }, 'invalid-parameter'],
  ['an authzid without a password', { jid: alice.jid, authzid: 'bob@plain.example' }, 'missing-parameter'],
  ['a wait that is not a number', { ...alice, wait: 'long' }, 'invalid-parameter'],
  ['a hold with markup', { ...alice, hold: "1'/>" }, 'invalid-parameter'],
  ['an invalid version', { ...alice, ver: '1' }, 'invalid-parameter'],
  ['an invalid language', { ...alice, language: "en' evil='" }, 'invalid-parameter'],
  ['a time that is too long', { ...alice, expires_in: 86_400 }, 'invalid-parameter'],
  ['an unknown attach_binding', { ...alice, attach_binding: 'always' }, 'invalid-parameter'],
]

const repeated: [what: string, call: Call][] = [
  ['a password twice', text(`{"jid":"a@plain.example","password":"a","password":"${secret}"}`)],
  ['a token twice', text(`{"jid":"a@plain.example","token":"a","token":"${secret}"}`)],
  ['a jid twice in a form', form(`${ofAlice}&password=${secret}&${ofAlice}`)],
  ['a password twice in a form, once escaped', form(`${ofAlice}&password=a&p%61ssword=${secret}`)],
  ['a form with a broken escape', form(`${ofAlice}&password=${secret}%zz`)],
  ['a form with an escape that is not UTF-8', form(`${ofAlice}&token=${secret}%ff`)],
]

export const badCalls: readonly BadCall[] = [
  ...bodies,
  ...repeated.map(([what, call]): BadCall => [what, 400, 'invalid-parameter', call]),
  ...jids.map(([what, jid, code]): BadCall => {
    const status = code === 'domain-not-allowed' ? 403 : 400
    return [`a jid ${what}`, status, code, json({ ...alice, jid })]
  }),
  ...parameters.map(([what, value, code]): BadCall => [what, 400, code, json(value)]),
]
