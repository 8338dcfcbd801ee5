/**
 * Plain English on which a decoder is measured where the user gives no text: narrative, explanation, instructions, dialogue.
 * Written for this project and dedicated to the public domain (CC0-1.0); no part of the built-in calibration sample.
 */
export const PROSE = `The ferry left the harbour a little after seven, while the lamps along the quay were still burning. Mara stood at the
rail with her collar turned up and watched the town grow small. She had lived there for eleven years, and she had never seen
it from the water. The church looked shorter than she remembered, and the bakery, which had always been the busiest corner of
the street, was only a yellow window among many others. Behind her two boys were arguing about whether whales could sleep.
"They have to," said the older one. "Everything sleeps." The younger one thought about this for a while. "Fire doesn't," he said.

A bicycle stays upright for several reasons, and none of them is sufficient on its own. The rider steers into a fall, often
without noticing, so that the wheels come back under the centre of mass. The front fork is bent in such a way that the wheel
tends to turn toward the side to which the frame leans. The spinning wheels resist being tilted, although at low speed this
effect is small. Engineers have built bicycles in which one or another of these effects is cancelled, and some of them could
still be ridden, which shows how easy it is to be satisfied with the first explanation that comes to mind.

To repair a dripping tap, first close the valve under the sink and open the tap until no more water comes out. Put a towel in
the basin so that small parts cannot fall into the drain. Pull off the cap, loosen the screw beneath it, and lift the handle.
With a wrench, turn the nut to the left and take out the stem. At its end there is a rubber washer. If it is hard or cracked,
replace it with one of the same size. Put everything back in the reverse order, open the valve slowly, and check whether the
joint stays dry. The whole job takes about twenty minutes and costs less than a cup of coffee.

The committee met again on Thursday to discuss the budget for the coming year. Most of the members agreed that the library
should stay open on Saturdays, but they could not agree on how to pay for it. One proposal was to raise the fee for late
books. Another was to rent out the reading room in the evenings. After two hours the chair suggested that they postpone the
decision until the figures for the last quarter were known. Nobody objected, and the meeting was closed at half past nine.

"Did you bring the key?" she asked.
"I thought you had it."
"I gave it to you on Sunday, at the station. You put it into the pocket of the other coat."
He looked down at the coat he was wearing, as if it might turn into the other one. Then he began to laugh, and after a moment
she laughed too, because it was raining, and there was nothing else to be done. They sat on the steps and ate the bread they
had bought for breakfast, and when the neighbour came home at midnight she found them asleep against the door.

Bread rises because yeast feeds on the sugar in the dough and gives off carbon dioxide. The gas collects in small bubbles,
and the gluten, a network of proteins that forms when flour is kneaded with water, keeps it from escaping. If the dough is
too warm, the yeast works quickly and the bread tastes flat. If it is left in a cool place overnight, the bubbles grow slowly
and the flavour has time to develop. In the oven the gas expands once more, the water turns to steam, and the starch sets.
What we call the crust is the part that became hot enough to lose its water and turn brown.

In the winter of that year the river froze for the first time in three decades. Children who had never held a pair of skates
found them in attics and cellars, tied together by their laces, and by noon there were hundreds of people on the ice. An old
man sold roasted chestnuts from a cart. Somebody had brought an accordion. The police walked along the bank and shouted that
it was dangerous, and after a while they came down and joined in. On the fourth day it thawed, and the water carried away
everything that had been left behind: a glove, two chairs, a hat, and the sign that warned people not to step on the ice.

A map is a promise about what can be left out. The map of an underground railway leaves out distances and keeps the order of
the stations, because a passenger wants to know where to change and not how long the tunnel is. A sailor's chart leaves out
the streets of the town and keeps the depth of the water. Neither of them is wrong. We call a map good when the things that
it leaves out are those that we would not have asked about, and we notice what is missing only when we use it for a purpose
that its maker did not have in mind.

Dear Mr. Okafor, thank you for your message of 4 May. We are sorry that the lamp arrived broken. A new one was sent to you
this morning and should reach you within three working days. You do not have to return the old one. If the second lamp is
damaged as well, please send us a photograph of the box, so that we can find out where on the way it happened. We apologise
once more for the trouble, and we hope that you will enjoy reading by its light for many years.`
