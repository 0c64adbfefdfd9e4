// An HTTPS client that also reads certificates.
import { once } from 'node:events'
import { Agent, type AgentOptions } from 'node:https'
import { type ConnectionOptions, connect } from 'node:tls'
import { BoshClient } from './bosh-client.js'
import { ask, type HttpAnswer } from './http-answer.js'
import { adminHeader, bindingIn, type WarmBinding } from './start-service.js'

export class TlsVisitor {
  protected readonly agent: Agent

  /** `ca` are the certificates that it trusts. */
  constructor(
    readonly url: string,
    readonly ca: readonly string[],
    options: AgentOptions = {},
  ) {
    this.agent = new Agent({ keepAlive: true, ca: [...ca], ...options })
  }

  /** Asks for a path, over a connection that it may have used before; `headers` may name another host. */
  ask(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<HttpAnswer> {
    return ask(new URL(path, this.url).href, { method, agent: this.agent, headers }, body)
  }

  async warm(parameters: object): Promise<WarmBinding> {
    const headers = { Authorization: adminHeader, 'Content-Type': 'application/json' }
    return bindingIn(await this.ask('POST', '/warm', headers, JSON.stringify(parameters)))
  }

  attach({ url, sid, rid }: WarmBinding): BoshClient {
    return new BoshClient(url, {
      ...{ sid, rid },
      post: body => this.ask('POST', new URL(url).pathname, {}, body),
    })
  }

  /** The names in the certificate that the service shows for `servername`. Rejects if the connection fails. */
  async shown(servername: string, options: ConnectionOptions = {}): Promise<string | undefined> {
    const { hostname, port } = new URL(this.url)
    const host = hostname.replace(/[[\]]/g, '')
    const socket = connect({ host, port: Number(port), servername, rejectUnauthorized: false, ...options })
    await once(socket, 'secureConnect')
    const { subjectaltname } = socket.getPeerCertificate()
    socket.destroy()
    return subjectaltname
  }

  leave(): void {
    this.agent.destroy()
  }
}
