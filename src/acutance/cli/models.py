def models() -> None:
    """tbd"""
