"""Courses: title, teacher, lessons, summary, description."""

COURSES = [
    (
        "Sharpening for cooks",
        "Joan Ferreira",
        4,
        "Bring the knife you have given up on, take home the best one in the drawer.",
        """
Two evenings, four lessons: steel, stone, strop and the habits that make all three last.

For eight people, each with a stone of their own. Plasters are provided and have been needed twice in six years.
""",
    ),
    (
        "Soil from the ground up",
        "Marta Holub",
        6,
        "What is under your feet, who lives in it, and how to keep them on your side.",
        """
Six Saturdays, one for each season and two for luck. We dig little, look closely, and build three kinds of compost.

You need boots and a jar with a lid.
""",
    ),
    (
        "A loaf a week",
        "Idris Bell",
        5,
        "From flour and water to a bread that you can bake half asleep.",
        """
Five loaves in five weeks, each a little wilder than the one before. The last one is raised by nothing but what was in the air.

Online, live, with cameras pointing at the dough and not at you.
""",
    ),
    (
        "Build a stool",
        "Joan Ferreira",
        3,
        "One board, three days, somewhere to sit.",
        """
Marking, sawing, mortising, wedging. By hand, because it is quieter and the mistakes are smaller.

The board is included. So is lunch.
""",
    ),
    (
        "Bicycle, disassembled",
        "Tomasz Wren",
        4,
        "Take your bike apart to the last bearing, and put it together so that it is better.",
        """
Four evenings in the workshop behind the station. Wheels, gears, brakes, and the creak that nobody has been able to find.

You will leave with black hands and without fear.
""",
    ),
    (
        "Mending in colour",
        "Ana Okafor",
        3,
        "Darn, patch and stitch so that everybody may see it.",
        """
Three techniques, three garments, one pot of tea after the other.

Bring what you love and no longer wear. There is nothing that we have not seen.
""",
    ),
]
