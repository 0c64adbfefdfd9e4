// Express gives each request and response the prototypes of its app. V8 shares no hidden class between objects whose
// prototype was changed: whatever is put on one afterwards makes a new class for it alone, and none of the code that
// touches it finds what it learned from those before. That is half of what a call costs, and it does not happen where
// the prototypes are right from the start.
import { IncomingMessage, ServerResponse } from 'node:http'
import express, { type Express, type Request, type Response } from 'express'

/** A request that Express takes as it is. */
export class AppRequest extends IncomingMessage {}
Object.setPrototypeOf(AppRequest.prototype, express.request)

/** A response that Express takes as it is. */
export class AppResponse extends ServerResponse {}
Object.setPrototypeOf(AppResponse.prototype, express.response)

/** Makes these the requests and responses of an app. Others that come to it become such ones. */
export function useMessages(app: Express): void {
  Object.assign(app, { request: AppRequest.prototype, response: AppResponse.prototype })
}

/** Says whose they are, before anything else is done with them: the prototypes are common to all apps. */
export function nameApp(app: Express, request: Request, response: Response): void {
  request.app = app
  response.app = app
}
