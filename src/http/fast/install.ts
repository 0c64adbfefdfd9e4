// Only this folder depends on undocumented parts of Node.
import type { ServerOptions } from 'node:http'
import type { Express } from 'express'
import { FastRequest } from './fast-request.js'
import { FastResponse } from './fast-response.js'

/** `engines` in package.json has the same versions. */
export const testedVersions: readonly number[] = [20, 22, 24]

export type MessageClasses = Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>

/** Empty for an untested Node. */
export function install(wanted: boolean, app?: Express, version = process.versions.node): MessageClasses {
  if (!wanted || !testedVersions.includes(Number.parseInt(version, 10))) return {}
  if (app !== undefined) adopt(app)
  return { IncomingMessage: FastRequest, ServerResponse: FastResponse as MessageClasses['ServerResponse'] }
}

/** Otherwise Express would change each request's prototype, which is slow in V8. */
function adopt(app: Express): void {
  Object.assign(app, { request: FastRequest.prototype, response: FastResponse.prototype })
  app.use((request, response, next) => {
    request.app = app
    response.app = app
    next()
  })
}
