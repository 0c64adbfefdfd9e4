// Express gives each request and response the prototypes of its app. V8 shares no hidden class between objects whose
// prototype was changed: whatever is put on one afterwards makes a new class for it alone, and none of the code that
// touches it finds what it learned from those before. That is half of what a call costs, and it does not happen where
// the prototypes are right from the start.
import { ServerResponse } from 'node:http'
import express, { type Express, type Request, type Response } from 'express'
import { TakenRequest } from './taken-request.js'

/** How long a connection may wait for its next request: longer than with common proxies, which are then the ones to close it. */
export const keepAliveSeconds = 75

/** A request that Express takes as it is. */
export class AppRequest extends TakenRequest {}
Object.setPrototypeOf(TakenRequest.prototype, express.request)

/** A response that Express takes as it is. */
export class AppResponse extends ServerResponse<AppRequest> {
  // Node's types would have it that nobody sets it.
  declare finished: boolean
}
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
