def upscale() -> None:
    """tbd"""
