import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { openText, sealText, textSealer } from '../../../src/lib/secrets/sealed-text.js'

const newKey = () => createSecretKey(randomBytes(32))
const [key, older, foreign] = [newKey(), newKey(), newKey()]
const purpose = { label: 'test', owner: 'alice' }
const secret = Buffer.from('the secret of alice')
const text = sealText(key, purpose, secret)

test('texts of one sealer are different, and each opens alone', () => {
  const sealer = textSealer(key, purpose.label)
  const texts = Array.from({ length: 300 }, (_, index) => sealer(`owner ${index}`, secret))
  const tails = texts.map(each =>
    Buffer.from(each, 'base64url')
      .subarray(-secret.length - 16)
      .toString('hex'),
  )
  expect(new Set(tails).size).toBe(300)
  for (const [index, each] of texts.entries()) {
    const { label } = purpose
    expect(openText([foreign, key], { label, owner: `owner ${index}` }, each)).toEqual(secret)
    expect(openText([key], { label, owner: `owner ${index + 1}` }, each)).toBeUndefined()
  }
})

describe.each([
  ['a sealed text', 0, text],
  ['a text of a sealer', 12, textSealer(key, purpose.label)(purpose.owner, secret)],
])('%s', (_name, nonce, text) => {
  test('opens with each of the keys', () => {
    expect(openText([key], purpose, text)).toEqual(secret)
    expect(openText([foreign, older], purpose, sealText(older, purpose, secret))).toEqual(secret)
  })

  test('contains no readable secret, and is different each time', () => {
    const bytes = Buffer.from(text, 'base64url')
    expect(text).toMatch(/^[\w-]+$/)
    expect(bytes.length).toBe(1 + 32 + 16 + nonce + secret.length + 16)
    expect(bytes.includes(secret.subarray(0, 4))).toBe(false)
    expect(sealText(key, purpose, secret).slice(2, 60)).not.toBe(text.slice(2, 60))
  })

  test.each([
    ['another key', () => openText([foreign, older], purpose, text)],
    ['another owner', () => openText([key], { ...purpose, owner: 'bob' }, text)],
    ['another label', () => openText([key], { ...purpose, label: 'other' }, text)],
    ['no key', () => openText([], purpose, text)],
    ['an empty text', () => openText([key], purpose, '')],
    ['padding', () => openText([key], purpose, `${text}=`)],
    ['a space', () => openText([key], purpose, `${text} `)],
    ['a header only', () => openText([key], purpose, Buffer.alloc(49, 1).toString('base64url'))],
  ])('does not open with %s', (_what, open) => {
    expect(open()).toBeUndefined()
  })

  test('does not open if any character is changed, or missing', () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (let at = 0; at < text.length; at += 1) {
      const other = letters[(letters.indexOf(text[at]!) + 1) % letters.length]
      expect(openText([key], purpose, text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined()
      expect(openText([key], purpose, text.slice(0, at) + text.slice(at + 1))).toBeUndefined()
    }
  })
})
