"""The recipes, by the name ``acutance train`` takes."""

from acutance.training.recipes.compact import compact

RECIPES = {"compact": compact}
