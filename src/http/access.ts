import type { AccessRule } from '../config/config.js'

/** Whether a client with this address may use an endpoint. */
export type Access = (address: string) => boolean

/** Makes a rule of the settings ready to be asked at every request; undefined where every address may call. */
export function accessBy({ allow, deny }: AccessRule): Access | undefined {
  const isForAll = allow.list.some(entry => entry.toLowerCase() === 'any') && deny.list.length === 0
  return isForAll ? undefined : address => allow.contains(address) && !deny.contains(address)
}
