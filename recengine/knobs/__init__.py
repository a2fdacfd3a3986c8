"""The knobs: what each stage can be told, and where it is told from.

A knob is declared once, here: its name, default, bounds and meaning are the form's, the command line's and the docs'.
What may go in: configs of stages, and how their values are found. A model's own knobs stand in the model's file.
"""
