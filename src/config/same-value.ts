import { KeyObject } from 'node:crypto'

/** Functions count as equal. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one === 'function') return typeof other === 'function'
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (one instanceof KeyObject) return other instanceof KeyObject && one.equals(other)
  if (one instanceof URL) return other instanceof URL && one.href === other.href
  if (one instanceof Map) return other instanceof Map && isSame([...one], [...other])
  const [left, right] = [Object.entries(one), Object.entries(other)]
  return (
    left.length === right.length && left.every(([key, value]) => isSame(value, (other as Record<string, unknown>)[key]))
  )
}
