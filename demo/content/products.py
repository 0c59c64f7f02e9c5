"""The shop: name, price, summary, description."""

PRODUCTS = [
    (
        "Dutch oven, 4 litres",
        "89.00",
        "Cast iron, seasoned with flax oil, heavy in the right way.",
        """
Made for the loaf that needs a lid. The walls are five millimetres thick and keep their heat when the dough goes in, which is when it matters.

Comes seasoned and gets better with use. No enamel to chip, no plastic to melt, no handle to come loose. Fits every hob, the oven and the campfire.
""",
    ),
    (
        "Whetstone 1000/6000",
        "34.50",
        "Two grits, one stone: the coarse side sets the edge, the fine side keeps it.",
        """
The stone from our sharpening course. It wants ten minutes of water before use and a flat place to dry after it.

With a holder of bamboo that does not slide, and a leaflet of four pages that says everything you need, with drawings.
""",
    ),
    (
        "Broad fork",
        "129.00",
        "Loosens the ground without turning it over. Ash handles, forged tines.",
        """
Step on, lean back, move on. Air and water get in, worms stay where they are. A bed of ten metres takes a quarter of an hour and no back ache.

Forged in a workshop of four people. The handles can be replaced, and so can the tines.
""",
    ),
    (
        "Seed box: a year of salads",
        "24.00",
        "Twelve envelopes, one for each month, of varieties that may be saved and sown again.",
        """
Lamb's lettuce for January, rocket for March, purslane for the heat of July. Each envelope says when, how deep and what to eat it with.

All of them are open-pollinated. Let two plants of each go to seed and you will need this box only once.
""",
    ),
    (
        "Darning loom",
        "42.00",
        "A small wooden loom for large holes. Weaves a patch right on the sleeve.",
        """
Clip it behind the hole, thread it, weave. The hooks turn with every row and lift every other thread for you.

With a needle, nine colours of wool, and enough patience for one evening.
""",
    ),
    (
        "Dynamo lamp",
        "64.90",
        "Seventy lux on the road, not in the eyes. Stands for four minutes after you stop.",
        """
The beam is cut off at the top, like that of a car, so that you see the road and nobody hates you.

Of aluminium, with two screws, and with a connector that can be undone with cold fingers.
""",
    ),
    (
        "Beeswax polish",
        "12.50",
        "Wax, oil, nothing else. For stools, spoons and everything that a hand touches.",
        """
From the hives on the roof of our office, with cold-pressed linseed oil. A thin coat, an hour, a cloth.

Smells of summer for a day and of nothing afterwards.
""",
    ),
    (
        "Canvas tool roll",
        "48.00",
        "Waxed cotton with eight pockets, for chisels, knives or spanners.",
        """
Rolls up to the size of a loaf. The edge of each pocket is doubled, because that is where they all tear.

Sewn in small batches. If a seam gives up, send it back: we mend it, visibly.
""",
    ),
]
