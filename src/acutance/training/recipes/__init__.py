"""The recipes, by the name ``acutance train`` takes."""

from acutance.training.recipes.compact import compact
from acutance.training.recipes.compact_gan import compact_gan

RECIPES = {"compact": compact, "compact_gan": compact_gan}
