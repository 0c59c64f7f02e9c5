"""Articles, newest first: kicker, title, author, summary, body."""

ARTICLES = [
    (
        "Soil",
        "The quiet work of leaf mould",
        "Marta Holub",
        "A wire cage, two autumns and no effort at all: why the best thing you can give a tired bed is last year's leaves.",
        """
Behind the shed of plot 41 stands a cage of chicken wire that nobody has touched for eighteen months. It was filled to the brim with wet oak leaves once. Today there is a layer at the bottom, knee high and nearly black, that smells like a wood after rain.

Leaf mould is not compost. Compost is made by bacteria, in heat, and feeds plants; leaf mould is made by fungi, in the cold, and feeds almost nothing. What it does is hold water. A bucket of it keeps four times its own weight, and gives it back slowly, in July, when you have forgotten about it.

The method is short. Rake the leaves after rain, so that they are wet. Tread them down. Wait. If you have a mower, run it over the heap first and you will save half a year. If you have no room for a cage, a perforated bag behind the water butt does the same.

Use it where other mulches fail: around seedlings that slugs would love, under blueberries, in the seed tray in place of peat. And keep a handful of the old batch for the new one. The fungi are the only ingredient you cannot rake.
""",
    ),
    (
        "Kitchen",
        "Bread without kneading, and without excuses",
        "Idris Bell",
        "Four ingredients, one pot and a night of doing nothing. The loaf that turned our test kitchen into a bakery.",
        """
There is a moment, about fourteen hours in, when the dough looks like a mistake. It is wet, it is full of holes, it will not hold a shape. That is when it is ready.

Kneading lines up the proteins of the flour by force. Time lines them up by itself, as long as there is enough water to move in. So the recipe is mostly waiting: 400 grams of flour, 300 of water, eight of salt, and as much yeast as sits on the tip of a knife. Stir until no dry flour is left. Cover. Go to bed.

In the morning fold the dough over itself four times, rest it while the oven and a heavy pot heat up to 240 degrees, and tip it in. Thirty minutes with the lid, fifteen without. The lid is the trick: it keeps the steam of the loaf around the loaf, which is what a baker's oven does with machinery.

We baked it forty times this winter, with rye, with spelt, with the water of boiled potatoes. The only failure was the one that somebody kneaded.
""",
    ),
    (
        "Craft",
        "How to sharpen a knife you have given up on",
        "Joan Ferreira",
        "A whetstone costs less than a takeaway dinner. Twenty minutes with it will outlast the next three knives you would have bought.",
        """
Most blunt knives are not blunt. Their edge has folded over, a fraction of a hair to the left or to the right, and a steel will stand it up again. The others need a stone, and a little patience.

Soak the stone until it stops bubbling. Set the blade at an angle at which two coins would fit beneath its back. Then push it, edge first, as though you wanted to shave a thin slice off the stone, from heel to tip in one movement. Ten strokes, turn it over, ten strokes.

You are done with a side when you feel a burr along the whole of the other one. That burr is the point of the exercise: no burr, no edge. Take it off with strokes that get lighter and lighter, as light as the weight of the blade at the end.

Test it on paper if you want to impress somebody, on a tomato if you want to know. And keep the knife out of the dishwasher. It is not the heat, it is the company.
""",
    ),
    (
        "Cycling",
        "A winter of commuting by bike",
        "Tomasz Wren",
        "Ninety days, eleven punctures, one broken spoke, and the discovery that the cold was never the problem.",
        """
I kept a list, because I did not trust my memory. Between the first of November and the end of January it rained on nineteen of ninety mornings. On seven it froze. On one it snowed, and that was the best day of all.

The cold is a matter of the first kilometre. What ends most winters is the dark: not being seen, and not seeing the branch. A lamp that lights the road, not only the rider, changed more than any jacket did.

The punctures came in two clusters, after storms, and all in the rear wheel. Wider tyres at a lower pressure ended them. The chain wanted oil twice a week. The brake pads were gone by Christmas. Budget for that, and for the ten minutes on Sunday in which all of it is done.

In February a colleague asked whether it had been worth it. I showed her the list. She pointed at the column I had not noticed: on eighty-three of ninety days I was home before the bus.
""",
    ),
    (
        "Garden",
        "Three sisters, one square metre",
        "Marta Holub",
        "Maize, beans and squash have been planted together for a thousand years. It turns out they know what they are doing.",
        """
The maize stands, the beans climb it, the squash covers the ground beneath. Each does one thing that the other two need, and none of them needs you very much.

Sow the maize first, four to the square metre, when the soil is warm to the wrist. Wait until it is as high as your hand before the beans go in, or they will pull it over. The squash comes last, at the southern edge, from where it will go where it likes.

The beans feed the soil with nitrogen, but mostly after the season, when their roots are left to rot. So cut them, never pull them. The squash leaves keep the ground moist and, being prickly, keep the badgers away from the maize, or at least make them think about it.

Our bed gave nine cobs, two kilos of dry beans and four squashes that we could not lift. Next year: fewer squashes.
""",
    ),
    (
        "Repair",
        "The radio that came back",
        "Joan Ferreira",
        "A valve set from 1957, a dead capacitor and an afternoon in the repair café. A story about things that were made to be opened.",
        """
It arrived in a pram. The owner, who is eighty-one, had bought it with her first wages and had been told, four times, that nobody repairs these any more.

The back came off with four screws. Inside was a diagram, pasted there by the maker, in ink. Every part was named, and every part could be reached with a finger. We looked at it for a while without saying anything.

It was a capacitor, as it nearly always is: a paper tube, leaking wax, two wires. The replacement cost forty cents and is the size of a pea. We soldered it inside the old tube, so that it looks the way it should.

Then we turned the switch, and nothing happened, because valves need half a minute. She knew that. She had started counting, under her breath, and smiled at twenty-nine.
""",
    ),
    (
        "Kitchen",
        "What to do with eleven kilos of plums",
        "Idris Bell",
        "The tree does not care about your plans for the weekend. A practical guide, sorted by how tired you are.",
        """
If you are not tired: jam. Half as much sugar as fruit, a lemon, an hour. Skim it, but do not throw the foam away, it is the best part and belongs on toast, at once, standing.

If you are a little tired: the oven. Halve the plums, stones out, cut side up on a tray, a spoon of sugar, two hours at 120 degrees. They shrink to something between fruit and sweet, and keep for a month under oil with thyme.

If you are tired: the freezer. Whole, stones in, in one layer first so that they do not become a brick. In January they go into a cake straight from the bag.

If you are very tired: a box at the gate with a sign on it. We have done this for six years. The boxes come back, too, now and then with eggs in them.
""",
    ),
    (
        "Soil",
        "Reading a weed",
        "Marta Holub",
        "Nettles, dock and horsetail are not enemies. They are the cheapest soil test that there is.",
        """
Before you pull it, ask what it is doing there. Plants that come by themselves come because the place suits them, and that tells you more about the place than a kit from the garden centre.

Nettles mean nitrogen, and usually a spot where something was heaped long ago. Dock and plantain mean that the ground is packed: their tap roots go down where nothing else gets through. Horsetail means water, somewhere below, that cannot leave. Chickweed, in a lush green mat, means that you may sow what you like.

One plant means nothing. Look at what grows in quantity, and at what is missing. A bed in which only the dock is happy does not need digging, it needs the dock's work done for it: broad forks, roots left in place, no feet.

Then you may pull it. Or make soup. Nettles, a potato, an onion, stock, ten minutes. The gloves come off for the eating.
""",
    ),
    (
        "Cycling",
        "The long way round the reservoir",
        "Tomasz Wren",
        "Forty-one kilometres, two cafés and no traffic light. Our favourite loop, with the gravel left in.",
        """
Start at the station with the wind in your face. That is a rule: it will be behind you when you are tired.

The first ten kilometres follow the canal and are flat as a ruler. The lock keeper at Hollins sells tea through the window of his kitchen, for what you put in the jar. After that the path leaves the water, climbs through beeches, and for a quarter of an hour you will wonder about my judgement.

Then comes the dam. On a still day there are two skies. The gravel on the northern shore is coarse, but thirty-five millimetre tyres float over it, and there is a bench at the exact spot where everybody stops.

The way back is downhill, nearly all of it. The second café is at kilometre thirty-six. It closes at five, and they mean it.
""",
    ),
    (
        "Craft",
        "A stool from one board",
        "Joan Ferreira",
        "Four cuts, five holes and no glue. The first piece of furniture that most of our students build, and the one they keep.",
        """
The board is two metres of ash, thirty centimetres wide, and should be as straight as you can afford. Everything else is forgiving.

Cut the seat first, a hand longer than you think. From the rest come two legs, a stretcher and a wedge. The legs go through the seat in mortises that lean outwards by eight degrees; set a sliding bevel once and never touch it again.

There is no glue. The stretcher passes through both legs, and the wedge through the stretcher, and each time somebody sits down it all gets a little tighter. In summer, when the wood is dry, tap the wedge. That is the maintenance.

Leave the tool marks. A scraped surface is easier to clean than a sanded one, looks better after ten years, and does not fill your lungs.
""",
    ),
    (
        "Garden",
        "Water once, water properly",
        "Marta Holub",
        "A splash every evening raises thirsty plants. Our trial with three beds, one can, and a very dry June.",
        """
We had three identical beds of lettuce and beans and gave each the same amount of water in a week. The first got it in seven small portions, the second in two, the third in one long soak on Sunday morning.

By the end of the month you could tell them apart from the gate. The daily bed was lush and fell over at noon. Its roots, when we dug, were all in the top five centimetres, waiting for the evening. The Sunday bed was smaller, darker, upright. Its roots had gone down to find what was left.

The middle bed won on weight, narrowly. But it was the third that we could leave alone for the ten days of the holidays.

So: less often than you want to, longer than you think, in the morning, on the soil and not on the leaves. And mulch, always mulch. See the article on leaves.
""",
    ),
    (
        "Repair",
        "Invisible mending is overrated",
        "Ana Okafor",
        "A darn in orange wool says: somebody cared for this. In praise of repairs that do not hide.",
        """
For a century the highest praise for a mend was that nobody saw it. It took hours, and strong light, and threads pulled from a hidden seam. What it said was: this never happened.

A visible darn says something else. You set up a warp across the hole, a little loom of parallel threads, and weave through it, over, under, over. It takes twenty minutes. It is stronger than what was there. And it can be any colour you like.

Pick a thread of the weight of the cloth, not heavier. Begin well outside the hole, where the fabric is sound. Leave a small loop at each turn, because wool shrinks and a tight darn puckers in the first wash.

My jumper has eleven of them now, in nine colours. People ask where I bought it.
""",
    ),
]
