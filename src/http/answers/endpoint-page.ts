import type { IncomingMessage } from 'node:http'
import type { Config } from '../../config/config.js'
import { accessBy, clientAddress, isForwarded, type PublicEndpoint, takesPasswords } from '../access/client-rules.js'
import { publicSecureBase } from '../addresses.js'
import { pageType } from './answer.js'
import { documents } from './documents.js'
import { publicNavigation } from './navigation.js'
import { negotiate } from './negotiation.js'
import { renderPage } from './pages.js'

type Settings = Parameters<typeof takesPasswords>[0] &
  Pick<Config, 'externalUrl' | 'warmPath' | 'warm' | 'access' | 'bosh' | 'websocket'>

const endpoints = {
  bosh: {
    title: 'BOSH endpoint',
    text: 'This is an XMPP BOSH endpoint: point your client here.',
    section: 'the-bosh-endpoint',
    isBosh: true,
  },
  websocket: {
    title: 'WebSocket endpoint',
    text: 'This is an XMPP WebSocket endpoint: point your client here.',
    section: 'the-websocket-endpoint',
    isWebSocket: true,
  },
  connect: {
    title: 'Login address for pages',
    text: 'Pages of a portal log their users in here. They send POST with a token of the portal.',
    section: 'page-tokens',
  },
} as const

export function createEndpointPage(config: Settings, endpoint: keyof typeof endpoints): PublicEndpoint['page'] {
  const mayWarm = accessBy(config.access.warm)
  const isSafe = takesPasswords(config)
  return (request: IncomingMessage, isSecure: boolean) => {
    const isForAdmins = config.warm.enabled && mayWarm?.(clientAddress(request, config)) !== false
    const bar = publicNavigation(config)
    const form = isForAdmins ? bar.home + config.warmPath : undefined
    const docs = isForAdmins && documents.size > 0 ? `${form}/docs/` : undefined
    const isExposed = !isSecure && (isForwarded(request) || !isSafe(request))
    const isEncrypted = isSecure || isExposed || publicSecureBase(config) !== undefined
    const scheme = isEncrypted ? 'wss:' : 'ws:'
    const about = { ...endpoints[endpoint], isExposed, scheme, form, docs, home: bar.home }
    const type = pageType(negotiate(request.headers, 'html'))
    return { type, text: renderPage('endpoint', { ...about, navigation: isForAdmins ? bar : undefined }) }
  }
}
