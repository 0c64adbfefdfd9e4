import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import {
  bindNamespace,
  mechanismsOf,
  saslFailure,
  saslNamespace,
  sessionNamespace,
  streamFeatures,
  streamsNamespace,
  tlsNamespace,
} from './elements.js'
import { childOf, LoginReader, type Sent } from './reader.js'
import { type SaslAnswer, SaslServer } from './sasl.js'
import type { Script, Stage, Turn, Usual } from './server.js'

const base64 = (text: string) => Buffer.from(text).toString('base64')

export class LoginConnection {
  readonly complaints: string[] = []
  /** What came, one text for each read. */
  readonly packets: string[] = []
  mechanism: string | undefined
  attempts = 0
  /** Stanzas and other elements that belong to no step of a login. */
  readonly stanzas: Sent[] = []
  /** `footer` if the client closed its stream, or the condition of the error that it ended it with. */
  goodbye: string | undefined
  ended = false
  readonly #usual: Usual
  readonly #script: Script
  readonly #raw: Socket
  #socket: Socket
  #reader = this.#read()
  #sasl: SaslServer | undefined
  #authenticated = false
  #deaf = false
  /** True during STARTTLS and SASL, when white space between elements is invalid (RFC 6120 §5.3.3, §6.3.5). */
  #negotiating = false

  constructor(socket: Socket, usual: Usual, script: Script) {
    this.#usual = usual
    this.#script = script
    this.#raw = socket
    this.#socket = socket
    socket.on('close', () => {
      this.ended = true
    })
    this.#listen(socket)
    this.#turn('connect', '')
  }

  get user(): string | undefined {
    return this.#sasl?.user
  }

  get owner(): string | undefined {
    return this.#sasl?.owner
  }

  get encrypted(): boolean {
    return this.#socket instanceof TLSSocket
  }

  say(text: string | Buffer): void {
    if (this.#socket.writable) this.#socket.write(text)
  }

  close(): void {
    this.#socket.end()
  }

  reset(): void {
    this.#raw.resetAndDestroy()
    if (this.#raw !== this.#socket) this.#socket.destroy()
  }

  deafen(): void {
    this.#deaf = true
  }

  #listen(socket: Socket): void {
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      this.packets.push(text)
      if (!this.#deaf) this.#reader.write(text)
    })
    socket.on('error', () => {})
  }

  #read(): LoginReader {
    return new LoginReader({
      onHeader: header => this.#header(header),
      onElement: element => this.#element(element),
      onSpace: () => {
        if (this.#negotiating) this.complaints.push('white space in the middle of a negotiation')
      },
      onFooter: () => {
        this.goodbye ??= 'footer'
        this.say('</stream:stream>')
        this.close()
      },
      onFault: fault => this.complaints.push(`not well-formed: ${fault}`),
    })
  }

