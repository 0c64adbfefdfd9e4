import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.js'
import { bodySchemas } from './parameters.js'
import { describePaths } from './paths.js'
import { replyHeaders, replySchemas } from './replies.js'

/** The package itself; `src` and `dist` lie beside it. */
const { name, version, description, license } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
)

/**
 * The HTTP API of this service under the settings in force, as an OpenAPI 3.1 document. It is made of the tables that
 * calls are read with and replies are written from, and holds no secret.
 */
export function describeApi(config: Config): object {
  const { externalUrl } = config
  return {
    openapi: '3.1.0',
    info: { title: name, version, description, license: { name: license, identifier: license } },
    ...(externalUrl !== undefined && { servers: [{ url: externalUrl }] }),
    security: [{ admin: [] }],
    paths: describePaths(config),
    components: {
      schemas: { ...bodySchemas(config), ...replySchemas },
      headers: replyHeaders,
      securitySchemes: {
        admin: { type: 'http', scheme: 'basic', description: 'An admin, as the settings name them.' },
      },
    },
  }
}
