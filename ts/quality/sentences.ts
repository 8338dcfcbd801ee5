/**
 * Sentences on which an encoder is measured where the user gives none: pairs that mean about the same, so that each has a
 * neighbour to be found. Written for this project and dedicated to the public domain (CC0-1.0); no part of the built-in
 * calibration sample.
 */
export const SENTENCES: readonly string[] = [
  'A man is playing a guitar on stage.',
  'Somebody performs music in front of an audience.',
  'The stock market fell sharply on Monday.',
  'Shares dropped a lot at the start of the week.',
  'A child is feeding the ducks in the park.',
  'A little girl gives bread to some birds by the pond.',
  'How do I change the tyre of a bicycle?',
  'Instructions for replacing a flat bike tire.',
  'The train to the coast was cancelled because of snow.',
  'Heavy winter weather stopped the railway service to the sea.',
  'She boiled the pasta for ten minutes.',
  'The noodles were cooked in hot water until they were soft.',
  'Scientists found a new kind of frog in the rainforest.',
  'An unknown amphibian was discovered by researchers in the jungle.',
  'My laptop does not start any more.',
  'The computer refuses to boot.',
  'The museum is closed on public holidays.',
  'You cannot visit the exhibition when it is a holiday.',
  'He forgot to water the plants while his sister was away.',
  'The flowers dried out because nobody took care of them.',
  'The doctor advised her to sleep more.',
  'A physician recommended getting additional rest.',
  'Two teams tied after a long match.',
  'The game ended in a draw.',
]
