import type { SessionTerms } from './handed-out.js'
import { copyOf } from './xml/copy-of.js'
import type { Root } from './xml/root.js'

/**
 * What a creation reply says about the session (XEP-0124 §7.2), with what is usual in place of what it leaves out or
 * nobody can read. Undefined where it names no session.
 */
export function readTerms(root: Root): SessionTerms | undefined {
  const number = (name: string) => {
    const text = root.attribute(name)
    return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined
  }
  const sid = root.attribute('sid')
  if (sid === undefined || sid === '') return undefined
  return {
    // It stays for as long as the session.
    sid: copyOf(sid),
    wait: number('wait') ?? 60,
    hold: number('hold') ?? 1,
    requests: number('requests') ?? 2,
    inactivity: number('inactivity') ?? 60,
    polling: number('polling') ?? 5,
    maxpause: number('maxpause'),
    ver: /^\d{1,5}\.\d{1,5}$/.exec(root.attribute('ver') ?? '')?.[0] ?? '1.6',
  }
}
