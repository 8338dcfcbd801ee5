import { configure, version } from '../browser.js'
import { App } from './app.js'
import { goOffline } from './offline.js'

configure({ assets: new URL('.', document.baseURI) })

const place = (id: string): HTMLElement => {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no ${id}`)
  return found
}

const app = new App(place('app'))
place('version').textContent = version()
void goOffline(
  text => (place('offline').textContent = text),
  () => app.isBusy,
)
