// Express gives each request and response the prototypes of its app. V8 shares no hidden class between objects whose
// prototype was changed: whatever is put on one afterwards makes a new class for it alone, and none of the code that
// touches it finds what it learned from those before. That is half of what a call costs, and it does not happen where
// the prototypes are right from the start.
import { IncomingMessage, ServerResponse } from 'node:http'
import express, { type Express, type RequestHandler } from 'express'

/** A request that Express takes as it is. */
export class AppRequest extends IncomingMessage {}
Object.setPrototypeOf(AppRequest.prototype, express.request)

/** A response that Express takes as it is. */
export class AppResponse extends ServerResponse {}
Object.setPrototypeOf(AppResponse.prototype, express.response)

/** Makes these the requests and responses of an app. Others that come to it become such ones. */
export function useMessages(app: Express): void {
  Object.assign(app, { request: AppRequest.prototype, response: AppResponse.prototype })
  app.use(nameApp(app))
}

/** All apps have these prototypes in common, so it is the messages that say whose they are. */
function nameApp(app: Express): RequestHandler {
  return (request, response, next) => {
    request.app = app
    response.app = app
    next()
  }
}
