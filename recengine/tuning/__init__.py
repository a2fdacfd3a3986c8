"""How a recipe's knobs are searched: inside the training part, by what each gains on several cuts in time."""
