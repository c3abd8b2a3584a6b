"""Sizes and times for people."""


def bytes_for_people(size: float) -> str:
    """A size for people.

    >>> bytes_for_people(2_500_000)
    '2.5 MB'
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return ""


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(75)
    '1 min 15 s'
    """
    if seconds < 1:
        return "a second"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
