/** Shows what the mark nearest to the pointer says. Without it the page is complete, with the browser's own tooltips. */
export const SCRIPT = `
'use strict'
const tip = document.createElement('div')
tip.className = 'tip'
tip.hidden = true
document.body.append(tip)
const NEAR = 26
for (const svg of document.querySelectorAll('.chart svg[role=img]')) {
  const marks = [...svg.querySelectorAll('[data-tip]')]
  for (const mark of marks) mark.querySelector('title')?.remove()
  const hide = () => {
    tip.hidden = true
    for (const mark of marks) mark.classList.remove('near')
  }
  svg.addEventListener('pointerleave', hide)
  svg.addEventListener('pointermove', event => {
    hide()
    let nearest
    let least = NEAR * NEAR
    for (const mark of marks) {
      const box = mark.getBoundingClientRect()
      const dx = Math.max(box.left - event.clientX, 0, event.clientX - box.right)
      const dy = Math.max(box.top - event.clientY, 0, event.clientY - box.bottom)
      if (dx * dx + dy * dy < least) {
        least = dx * dx + dy * dy
        nearest = mark
      }
    }
    if (!nearest) return
    nearest.classList.add('near')
    tip.textContent = nearest.dataset.tip
    tip.hidden = false
    const box = tip.getBoundingClientRect()
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8)
    const above = event.clientY - box.height - 14
    tip.style.left = Math.max(8, left) + 'px'
    tip.style.top = (above > 8 ? above : event.clientY + 18) + 'px'
  })
}
`
