// Rendezvous hashing: all processes agree on an order for each key. If a process comes or goes, only its own
// keys move.

export function firstFor(key: string, names: readonly string[]): string {
  const keyHash = hashOf(key)
  let first = names[0]!
  let most = weightOf(keyHash, first)
  for (const name of names) {
    const weight = weightOf(keyHash, name)
    if (weight > most || (weight === most && name < first)) [first, most] = [name, weight]
  }
  return first
}

export function orderFor(key: string, names: readonly string[]): string[] {
  const keyHash = hashOf(key)
  return names
    .map(name => ({ name, weight: weightOf(keyHash, name) }))
    .sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name)
}

const nameHashes = new Map<string, number>()
const mostNames = 1_000

function weightOf(keyHash: number, name: string): number {
  let nameHash = nameHashes.get(name)
  if (nameHash === undefined) {
    if (nameHashes.size === mostNames) nameHashes.clear()
    nameHash = hashOf(name)
    nameHashes.set(name, nameHash)
  }
  // Mixed, so that the keys of a lost process spread over all others.
  return mixed(keyHash ^ nameHash) >>> 0
}

/** FNV-1a over code units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mixed(hash)
}

/** The final mix of MurmurHash3. */
function mixed(hash: number): number {
  let bits = hash
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
