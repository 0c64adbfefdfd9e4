import { describe, expect, test } from '@jest/globals'
import { hashQueue } from '../../../../src/lib/limits/hash-queue.js'
import type { Mechanism } from '../../../../src/servers/login/sasl/mechanism.js'
import { createSaltedPasswords } from '../../../../src/servers/login/sasl/salted-passwords.js'
import { scram as createScram, type ScramParts } from '../../../../src/servers/login/sasl/scram.js'
import { FakeClock } from '../../../support/fake-clock.js'
import { ScramServer } from '../../../support/login-server/scram.js'

const waiting = new AbortController()

function scram(name = 'SCRAM-SHA-1', parts: Partial<ScramParts> = {}): Mechanism {
  return createScram(name, {
    domain: 'chat.example',
    user: 'user',
    secret: 'pencil',
    saltedPasswords: createSaltedPasswords(new FakeClock(), 0, hashQueue()),
    maxIterations: 100_000,
    waiting,
    ...parts,
  })
}

/** As `Mechanism` encodes messages. */
const bytes = (text: string) => Buffer.from(text).toString('latin1')
const text = (byteString: string | Promise<string>) => Buffer.from(byteString as string, 'latin1').toString()

const nonceOf = (first: string) => /,r=([^,]*)$/.exec(first)![1]!

async function answerTo(challenge: string, parts: Partial<ScramParts> = {}): Promise<string> {
  const login = scram('SCRAM-SHA-1', { nonce: 'client', ...parts })
  login.response()
  login.challenge(challenge)
  return login.response()
}

/** Logs in at a server with this password. Returns the first message, and the signature for a right proof. */
async function logInAt(password: string, login: Mechanism) {
  const first = text(await login.response())
  const server = new ScramServer('SCRAM-SHA-1', first, {
    salt: Buffer.from('salt'),
    iterations: 4096,
    channel: () => undefined,
  })
  login.challenge(bytes(server.serverFirst))
  const signature = server.verify(text(await login.response()), password)
  expect(server.complaint).toBeUndefined()
  return { first, signature }
}

