// Serves the page from a cache that is filled once, with the headers that shared memory asks for.

declare const self: ServiceWorkerGlobalScope
/** Files of the page and a digest of them all, put in by the build. */
declare const PAGE_FILES: readonly string[]
declare const PAGE_DIGEST: string

const CACHE = `kerf-${PAGE_DIGEST}`
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

self.addEventListener('install', event => event.waitUntil(fill()))
self.addEventListener('activate', event => event.waitUntil(takeOver()))
self.addEventListener('fetch', event => {
  const { request } = event
  const isOurs = request.method === 'GET' && request.url.startsWith(self.registration.scope)
  if (isOurs) event.respondWith(answer(request))
})

/** A new version waits until no tab has the old one: files of two versions never meet. */
async function fill(): Promise<void> {
  const cache = await caches.open(CACHE)
  await cache.addAll(PAGE_FILES.map(file => new Request(file, { cache: 'no-cache' })))
}

async function takeOver(): Promise<void> {
  const names = await caches.keys()
  const old = names.filter(name => name.startsWith('kerf-') && name !== CACHE)
  await Promise.all(old.map(name => caches.delete(name)))
  await self.clients.claim()
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE)
  // A copy of a response, below: one that a host redirected would be refused for a page.
  const asked = request.mode === 'navigate' ? 'index.html' : request
  const found = await cache.match(asked, { ignoreSearch: true })
  const response = found ?? (await fetch(request))
  if (response.status === 0) return response
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value)
  const { status, statusText } = response
  return new Response(response.body, { status, statusText, headers })
}
