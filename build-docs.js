// What `npm run build` makes of the documents: dist/docs.json, with the XHTML of each page by its name.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { Marked } from 'marked'

const { repository } = JSON.parse(readFileSync('package.json', 'utf8'))
const source = `${repository.url.replace(/^git\+|\.git$/g, '')}/blob/main/`

/** Documents outside of docs/, beside the README, which is the page of the folder itself. */
const others = { 'CHANGELOG.md': 'changelog', 'CONTRIBUTING.md': 'contributing', 'SECURITY.md': 'security' }

/** All others follow, as a group of their own. */
const groups = {
  'For portals': ['embed', 'page', 'api', 'errors'],
  'For operators': ['production', 'tuning', 'capacity', 'settings', 'runbook', 'coming-from'],
}

const settings = 'docs/settings.md'

const names = readdirSync('docs')
  .filter(file => file.endsWith('.md'))
  .map(file => file.slice(0, -3))
const ordered = [...new Set([...Object.values(groups).flat(), ...names])]
const pages = new Map([['README.md', ''], ...ordered.map(name => [`docs/${name}.md`, name]), ...Object.entries(others)])

const groupOf = name => Object.keys(groups).find(group => groups[group].includes(name)) ?? 'About'

const escaped = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const inXml = text => text.replace(/[&<>"']/g, character => escaped[character])

/** The anchors that code hosts give to headings, which the links in the documents use. */
const anchorOf = text =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')

/** Pages link to each other by relative addresses, files that are no pages are at the code host. */
function addressOf(link, path) {
  if (/^(https?|mailto):/.test(link)) return link
  const [file, anchor] = link.split('#')
  const end = anchor === undefined ? '' : `#${anchor}`
  if (file === '') return end
  const target = posix.normalize(posix.join(posix.dirname(path), file))
  const page = pages.get(target)
  return page === undefined ? `${source}${target}${end}` : `${page || './'}${end}`
}

/** The text of a document is XHTML, and has no HTML of its own. */
export function pageOf(text, path) {
  const contents = []
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text: raw }) {
        const plain = raw.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
        const anchor = anchorOf(raw)
        if (depth === 2) contents.push({ anchor, text: plain })
        return `<h${depth} id="${inXml(anchor)}">${this.parser.parseInline(tokens)}</h${depth}>\n`
      },
      link({ href, tokens }) {
        return `<a href="${inXml(addressOf(href, path))}">${this.parser.parseInline(tokens)}</a>`
      },
      // A wide table or listing scrolls by the keyboard too.
      code: ({ text: code }) => `<pre tabindex="0"><code>${inXml(code)}\n</code></pre>\n`,
      table({ header, rows }) {
        const row = (cells, nameOf) =>
          `<tr>${cells.map(({ tokens, text: cell }) => `<${nameOf(cell)}>${this.parser.parseInline(tokens)}</${nameOf(cell).split(' ')[0]}>`).join('')}</tr>\n`
        // Screen readers stumble over a header without a text.
        const isHead = header.some(({ text: cell }) => cell !== '')
        const head = isHead ? row(header, cell => (cell === '' ? 'td' : 'th scope="col"')) : ''
        const body = rows.map(cells => row(cells, () => 'td')).join('')
        return `<div class="wide" tabindex="0"><table>\n${head && `<thead>${head}</thead>\n`}<tbody>\n${body}</tbody>\n</table></div>\n`
      },
      html: ({ text: raw }) => (raw.startsWith('<!--') ? '' : inXml(raw)),
      image: ({ text: alternative }) => inXml(alternative),
      checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
      br: () => '<br />',
      hr: () => '<hr />\n',
    },
  })
  const made = marked.parse(text)
  // The README heads with the name of the package, and a setting is linked by its name.
  const body =
    path === 'README.md'
      ? made.replace(/<h1[^>]*>.*?<\/h1>/, '<h1>Overview</h1>')
      : made.replaceAll(/<li>(<code>([A-Z][A-Z0-9_]+)<\/code>)/g, path === settings ? '<li id="$2">$1' : '$&')
  const title = /<h1[^>]*>(.*?)<\/h1>/.exec(body)[1].replaceAll(/<[^>]*>/g, '')
  const begin = body.indexOf('<h2 ')
  const [intro, rest] = begin === -1 ? [body, ''] : [body.slice(0, begin), body.slice(begin)]
  return { title, contents, intro, body: rest }
}

export function buildDocs(file) {
  const made = [...pages].map(([path, name]) => [
    name,
    { ...pageOf(readFileSync(path, 'utf8'), path), group: name === '' ? '' : groupOf(name) },
  ])
  writeFileSync(file, JSON.stringify(Object.fromEntries(made)))
}
