"""The stages of a run. Each module has a function with the module's name: the stage's command.

The parameters of the function are the options of `motionfit stage NAME`.
"""
