import { readFileSync } from 'node:fs'

export const { name, version, description, license } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Readonly<Record<'name' | 'version' | 'description' | 'license', string>>
