"""The posts of the blog, oldest first: title, summary, paragraphs."""

POSTS = [
    (
        "A greenhouse from nine old windows",
        "What the glazier threw away, a weekend of screws, and the first tomatoes three weeks early.",
        (
            "The windows stood behind the glazier's workshop, nine of them, all of one house and no two of one size. He was glad to be rid of them.",
            "We laid them out on the grass until they made a box: the two tallest for the gable, the narrow ones for the sides, the one with the vent at the top. A frame of larch holds them, screwed and not nailed, so that a broken pane costs an evening and not a season.",
            "On the third of April it was four degrees outside and nineteen within. The tomatoes noticed.",
        ),
    ),
    (
        "The shared tool shed, one year on",
        "Forty plots, one lawn mower, no quarrel worth the name. How the list on the door works.",
        (
            "A year ago there were forty mowers on this site, and on any given Saturday two of them started. Now there is one, it starts, and it is in use on every dry day.",
            "The rule fits on the door. Write your plot and the hour. Bring it back clean. If it breaks in your hands, say so and nobody will ask how. The last sentence is the one that made it work.",
            "Next on the list are a chipper and a cider press. The list for the list has begun.",
        ),
    ),
    (
        "We counted the slugs",
        "Six nights, two torches, and a result that changed where the lettuces go.",
        (
            "Everybody on the site knows where the slugs come from: from the neighbour's plot. So we went out with torches and counted, six nights in a row, bed by bed.",
            "Most of them, by far, sat within an arm's length of the paths, where the grass is long and stays wet. In the middle of a wide bed there was one for every twelve at the edge.",
            "The lettuces have moved to the middle, the paths are cut short, and the neighbours have had an apology.",
        ),
    ),
]
