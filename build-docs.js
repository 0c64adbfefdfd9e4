// Writes dist/docs.json, with the XHTML of each document by its name.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { Marked } from 'marked'

const { repository } = JSON.parse(readFileSync('package.json', 'utf8'))
const source = `${repository.url.replace(/^git\+|\.git$/g, '')}/blob/main/`

/** Documents outside of docs/, without what needs a checkout. The README has the empty name. */
const others = { 'CHANGELOG.md': 'changelog', 'SECURITY.md': 'security' }

/** Other documents follow, in the group `About`. */
const groups = {
  'For portals': ['embed', 'providers', 'guests', 'page', 'api', 'errors', 'scope'],
  'For operators': ['production', 'tuning', 'capacity', 'settings', 'runbook', 'coming-from'],
}

const names = readdirSync('docs')
  .filter(file => file.endsWith('.md'))
  .map(file => file.slice(0, -3))
const ordered = [...new Set([...Object.values(groups).flat(), ...names])]
const pages = new Map([['README.md', ''], ...ordered.map(name => [`docs/${name}.md`, name]), ...Object.entries(others)])

const groupOf = name => Object.keys(groups).find(group => groups[group].includes(name)) ?? 'About'

const escaped = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const inXml = text => text.replace(/[&<>"']/g, character => escaped[character])

/** Anchors of headings, as code hosts make them. */
const anchorOf = text =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')

/** Links to pages are relative. Other files are at the code host. */
function addressOf(link, path) {
  if (/^(https?|mailto):/.test(link)) return link
  const [file, anchor] = link.split('#')
  const end = anchor === undefined ? '' : `#${anchor}`
  if (file === '') return end
  const target = posix.normalize(posix.join(posix.dirname(path), file))
  const page = pages.get(target)
  return page === undefined ? `${source}${target}${end}` : `${page || './'}${end}`
}

const namedParts = {
  // The headline of the README is the name of the package.
  'README.md': made => made.replace(/<h1[^>]*>.*?<\/h1>/, '<h1>Overview</h1>'),
  // The anchor of a setting is its name.
  'docs/settings.md': made => made.replaceAll(/<li>(<code>([A-Z][A-Z0-9_]+)<\/code>)/g, '<li id="$2">$1'),
  // The anchor of an error is its code.
  'docs/errors.md': made => {
    const codes = new Set()
    return made.replaceAll(/<tr>(<td><code>([a-z-]+)<\/code><\/td>)/g, (row, cell, code) => {
      if (codes.has(code)) return row
      codes.add(code)
      return `<tr id="${code}">${cell}`
    })
  },
}

/** Returns XHTML. HTML in a document is shown as text. */
export function pageOf(text, path) {
  const contents = []
  const anchors = new Map()
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text: raw }) {
        const plain = raw.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
        const usual = anchorOf(raw)
        const before = anchors.get(usual) ?? 0
        anchors.set(usual, before + 1)
        const anchor = before === 0 ? usual : `${usual}-${before}`
        if (depth === 2) contents.push({ anchor, text: plain })
        // Screen readers have lists of headings.
        const link =
          depth === 1 ? '' : ` <a class="anchor" href="#${inXml(anchor)}" aria-hidden="true" tabindex="-1">#</a>`
        return `<h${depth} id="${inXml(anchor)}">${this.parser.parseInline(tokens)}${link}</h${depth}>\n`
      },
      link({ href, tokens }) {
        return `<a href="${inXml(addressOf(href, path))}">${this.parser.parseInline(tokens)}</a>`
      },
      // With `tabindex`, the keyboard scrolls a wide table or listing.
      code: ({ text: code }) => `<pre tabindex="0"><code>${inXml(code)}\n</code></pre>\n`,
      table({ header, rows }) {
        const row = (cells, nameOf) =>
          `<tr>${cells.map(({ tokens, text: cell }) => `<${nameOf(cell)}>${this.parser.parseInline(tokens)}</${nameOf(cell).split(' ')[0]}>`).join('')}</tr>\n`
        // Screen readers need headers with a text.
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
  const body = namedParts[path]?.(made) ?? made
  const title = /<h1[^>]*>(.*?)<\/h1>/.exec(body)[1].replaceAll(/<[^>]*>/g, '')
  const begin = body.search(/<h2 |$/)
  return { title, contents, intro: body.slice(0, begin), body: body.slice(begin) }
}

export function buildDocs(file) {
  const made = [...pages].map(([path, name]) => [
    name,
    { ...pageOf(readFileSync(path, 'utf8'), path), group: name === '' ? '' : groupOf(name) },
  ])
  writeFileSync(file, JSON.stringify(Object.fromEntries(made)))
}
