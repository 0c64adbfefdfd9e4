// What `npm run build` makes of src/: dist/, and in dist/browser the two modules for pages, each of one file; their types are in dist/types.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'

/** Members of the module for pages that no page, Strophe or stored memory knows, by names that are long: about 200 bytes less, compressed. */
const ownNames =
  /^(answered|arrivals|arrived|blocked|check|confirming|departures|failAll|failing|forgetSession|forgetUser|giveUp|goOn|isComplete|isManaged|isRepeated|joining|lost|nextRid|recall|recalled|release|retryAfter|sendMessages|sendUnsent|settled|showNow|startAfter|succeeded|takeBack|takeOver|unsent)$/

for (const project of ['tsconfig.build.json', 'src/packages/browser'])
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], { stdio: 'inherit' })
for (const [source, name] of [
  ['connect', 'warm-bindings'],
  ['converse', 'warm-bindings-converse'],
])
  await build({
    entryPoints: [`src/packages/browser/${source}.ts`],
    outfile: `dist/browser/${name}.js`,
    bundle: true,
    minify: true,
    mangleProps: ownNames,
    format: 'esm',
    target: 'es2022',
  })
