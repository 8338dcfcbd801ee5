// The pages that kerf writes, with the charting library: a bundle of its own, which is loaded when a page is wanted.
export { renderLearning } from './learning/page.js'
export { renderPage } from './page/page.js'
export { renderRouting } from './routing/page.js'
