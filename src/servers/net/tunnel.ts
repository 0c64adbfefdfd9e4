import { request } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpProxy } from '../../config/kinds/proxies.js'
import type { Clock } from '../../lib/clock.js'
import type { ProblemCode } from '../../lib/errors.js'
import { codeOf } from '../../lib/log.js'
import type { Failure } from '../../xmpp/link.js'

/** Converts a failure to find or reach the proxy. */
export function proxyFailure({ step, code, cause }: Failure): Failure {
  const what = step === 'connect' ? (codeOf(cause) ?? code) : code
  // The code means that the XMPP domain is unknown.
  return failureOf(what, code === 'host-unknown' ? 'remote-connection-failed' : code)
}

/** Requests a tunnel to `authority` over a connection to the proxy (RFC 9110 §9.3.6). */
export function openTunnel(
  socket: Socket,
  proxy: HttpProxy,
  authority: string,
  clock: Clock,
  until: number,
): Promise<Socket | Failure> {
  return new Promise(resolve => {
    const asking = request({
      method: 'CONNECT',
      path: authority,
      createConnection: () => socket,
      headers: {
        Host: authority,
        Connection: 'keep-alive',
        'User-Agent': 'warm-bindings',
        ...(proxy.authorization && { 'Proxy-Authorization': proxy.authorization }),
      },
    })
    const end = (result: Socket | Failure) => {
      timer.cancel()
      if (result !== socket) socket.destroy()
      resolve(result)
    }
    const timer = clock.after(Math.max(0, until - clock.now()), () => end(failureOf('timeout', 'timeout')))
    asking.on('error', error => end(failureOf(codeOf(error) ?? 'no-answer')))
    asking.on('connect', ({ statusCode: status = 0 }, _socket, early) => {
      if (status < 200 || status > 299) end(failureOf(`http-${status}`))
      // The target sends nothing before the request, so these bytes come from the proxy.
      else if (early.length > 0) end(failureOf('early-data'))
      else end(socket)
    })
    asking.end()
  })
}

const advice: Readonly<Record<string, string>> = {
  'http-403': ' It must allow CONNECT to this host and port.',
  'http-407': ' Check the user and password of the proxy.',
}

function failureOf(what: string, code: ProblemCode = 'remote-connection-failed'): Failure {
  const detail = `The proxy in HTTPS_PROXY or HTTP_PROXY opened no connection: ${what}.${advice[what] ?? ''}`
  // Only a code, because an error of Node.js may quote the request.
  const cause = Object.assign(new Error('the proxy opened no connection'), { code: `proxy-${what}` })
  return { step: 'connect', code, cause, detail }
}
