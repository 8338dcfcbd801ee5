// The service worker: everything is kept at the first load, and hosts that cannot send headers get them from it.

/** So often a page loads itself again to become isolated: once. */
const MARK = 'kerf.isolating'

/** Keeps the page for use without a network. `isBusy` says whether a reload would lose something. */
export async function goOffline(say: (text: string) => void, isBusy: () => boolean): Promise<void> {
  if (!('serviceWorker' in navigator)) return say(threads())
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI))
    await navigator.serviceWorker.ready
    await controlled()
  } catch {
    return say(`This page cannot be kept for use without a network. ${threads()}`)
  }
  if (!crossOriginIsolated && sessionStorage.getItem(MARK) === null && !isBusy()) {
    sessionStorage.setItem(MARK, 'yes')
    return location.reload()
  }
  say(`Works without a network from now on. ${threads()}`)
}

/** Resolves when requests of this page go through the service worker. */
function controlled(): Promise<void> {
  if (navigator.serviceWorker.controller) return Promise.resolve()
  return new Promise(resolve =>
    navigator.serviceWorker.addEventListener('controllerchange', () => resolve(), { once: true }),
  )
}

function threads(): string {
  if (!crossOriginIsolated) return 'One thread: the host sends no headers for shared memory.'
  const count = navigator.hardwareConcurrency
  return `${count} ${count === 1 ? 'thread' : 'threads'}.`
}
