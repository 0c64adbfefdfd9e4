// `npm run settings`
import { writeFileSync } from 'node:fs'
import { envExample, settingsLists } from '../config/documents.js'

const root = new URL('../../', import.meta.url)
writeFileSync(new URL('.env.example', root), envExample())
writeFileSync(new URL('docs/settings.md', root), settingsLists())
