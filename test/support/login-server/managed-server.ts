// A login server with stream management (XEP-0198). Its users resume their streams on new connections.
import { smNamespace } from '../../../src/xmpp/namespaces.js'
import type { LoginConnection } from './connection.js'
import type { Sent } from './reader.js'
import { type LoginServer, type LoginServerOptions, startLoginServer } from './server.js'

export interface ManagedServer {
  readonly server: LoginServer
  /** All streams that were ever managed, the oldest first. */
  readonly streams: readonly ManagedStream[]
}

export async function startManagedServer(options: LoginServerOptions): Promise<ManagedServer> {
  const streams: ManagedStream[] = []
  const server = await startLoginServer({
    moreFeatures: `<sm xmlns='${smNamespace}'/>`,
    ...options,
    onElement(element, connection) {
      const stream = streams.find(each => each.connection === connection)
      if (element.namespace !== smNamespace) {
        stream?.received.push(element)
        return false
      }
      const { name, attributes } = element
      if (name === 'enable') streams.push(new ManagedStream(`stream-${streams.length}`, connection))
      else if (name === 'resume') resume(element, connection)
      else if (name === 'r') connection.say(`<a xmlns='${smNamespace}' h='${stream!.received.length}'/>`)
      else if (name === 'a') stream!.confirmed(Number(attributes['h']))
      return true
    },
  })

  function resume({ attributes }: Sent, connection: LoginConnection): void {
    const stream = streams.find(({ id }) => id === attributes['previd'])
    if (stream === undefined || stream.connection.goodbye !== undefined)
      connection.say(`<failed xmlns='${smNamespace}'/>`)
    else stream.resume(connection, Number(attributes['h']))
  }

  return { server, streams }
}

export class ManagedStream {
  /** Stanzas of the client, each as often as the server has counted it. */
  readonly received: Sent[] = []
  resumptions = 0
  #confirmed = 0
  #unconfirmed: string[] = []

  constructor(
    readonly id: string,
    public connection: LoginConnection,
  ) {
    connection.say(`<enabled xmlns='${smNamespace}' id='${id}' resume='true'/>`)
  }

  /** Sends a stanza to the client, now or when it resumes the stream. */
  say(stanza: string): void {
    this.#unconfirmed.push(stanza)
    this.connection.say(`${stanza}<r xmlns='${smNamespace}'/>`)
  }

  confirmed(count: number): void {
    this.#unconfirmed = this.#unconfirmed.slice(count - this.#confirmed)
    this.#confirmed = count
  }

  resume(connection: LoginConnection, count: number): void {
    this.confirmed(count)
    this.connection = connection
    this.resumptions += 1
    const resumed = `<resumed xmlns='${smNamespace}' previd='${this.id}' h='${this.received.length}'/>`
    connection.say(`${resumed}${this.#unconfirmed.join('')}<r xmlns='${smNamespace}'/>`)
  }
}
