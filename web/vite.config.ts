import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

// The licence of MapLibre asks for its text beside the code.
const licences: Plugin = {
  name: 'licences',
  apply: 'build',
  buildStart() {
    const path = fileURLToPath(new URL('node_modules/maplibre-gl/dist/LICENSE.txt', import.meta.url))
    this.emitFile({ type: 'asset', name: 'licences.txt', source: readFileSync(path) })
  },
}

// The worker is copied as it is; its source map is not.
const noSourceMapLink: Plugin = {
  name: 'no-source-map-link',
  apply: 'build',
  generateBundle(_, bundle) {
    for (const out of Object.values(bundle)) {
      if (out.type === 'asset' && out.fileName.endsWith('.js')) {
        out.source = out.source.toString().replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n')
      }
    }
  },
}

export default defineConfig({
  plugins: [licences, noSourceMapLink],
  resolve: {
    // The build of MapLibre that a strict Content-Security-Policy allows: its
    // worker is a file, not a blob.
    alias: [{ find: /^maplibre-gl$/, replacement: 'maplibre-gl/dist/maplibre-gl-csp.js' }],
  },
  build: {
    target: 'es2020',
    sourcemap: false,
    assetsInlineLimit: 0, // a hash in every name, no data: but MapLibre's own
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      output: {
        // Apart, MapLibre keeps its name, hence the browser's copy, when only our code changes.
        codeSplitting: { groups: [{ name: 'maplibre', test: /maplibre-gl/ }] },
      },
    },
  },
})
