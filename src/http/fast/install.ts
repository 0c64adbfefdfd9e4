// Depends on undocumented parts of Node, like the few files that `test/architecture.test.ts` names.
import type { ServerOptions } from 'node:http'
import type { Express } from 'express'
import { FastRequest } from './fast-request.js'
import { FastResponse } from './fast-response.js'

export const testedVersions: readonly number[] = [20, 22, 24, 26]

type MessageClasses = Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>

export function install(wanted: boolean, app?: Express, version = process.versions.node): MessageClasses {
  if (!wanted || !testedVersions.includes(Number.parseInt(version, 10))) return {}
  if (app !== undefined) adopt(app)
  return { IncomingMessage: FastRequest, ServerResponse: FastResponse as MessageClasses['ServerResponse'] }
}

/** Keeps Express from changing the prototype of each request, which is slow in V8. */
function adopt(app: Express): void {
  Object.assign(app, { request: FastRequest.prototype, response: FastResponse.prototype })
  app.use((request, response, next) => {
    request.app = app
    response.app = app
    next()
  })
}
