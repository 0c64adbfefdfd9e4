import { install, type MessageClasses } from '../../src/http/fast/install.js'

/** What servers make of requests and replies in the service; `HTTP_FAST=off` has the tests run with Node's own. */
export const messageClasses: MessageClasses = install(process.env['HTTP_FAST'] !== 'off')
