import { WaitingMemory } from '../../src/lib/limits/waiting-memory.js'
import { absentLink, Uplink } from '../../src/session/link/uplink.js'

export function uplinkWith(byteRate: { readonly sessionBytes: number; readonly sessionBurst: number }): Uplink {
  const ignore = () => {}
  const link = absentLink({ onElement: ignore, onEnd: ignore })
  return new Uplink(link, { byteRate, waiting: new WaitingMemory() })
}
