// Rendezvous hashing: every process finds the same order of processes for a key, and where one comes or goes only the keys
// move that it has, or is to have.

/** The process that comes first for a key. */
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

/** All of these processes in their order for a key. */
export function orderFor(key: string, names: readonly string[]): string[] {
  const keyHash = hashOf(key)
  return names
    .map(name => ({ name, weight: weightOf(keyHash, name) }))
    .sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name)
}

/** The hashes of names, which are few: those of processes that are gone are forgotten now and then. */
const nameHashes = new Map<string, number>()
const mostNames = 1_000

function weightOf(keyHash: number, name: string): number {
  let nameHash = nameHashes.get(name)
  if (nameHash === undefined) {
    if (nameHashes.size === mostNames) nameHashes.clear()
    nameHash = hashOf(name)
    nameHashes.set(name, nameHash)
  }
  // What is near each other is not near each other any more, so that no process has the keys of another that is gone.
  return mixed(keyHash ^ nameHash) >>> 0
}

/** FNV-1a over code units, and then mixed: it need not be secret, since names of processes are random. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mixed(hash)
}

/** The last steps of MurmurHash3: each bit of the result depends on each bit. */
function mixed(hash: number): number {
  let bits = hash
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
