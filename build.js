// What `npm run build` makes of src/: dist/, and in dist/browser the module for pages, which is one file; its types are in dist/types.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'

for (const project of ['tsconfig.build.json', 'src/browser'])
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], { stdio: 'inherit' })
await build({
  entryPoints: ['src/browser/connect.ts'],
  outfile: 'dist/browser/warm-bindings.js',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
})
