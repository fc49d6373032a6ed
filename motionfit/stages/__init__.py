"""The stages of a run: each module has one function of its name, the command of the stage.

The parameters of the function are the options of `motionfit stage NAME`.
"""
