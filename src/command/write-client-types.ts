// `npm run client-types`
import { writeFileSync } from 'node:fs'
import { loadConfig } from '../config/load.js'
import { clientTypes } from '../warm/openapi/client-types.js'

const { config } = loadConfig({ ADMIN_USERS: 'portal:not-used', XMPP_DOMAINS: 'example.org' })
writeFileSync(new URL('../../src/packages/client/api-types.ts', import.meta.url), clientTypes(config))
