import { fileURLToPath } from 'node:url'
import { Features } from 'lightningcss'
import { defineConfig } from 'vite'

export default defineConfig({
  css: {
    transformer: 'lightningcss',
    lightningcss: { exclude: Features.LightDark }, // its replacement needs twice the size and knows no inner change of scheme
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: {
    alias: {
      '@switchboard/client': fileURLToPath(new URL('../../client/src/index.ts', import.meta.url)),
    },
    dedupe: ['graphql-ws'], // the library is taken from its source, outside of node_modules
  },
  build: {
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'], // the first with light-dark()
    assetsDir: 'console',
    assetsInlineLimit: 0, // the content security policy allows no data: URLs
    modulePreload: false,
    reportCompressedSize: false,
  },
})
