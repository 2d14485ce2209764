// Stable names, nothing inlined (the page's Content-Security-Policy allows no data: URL), one script and one stylesheet.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  base: '/',
  build: {
    target: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: (asset) => (asset.names[0]?.endsWith('.css') ? 'assets/app.css' : 'assets/[name][extname]'),
      },
    },
  },
  // `npm run dev` beside the mock (or a real instance) on 8080.
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/publish', '/analytics'].map((path) => [path, { target: 'http://127.0.0.1:8080', changeOrigin: true }]),
    ),
  },
});
