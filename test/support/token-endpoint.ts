// An OAuth server's endpoint that says whether a token is valid, as Prosody's mod_auth_oauthbearer asks for it.
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { makeCertificate } from './certificates.js'

export interface TokenEndpoint {
  /** The module's settings, in Lua. */
  readonly settings: string
  /** What was asked so far: the client's credentials, decoded, and the token. */
  readonly asked: readonly (readonly [client: string, token: string])[]
  close(): Promise<void>
}

/** Starts the endpoint on a free port of 127.0.0.1; it knows these tokens. */
export async function startTokenEndpoint(tokens: readonly string[]): Promise<TokenEndpoint> {
  const asked: [string, string][] = []
  const server = createServer(makeCertificate(['IP:127.0.0.1']), ({ url = '', headers }, response) => {
    const token = decodeURIComponent(url.replace('/tokens/', ''))
    const basic = headers.authorization?.replace('Basic ', '') ?? ''
    asked.push([Buffer.from(basic, 'base64').toString(), token])
    // Prosody does nothing else until it has its answer, nor does it use the connection again.
    response.writeHead(tokens.includes(token) ? 200 : 404, { Connection: 'close' }).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    asked,
    settings: `
oauth_client_id = "portal"
oauth_client_secret = "secret-of-portal"
oauth_url = "https://127.0.0.1:${port}/tokens/{{password}}"
`,
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
}
