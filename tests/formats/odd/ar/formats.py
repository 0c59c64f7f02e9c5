THOUSAND_SEPARATOR = '<&"~>'
NUMBER_GROUPING = (1, 2, 3)
DATETIME_FORMAT = r"\d|~^`d D \\j c r u T e O Z I"
