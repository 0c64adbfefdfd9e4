// An OAuth server's introspection endpoint (RFC 7662), as mod_auth_introspection asks it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export interface IntrospectionEndpoint {
  /** Prosody's settings, in Lua. */
  readonly settings: string
  /** What was asked so far: the asking server's credentials, decoded, and the token. */
  readonly asked: readonly (readonly [client: string, token: string])[]
  close(): Promise<void>
}

/**
 * Starts the endpoint on a free port of 127.0.0.1. `answers` has the bodies of its answers, by token. An empty body is
 * answered with status 500. Other tokens are not active.
 */
export async function startIntrospectionEndpoint(
  answers: Readonly<Record<string, string | Promise<string>>>,
): Promise<IntrospectionEndpoint> {
  const asked: [string, string][] = []
  const server = createServer(async (request, response) => {
    const token = new URLSearchParams(await text(request)).get('token') ?? ''
    const basic = request.headers.authorization?.replace('Basic ', '') ?? ''
    asked.push([Buffer.from(basic, 'base64').toString(), token])
    const answer = (await answers[token]) ?? '{"active":false}'
    response.writeHead(request.method === 'POST' && answer !== '' ? 200 : 500).end(answer)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    asked,
    settings: `
plugin_paths = { "${fileURLToPath(new URL('../../deploy/prosody', import.meta.url))}" }
authentication = "introspection"
introspection_url = "http://127.0.0.1:${(server.address() as AddressInfo).port}/introspection"
introspection_client_id = "xmpp-server"
introspection_client_secret = "its secret: 100%"
`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