  #turn(stage: Stage, usual: string, next: () => void = () => {}): void {
    const turn: Turn = {
      usual,
      connection: this,
      goOn: (text = usual) => {
        if (text !== '') this.say(text)
        next()
      },
      say: text => this.say(text),
      close: () => this.close(),
      reset: () => this.reset(),
    }
    const act = this.#script[stage]
    if (act === undefined) turn.goOn()
    else act(turn)
  }

  #header({ name, namespace, attributes }: Sent): void {
    const { domain, secureContext, mechanisms, moreFeatures } = this.#usual
    const rightRoot = name === 'stream' && namespace === streamsNamespace && attributes['xmlns'] === 'jabber:client'
    if (!rightRoot || attributes['version'] !== '1.0') this.complaints.push('not a stream header')
    if (attributes['to'] !== domain) this.complaints.push(`a header to ${attributes['to']}`)
    if (!this.encrypted && attributes['from'] !== undefined) this.complaints.push('a header tells who comes')
    if (this.#authenticated) {
      const bind = `<bind xmlns='${bindNamespace}'><required/></bind>`
      this.#turn('restart', this.#ownHeader(), () => this.#turn('features2', streamFeatures(bind + moreFeatures)))
      return
    }
    const sasl = () => this.#turn('features', streamFeatures(mechanismsOf(mechanisms)))
    const starttls = `<starttls xmlns='${tlsNamespace}'><required/></starttls>`
    if (this.encrypted) {
      this.say(this.#ownHeader())
      sasl()
    } else if (secureContext === undefined) this.#turn('header', this.#ownHeader(), sasl)
    else this.#turn('header', this.#ownHeader(), () => this.#turn('starttls', streamFeatures(starttls)))
  }

  #ownHeader(): string {
    return `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${streamsNamespace}' id='s1' from='${this.#usual.domain}' version='1.0' xml:lang='en'>`
  }

  #element(element: Sent): void {
    const { name, namespace } = element
    if (namespace === streamsNamespace && name === 'error') this.goodbye = element.children[0]?.name
    else if (namespace === tlsNamespace && name === 'starttls') this.#starttls()
    else if (namespace === saslNamespace && name === 'auth') this.#auth(element)
    else if (namespace === saslNamespace && name === 'response') this.#response(element)
    else if (namespace === saslNamespace) this.complaints.push(`an unexpected <${name}/>`)
    else if (!this.#authenticated) this.complaints.push(`<${name}/> before the login`)
    else this.#stanza(element)
  }

  #starttls(): void {
    this.#negotiating = true
    this.#turn('proceed', `<proceed xmlns='${tlsNamespace}'/>`, () => {
      this.#negotiating = false
      this.#raw.removeAllListeners('data')
      this.#reader = this.#read()
      const { secureContext } = this.#usual
      const socket = new TLSSocket(this.#raw, { isServer: true, secureContext: secureContext! })
      this.#socket = socket
      this.#listen(socket)
    })
  }

  #auth({ attributes, text }: Sent): void {
    this.#negotiating = true
    this.attempts += 1
    this.mechanism = attributes['mechanism'] ?? ''
    this.#sasl = new SaslServer(this.#usual, this.#socket, complaint => this.complaints.push(complaint))
    this.#answer(this.#sasl.start(this.mechanism, text))
  }

  #response({ attributes, text }: Sent): void {
    const extra = Object.keys(attributes).filter(name => name !== 'xmlns')
    if (extra.length > 0) this.complaints.push(`a response with ${extra}`)
    if (this.#sasl === undefined) this.complaints.push('a response without a login')
    else this.#answer(this.#sasl.respond(text))
  }

  #answer(answer: SaslAnswer): void {
    const element = (name: string, data: string) =>
      data === ''
        ? `<${name} xmlns='${saslNamespace}'/>`
        : `<${name} xmlns='${saslNamespace}'>${base64(data)}</${name}>`
    if ('challenge' in answer) this.#turn('challenge', element('challenge', answer.challenge))
    else if ('failure' in answer) this.#turn('success', saslFailure(answer.failure))
    else
      this.#turn('success', element('success', answer.success), () => {
        this.#negotiating = false
        this.#authenticated = true
        this.#reader = this.#read()
      })
  }

  #stanza(stanza: Sent): void {
    const id = stanza.attributes['id'] ?? ''
    const bind = childOf(stanza, 'bind')
    if (bind !== undefined && bind.namespace === bindNamespace) {
      const resource = childOf(bind, 'resource')?.text ?? 'chosen-by-server'
      const jid = `${this.owner}@${this.#usual.domain}/${resource}`
      this.#turn('bind', `<iq type='result' id='${id}'><bind xmlns='${bindNamespace}'><jid>${jid}</jid></bind></iq>`)
    } else if (childOf(stanza, 'session')?.namespace === sessionNamespace) {
      this.#turn('session', `<iq type='result' id='${id}'/>`)
    } else if (this.#usual.onElement?.(stanza, this) !== true) this.stanzas.push(stanza)
  }
}
