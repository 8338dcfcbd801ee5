// What kerf uses of Hugging Face's Jinja. The build makes this file dist/chat.js, which is loaded for the first conversation.
import { Template } from '@huggingface/jinja'

/** The text of a template. Throws what the template raises, and where it is no template. */
export function render(template: string, values: Record<string, unknown>): string {
  return new Template(template).render(values)
}