const examples = [
  {
    ...{ rfc: 'RFC 5802 §5', name: 'SCRAM-SHA-1' },
    first: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    success: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    ...{ rfc: 'RFC 7677 §3', name: 'SCRAM-SHA-256' },
    first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    final: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    success: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const

test.each(examples)('a login is as in the example of $rfc', async ({ name, first, challenge, final, success }) => {
  const begun = async () => {
    const login = scram(name, { nonce: nonceOf(first) })
    expect(login.response()).toBe(first)
    login.challenge(challenge)
    expect(await login.response()).toBe(final)
    return login
  }
  // The server’s signature comes with the success, or before it in a challenge.
  ;(await begun()).success(success)
  const login = await begun()
  login.challenge(success)
  expect(login.response()).toBe('')
  login.success(undefined)
})

test('a login with channel binding and an authzid sends both in its proof', async () => {
  const login = scram('SCRAM-SHA-512-PLUS', {
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    authzid: 'juliet,c@chat.example',
    channelBinding: {
      type: 'tls-server-end-point',
      data: Buffer.from('fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0', 'hex'),
      guessed: false,
    },
  })
  expect(login.response()).toBe('p=tls-server-end-point,a=juliet=2Cc@chat.example,n=user,r=rOprNGfwEbeRWgbNEkqO')
  login.challenge('r=rOprNGfwEbeRWgbNEkqOsrv,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  // Computed with Python's hashlib, because the RFCs have no such example.
  expect(await login.response()).toBe(
    'c=cD10bHMtc2VydmVyLWVuZC1wb2ludCxhPWp1bGlldD0yQ2NAY2hhdC5leGFtcGxlLP/+/fz7+vn49/b19PPy8fDv7u3s6+rp6Ofm5eTj4uHg,r=rOprNGfwEbeRWgbNEkqOsrv,p=h5VVvOdE8UDzEXMy4ITo26q05iJ3xMGn+8a6a1SkPLB84D2zB/1ZUK3yfmyu9gzwuMF34ij0MIlXlpSiPPzlcg==',
  )
  login.success('v=vbvPlY7q0cZZgFUi7fLMbhxzxlSvNxJscHzv8Vy4Ov4Fb9ROOvQMjIvafqMUmHzq0ju3jCpvm1+oKB/aDay7XQ==')
})

test.each([
  ['the flag n', undefined, '', 'n,,'],
  ['the flag y if the server offers no -PLUS mechanism', 'not-offered', '', 'y,,'],
  ['the authzid, escaped', 'not-offered', 'a=b,c@é.example', 'y,a=a=3Db=2Cc@é.example,'],
] as const)(
  'a login without channel binding sends %s, and repeats it in the proof',
  async (_what, channelBinding, authzid, header) => {
    const login = scram('SCRAM-SHA-1', { nonce: 'x', channelBinding, authzid })
    expect(text(login.response())).toBe(`${header}n=user,r=x`)
    login.challenge('r=xy,s=c2FsdA==,i=4096')
    const [, bound] = /^c=([^,]+),r=xy,p=/.exec(await login.response()) ?? []
    expect(Buffer.from(bound!, 'base64').toString()).toBe(header)
  },
)

describe('a server that has the password', () => {
  test('gets a nonce of at least 128 random bits', async () => {
    const nonces = new Set(Array.from({ length: 100 }, () => nonceOf(text(scram().response()))))
    expect(nonces.size).toBe(100)
    for (const nonce of nonces) expect(Buffer.from(nonce, 'base64').length).toBeGreaterThanOrEqual(16)
  })

  test('gets the user name with escaped separators', () => {
    expect(text(scram('SCRAM-SHA-1', { user: 'a=2C,b==', nonce: 'x' }).response())).toBe('n,,n=a=3D2C=2Cb=3D=3D,r=x')
  })

  test.each([
    ['without a soft hyphen', 'I\u00adX', 'IX'],
    ['in compatibility form', '\u2168\u00aa', 'IXa'],
    ['unchanged', 'пароль', 'пароль'],
  ])('gets user and password prepared by SASLprep: %s', async (_how, written, prepared) => {
    const login = scram('SCRAM-SHA-1', { user: written, secret: written })
    const { first, signature } = await logInAt(prepared, login)
    expect(first).toBe(`n,,n=${prepared},r=${nonceOf(first)}`)
    login.success(signature)
  })

  test('may have a password with characters newer than SASLprep', async () => {
    const login = scram('SCRAM-SHA-1', { secret: 'pass\u{1f600}' })
    login.success((await logInAt('pass\u{1f600}', login)).signature)
  })
})

test.each([
  ['a control character', 'a\x07'],
  ['mixed directions', '\u0627a'],
  ['half a surrogate pair', '\ud800'],
])('text that SASLprep forbids is an error of the call or the settings that sent it: %s', async (_what, value) => {
  const told: unknown[] = []
  for (const parts of [{ user: value }, { secret: value }])
    told.push(await answerTo('r=clientx,s=c2FsdA==,i=4096', parts).catch(error => error))
  const wrong = (start: string) => ({ code: 'invalid-parameter', detail: expect.stringContaining(start) })
  expect(told).toMatchObject([wrong('Parameter: jid. Text '), wrong('Parameter: password. Text ')])
  expect(JSON.stringify(told)).not.toContain(value)
})

describe('a server that does not have the password', () => {
  const notAuthentic = expect.objectContaining({ code: 'server-not-authentic', step: 'sasl' })

  const signed = (message: string) => Buffer.from(message.slice('v='.length), 'base64')
  const written = (signature: Buffer) => `v=${signature.toString('base64')}`

  async function proved(): Promise<{ login: Mechanism; signature: string }> {
    const login = scram()
    return { login, signature: (await logInAt('pencil', login)).signature! }
  }

  test.each([
    ['no signature', () => undefined],
    ['an empty signature', () => ''],
    ['a signature that is not base64', () => 'v=?'],
    ['a short signature', () => 'v=AAAA'],
    ['a wrong signature', () => `v=${'A'.repeat(27)}=`],
    ['a signature without its first byte', (right: string) => written(signed(right).subarray(1))],
    ['a signature with one more byte', (right: string) => written(Buffer.concat([signed(right), Buffer.alloc(1)]))],
    ['an error', () => 'e=other-error'],
    ['its first message again', () => 'r=x,s=c2FsdA==,i=4096'],
  ])('is rejected if it sends %s', async (_what, signature) => {
    const { login, signature: right } = await proved()
    const wrong = signature(right)
    expect(() => login.success(wrong)).toThrow(notAuthentic)
    if (wrong === undefined) return
    const { login: other } = await proved()
    expect(() => other.challenge(wrong)).toThrow(notAuthentic)
    expect(() => other.success(undefined)).toThrow(notAuthentic)
  })

  test('is rejected if it sends success before a challenge', () => {
    const login = scram()
    login.response()
    expect(() => login.success(undefined)).toThrow(notAuthentic)
    expect(() => scram().success('v=AAAA')).toThrow(notAuthentic)
    login.challenge('r=x')
    expect(() => login.success('v=AAAA')).toThrow(notAuthentic)
  })
})

describe('a challenge is rejected', () => {
  test.each([
    ['no content', ''],
    ['no nonce', 's=c2FsdA==,i=4096'],
    ['an empty nonce', 'r=,s=c2FsdA==,i=4096'],
    ['a nonce of its own', 'r=server,s=c2FsdA==,i=4096'],
    ['our nonce and nothing more', 'r=client,s=c2FsdA==,i=4096'],
    ['our nonce at the end', 'r=serverclient,s=c2FsdA==,i=4096'],
    ['a nonce that is not printable', 'r=client\x01,s=c2FsdA==,i=4096'],
    ['no salt', 'r=clientx,i=4096'],
    ['an empty salt', 'r=clientx,s=,i=4096'],
    ['a salt that is not base64', 'r=clientx,s=%%%,i=4096'],
    ['a salt of more than 1,024 characters', `r=clientx,s=${'A'.repeat(1_025)},i=4096`],
    ['no iterations', 'r=clientx,s=c2FsdA=='],
    ['iterations that are no number', 'r=clientx,s=c2FsdA==,i=many'],
    ['negative iterations', 'r=clientx,s=c2FsdA==,i=-1'],
    ['another order', 'i=4096,s=c2FsdA==,r=clientx'],
    ['a mandatory extension', 'm=x,r=clientx,s=c2FsdA==,i=4096'],
    ['an attribute c', 'r=clientx,s=c2FsdA==,i=4096,c=bixhPXJvbWVv,r=clientx'],
    ['an attribute again behind an extension', 'r=clientx,s=c2FsdA==,i=4096,h=x,r=clientx'],
    ['an error', 'e=unknown-user'],
  ])('that has %s: login-failed', async (_what, challenge) => {
    await expect(answerTo(challenge)).rejects.toMatchObject({ code: 'login-failed', step: 'sasl' })
  })

  test.each([
    [0, false],
    [4095, false],
    [4096, true],
    [5000, true],
    [5001, false],
  ])('with %d iterations, if 5000 are allowed: %p', async (iterations, allowed) => {
    const answer = answerTo(`r=clientx,s=c2FsdA==,i=${iterations}`, { maxIterations: 5000 })
    if (allowed) expect(await answer).toMatch(/^c=biws,r=clientx,p=/)
    else await expect(answer).rejects.toMatchObject({ code: 'login-failed' })
  })

  test.each([
    ['4294967296', '4294967296'],
    ['9'.repeat(400), `${'9'.repeat(80)}…`],
  ])('with more iterations than SCRAM_MAX_ITERATIONS, and the error names the setting: %s', async (asked, shown) => {
    const answer = answerTo(`r=clientx,s=c2FsdA==,i=${asked}`, { maxIterations: 5000 })
    await expect(answer).rejects.toMatchObject({
      ...{ code: 'login-failed', step: 'sasl' },
      detail: `the server asks for ${shown} iterations, and SCRAM_MAX_ITERATIONS allows 5000`,
    })
  })

  test('but a challenge with an extension at the end is answered', async () => {
    expect(await answerTo('r=clientx,s=c2FsdA==,i=4096,x=y')).toMatch(/^c=biws,r=clientx,p=/)
  })

  test('but is not reported if the login was cancelled', async () => {
    const abort = new AbortController()
    abort.abort(new Error('given up'))
    await expect(answerTo('r=clientx,s=c2FsdA==,i=4096', { waiting: abort })).rejects.toThrow('given up')
  })
})
