import { type ScramMechanism, ScramServer } from '../../support/login-server/scram.js'
import { type AnswerTo, sasl, sasl2 } from './scripted-link.js'

export interface ScramTerms {
  readonly name?: ScramMechanism
  readonly salt?: string
  readonly iterations?: number
  /** The password that the server has. */
  readonly knows?: string
  /** Changes the server's last message. */
  readonly spoil?: (final: string) => string
  /** With SASL2: what `<success/>` has besides this message. */
  readonly inside?: string
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

function sentIn(told: readonly string[], element: string): string {
  const [, text = ''] = new RegExp(`<${element}(?: [^>]*)?>([^<]+)<`).exec(told.join('')) ?? []
  return Buffer.from(text, 'base64').toString()
}

/** A server's two answers to SCRAM. */
export function scram(terms: ScramTerms = {}) {
  const { name = 'SCRAM-SHA-1', salt = 'salt', iterations = 4096, knows = 's3cret', inside } = terms
  const { spoil = (final: string) => final } = terms
  let server: ScramServer | undefined
  const challenge: AnswerTo = (_id, told) => {
    server = new ScramServer(name, sentIn(told, '(?:auth|initial-response)'), {
      salt: Buffer.from(salt),
      iterations,
      channel: () => Buffer.from('bytes'),
    })
    return `<challenge xmlns='${inside === undefined ? sasl : sasl2}'>${base64(server.serverFirst)}</challenge>`
  }
  const end: AnswerTo = (_id, told) => {
    const final = server!.verify(sentIn(told, 'response'), knows)
    if (final === undefined) return `<failure xmlns='${sasl}'><not-authorized/></failure>`
    const last = base64(spoil(final))
    if (inside === undefined) return `<success xmlns='${sasl}'>${last}</success>`
    const data = last === '' ? '' : `<additional-data>${last}</additional-data>`
    return `<success xmlns='${sasl2}'>${data}${inside}</success>`
  }
  return {
    name,
    challenge,
    end,
    get server() {
      return server!
    },
  }
}
