// A user who sends a real server whatever a test tells it to: an XMPP stream over TCP, raw, without TLS.

import { connect, type Socket } from 'node:net'
import { textOf } from '../support/bosh-login.js'
import { patience } from '../support/eventually.js'
import { type SaltedPasswords, ScramClient } from '../support/scram.js'

export interface Account {
  readonly user: string
  readonly password: string
}

/** What bounces back may be large, and is not what is waited for. */
const mostHeard = 65_536
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const remembered: SaltedPasswords = new Map()

/** Longest tag that servers read at once however it arrives, in characters. */
const longestTag = 2048

/**
 * As many spaces as the longest tag has characters. Expat 2.6, which Prosody 13 uses, reads a tag that came in two parts only
 * after as much data again.
 */
function spaceAfter(text: string): string {
  const longest = (text.match(/<(?:[^<>"']|"[^"]*"|'[^']*')*/g) ?? []).reduce(
    (most, { length }) => Math.max(most, length),
    0,
  )
  return longest > longestTag ? ' '.repeat(2 * longest) : ''
}

export class Stranger {
  /** Whether the server has ended the stream. */
  isRefused = false
  readonly #socket: Socket
  /** The end of what has come since the last time that something was waited for. */
  #heard = ''
  #wake: () => void = () => {}
  #fences = 0

  private constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.setEncoding('utf8')
    this.#socket.on('data', (text: string) => {
      this.#heard = (this.#heard + text).slice(-mostHeard)
      this.#wake()
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.isRefused = true
      this.#wake()
    })
  }

  /** Opens a stream at a server of `localhost`. */
  static async open(port: number): Promise<Stranger> {
    const stranger = new Stranger(port)
    await stranger.restart()
    return stranger
  }

  /** Logs in at a server of `localhost`. */
  static async logIn(port: number, { user, password }: Account): Promise<Stranger> {
    const stranger = await Stranger.open(port)
    const scram = new ScramClient(user, password, remembered)
    stranger.send(`<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${scram.first}</auth>`)
    const challenge = textOf(await stranger.hears(/<\/challenge>/), 'challenge')
    stranger.send(`<response xmlns='${sasl}'>${await scram.final(challenge)}</response>`)
    await stranger.hears(/<success\b/)
    await stranger.bind()
    return stranger
  }

  /** Goes on after a login. Resolves with the full JID. */
  async bind(): Promise<string> {
    await this.restart()
    this.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    return textOf(await this.hears(/<\/jid>/), 'jid')
  }

  send(text: string): void {
    if (!this.isRefused) this.#socket.write(text + spaceAfter(text))
  }

  /** Resolves once the server has dealt with all that it was sent: true where the stream goes on. */
  async isHeardOut(): Promise<boolean> {
    const id = `fence-${++this.#fences}`
    this.send(`<iq type='get' id='${id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await this.#until(() => this.isRefused || this.#heard.includes(id), id)
    this.#heard = ''
    return !this.isRefused
  }

  /** Resolves with what came, once it is like this; rejects where the server ends the stream. */
  async hears(what: RegExp): Promise<string> {
    await this.#until(() => this.isRefused || what.test(this.#heard), String(what))
    const heard = this.#heard
    this.#heard = ''
    if (!what.test(heard)) throw new Error(`no ${what}, but: ${heard}`)
    return heard
  }

  leave(): void {
    this.#socket.destroy()
  }

  /** Opens the stream, or opens it again. */
  async restart(): Promise<void> {
    const streams = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    this.send(`<?xml version='1.0'?><stream:stream to='localhost' version='1.0' ${streams}>`)
    await this.hears(/<\/(?:\w+:)?features>/)
  }

  async #until(isSo: () => boolean, what: string): Promise<void> {
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
      this.#wake()
    }, patience)
    while (!isSo() && !isLate) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    clearTimeout(late)
    if (!isSo()) throw new Error(`no ${what} within ${patience} ms, but: ${this.#heard.slice(0, 2000)}`)
  }
}
