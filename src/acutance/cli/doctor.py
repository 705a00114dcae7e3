def doctor() -> None:
    """tbd"""
