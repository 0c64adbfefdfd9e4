import { install, type MessageClasses } from '../../src/http/fast/install.js'

/** The classes of requests and replies in the service. With `HTTP_FAST=off`, tests use Node's own classes. */
export const messageClasses: MessageClasses = install(process.env['HTTP_FAST'] !== 'off')
