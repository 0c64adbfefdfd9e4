import type { IncomingMessage } from 'node:http'
import type { Config } from '../../config/config.js'
import { accessBy, clientAddress, type Entrance } from '../access/client-rules.js'
import { pageType } from './answer.js'
import { documents } from './documents.js'
import { navigation } from './navigation.js'
import { negotiate } from './negotiation.js'
import { renderPage } from './pages.js'

type Settings = Pick<
  Config,
  'externalUrl' | 'warmPath' | 'warm' | 'access' | 'assumeSecure' | 'trustedProxies' | 'bosh' | 'websocket'
>

/** Names admins' pages only to addresses that may use them. */
export function createEndpointPage(config: Settings, transport: 'bosh' | 'websocket'): Entrance['page'] {
  const { getText } = config[transport]
  const mayWarm = accessBy(config.access.warm)
  const isBosh = transport === 'bosh'
  const title = isBosh ? 'BOSH endpoint' : 'WebSocket endpoint'
  return (request: IncomingMessage, isSecure: boolean) => {
    const isForAdmins = config.warm.enabled && mayWarm?.(clientAddress(request, config)) !== false
    const bar = navigation(config, request.headers)
    const form = isForAdmins ? bar.home + config.warmPath : undefined
    const docs = isForAdmins && documents.size > 0 ? `${form}/docs/` : undefined
    const about = { title, text: getText, isBosh, isSecure, form, docs, home: bar.home }
    const type = pageType(negotiate(request.headers, 'html'))
    return { type, text: renderPage('endpoint', { ...about, navigation: isForAdmins ? bar : undefined }) }
  }
}
