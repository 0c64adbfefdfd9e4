import type { RequestHandler } from 'express'
import { Problem } from '../errors.js'

/** Refuses what is no request to read, at an address where there is nothing else to do. */
export const readOnly: RequestHandler = ({ method }, response, next) => {
  if (method === 'GET' || method === 'HEAD') return next()
  response.set('Allow', 'GET, HEAD')
  throw new Problem('method-not-allowed')
}
