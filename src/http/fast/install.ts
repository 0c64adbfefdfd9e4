// The way around Node's streams for requests and replies. Everything in this folder relies on parts of Node that are not
// documented, and nothing outside of it does: without it the service does the same by public means, and slower.
import type { ServerOptions } from 'node:http'
import type { Express } from 'express'
import { FastRequest } from './fast-request.js'
import { FastResponse } from './fast-response.js'

/** The major versions of Node that this is tested with; `engines` in package.json names the same. */
export const testedVersions: readonly number[] = [20, 22, 24]

/** What a server makes of requests and replies, in the words of `createServer`. */
export type MessageClasses = Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>

/**
 * The classes for the options of `createServer`, of which `takeBody` and `replyWhole` make use; none where this is not
 * `wanted`, or the version of Node not tested, and servers use Node's own. An `app` of Express is made to take them as
 * they are: it would give each object the prototypes of its own, and V8 shares no hidden class between objects whose
 * prototype was changed, so that no code finds again what it learned from those before. That is half of what a call
 * costs.
 */
export function install(wanted: boolean, app?: Express, version = process.versions.node): MessageClasses {
  if (!wanted || !testedVersions.includes(Number.parseInt(version, 10))) return {}
  if (app !== undefined) adopt(app)
  return { IncomingMessage: FastRequest, ServerResponse: FastResponse as MessageClasses['ServerResponse'] }
}

function adopt(app: Express): void {
  Object.assign(app, { request: FastRequest.prototype, response: FastResponse.prototype })
  app.use((request, response, next) => {
    // The prototypes, where Express looks for it, are common to all apps.
    request.app = app
    response.app = app
    next()
  })
}
