// Called by Jest behind its last test.
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export default async function removeBundle() {
  const { BUNDLED_SERVICE: main } = process.env
  if (main !== undefined) await rm(dirname(main), { recursive: true, force: true })
}
