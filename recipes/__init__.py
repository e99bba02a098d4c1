"""Recipes: flat scripts to copy and change, and the tasks that they train on (`recipes.arithmetic:train` names a dataset)."""
