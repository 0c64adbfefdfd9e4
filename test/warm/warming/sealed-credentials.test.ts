import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { Problem } from '../../../src/lib/errors.js'
import { sealText } from '../../../src/lib/secrets/sealed-text.js'
import { createSealedCredentials } from '../../../src/warm/warming/sealed-credentials.js'
import { type Jid, parseJid } from '../../../src/xmpp/jid/jid.js'
import { keys } from '../fake-login.js'

const newKey = () => createSecretKey(randomBytes(32))
const [key, older, foreign] = [newKey(), newKey(), newKey()]
const juliet = parseJid('juliet@chat.example')!
const day = 86_400_000

let now = 0
const sealed = (...sealKeys: ReturnType<typeof newKey>[]) => createSealedCredentials({ sealKeys }, () => now)
const seal = (jid = juliet, proof: Parameters<ReturnType<typeof sealed>['seal']>[2] = keys) =>
  sealed(key).seal('portal', jid, proof)

function opened(text: string, jid: Jid = juliet, admin = 'portal', by = sealed(key)): unknown {
  const outcome = by.open(admin, jid, text)
  if (!(outcome instanceof Problem)) return outcome
  const { code, status, detail, step } = outcome
  return { code, status, detail, step }
}

const refused = {
  ...{ code: 'credentials-expired', status: 403, step: undefined },
  detail: 'The credential is damaged or too old, or is for another admin, jid or SEAL_KEY_FILE.',
}

describe('a credential that the backend stores', () => {
  test('opens for its user, with each of the seal keys and any spelling of the JID', () => {
    now = Date.now()
    expect(opened(seal())).toEqual(keys)
    expect(opened(seal(), parseJid('JULIET@Chat.Example/desk')!)).toEqual(keys)
    const old = sealed(older).seal('portal', juliet, keys)
    expect(opened(old, juliet, 'portal', sealed(key, older))).toEqual(keys)
    expect(opened(seal(), juliet, 'portal', sealed(older, key))).toEqual(keys)
  })

  test('shows no part of the keys, and has at most the documented length', () => {
    const text = seal()
    const bytes = Buffer.from(text, 'base64url')
    for (const part of ['juliet', keys.salt, 'client-key', 'server-key']) expect(bytes.includes(part)).toBe(false)
    const local = 'ü'.repeat(511)
    const long = (length: number) => randomBytes(length).toString('base64')
    const proof = { hash: 'sha512', user: local, salt: long(32), clientKey: long(64), serverKey: long(64) } as const
    const widest = { ...keys, ...proof }
    expect(seal({ ...juliet, local }, widest).length).toBeLessThanOrEqual(2048)
  })

  test('is valid until its expiry', () => {
    now = 1_000_000_000_000
    const text = seal()
    now += 30 * day - 1
    expect(opened(text)).toEqual(keys)
    now += 1
    expect(opened(text)).toEqual(refused)
  })

  test('is rejected with the same error, whatever the reason', () => {
    now = Date.now()
    const text = seal()
    const faults = [
      opened(text, parseJid('romeo@chat.example')!),
      opened(text, parseJid('juliet@other.example')!),
      opened(text, juliet, 'another'),
      opened(text, juliet, 'portal', sealed(foreign)),
      opened(`B${text.slice(1)}`),
      opened(`${text.slice(0, -1)}${text.endsWith('A') ? 'E' : 'A'}`),
      opened(text.slice(0, 40)),
      opened('x'.repeat(10_000)),
      opened(sealText(key, { label: 'another', owner: '["portal","juliet@chat.example"]' }, Buffer.alloc(300, 127))),
    ]
    expect(faults).toEqual(faults.map(() => refused))
  })

  test('cannot be moved to another admin by a name with a separator in it', () => {
    now = Date.now()
    const text = sealed(key).seal('portal","x', juliet, keys)
    expect(opened(text, juliet, 'portal')).toEqual(refused)
    expect(opened(text, juliet, 'portal","x')).toEqual(keys)
  })

  test('is not created without a seal key, or from a salt that is too long', () => {
    const none = createSealedCredentials({ sealKeys: undefined }, () => now)
    const noKey = { code: 'cannot-remember', status: 409, detail: 'SEAL_KEY_FILE is not set.' }
    expect(() => none.seal('portal', juliet, keys)).toThrow(expect.objectContaining(noKey))
    expect(() => none.demandKeys()).toThrow(expect.objectContaining(noKey))
    expect(opened(seal(), juliet, 'portal', none)).toMatchObject({ code: 'credentials-expired', detail: noKey.detail })
    const long = { ...keys, salt: randomBytes(2_000).toString('base64') }
    expect(() => seal(juliet, long)).toThrow(expect.objectContaining({ code: 'cannot-remember' }))
  })
})
